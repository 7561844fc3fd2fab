"""A scripted phone with slots and images of header v4, and hardboot connected to it."""

from collections.abc import Mapping
from pathlib import Path

import image_sets as build
import msgspec
import pytest
import scripted_setup as setup
from image_builders import dtb
from scripted_phone import Kernel, ScriptedPhone

from hardboot import profile
from hardboot.device.phone import Phone
from hardboot.profile import Profile
from hardboot.profile.schema import Partition

SIZE = 64 << 10  # bytes of each partition
CMDLINE = f"{build.VENDOR_CMDLINE} own=1 androidboot.bootloader=u-boot"
BOOTCONFIG = (
    'androidboot.hardware = "virt-arm64"\nandroidboot.slot_suffix = "_b"\nandroidboot.dtbo_idx = "1"\n'
)
HOST = Kernel("6.1.0-host", page=0x44000000, cmdline=CMDLINE, files={"/proc/bootconfig": BOOTCONFIG.encode()})
# What the bootloader made of the tree in vendor_boot and overlay 1.
LIVE = dtb(
    '/ { model = "live"; #address-cells = <2>; #size-cells = <2>; chosen { }; '
    'memory@40000000 { device_type = "memory"; reg = <0 0x40000000 0 0x40000000>; }; };'
)
BASE = dtb(
    '/ { model = "base"; #address-cells = <2>; #size-cells = <2>; leaf { phandle = <1>; }; '
    '__symbols__ { leaf = "/leaf"; }; };'
)
OVERLAYS = [dtb(f"/dts-v1/; /plugin/; &leaf {{ number = <{one}>; }};") for one in (0, 1)]
IMAGES = {
    "boot": build.boot_v4(cmdline=b"own=1"),
    "init_boot": build.boot_v4(b"", b"the phone's generic ramdisk"),
    "vendor_boot": build.vendor_boot([(build.PLATFORM, b"the phone's vendor ramdisk")], dtb=BASE),
    "dtbo": build.overlay_table(*OVERLAYS),
}


def small_profile() -> Profile:
    """virt-arm64 with small partitions, which has been tested."""
    known = profile.load("virt-arm64")
    partitions = {
        name: Partition(path=one.path, size=SIZE, slots=one.slots) for name, one in known.partitions.items()
    }
    return msgspec.structs.replace(known, partitions=partitions)


def phone_with_slots(images: Mapping[str, bytes] = IMAGES) -> ScriptedPhone:
    """Return a phone that runs from slot b; slot a holds other images, which boot, too."""
    phone = ScriptedPhone()
    phone.properties |= {"ro.product.device": "virt-arm64", "ro.boot.slot_suffix": "_b"}
    for name, content in images.items():
        phone.partition(f"{name}_a", b"slot a is not looked at", size=SIZE)
        phone.partition(f"{name}_b", content, size=SIZE)
    phone.boots.append((b"", HOST))
    phone.trees["/sys/firmware/fdt"] = LIVE
    phone.power_on()
    return phone


def install(phone: ScriptedPhone, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Phone:
    """Connect hardboot to `phone`, on its clock."""
    setup.install(phone, monkeypatch, folder)
    known = profile.match
    monkeypatch.setattr(
        profile, "match", lambda product: small_profile() if product == "virt-arm64" else known(product)
    )
    return setup.connected(phone)

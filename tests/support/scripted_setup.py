"""A scripted phone with a disk that boots, and hardboot connected to it, on its clock."""

import sys
import time
from pathlib import Path

import container_builders as build
import msgspec
import pytest
from image_builders import board, dtb, hardboot_tag, kernel_with_banner, pack, zimage
from ramdisks import ramdisk
from scripted_phone import HOST, STOCK, ScriptedPhone, Segment

from hardboot import profile
from hardboot.device.phone import Phone, connect
from hardboot.flows import bench, boot  # noqa: F401  # their clocks are replaced
from hardboot.flows.ways import bootloader  # noqa: F401  # its clock, too
from hardboot.profile import Profile
from hardboot.profile.schema import Partition

SIZE = 64 << 10  # bytes of the boot partition
PAGE = 0x44000000
SEGMENT = Segment(b"something", 0x48000000, 4096)
TREE = dtb('/ { model = "scripted"; #address-cells = <1>; #size-cells = <1>; chosen { }; };')
STOCK_IMAGE = build.boot(zimage(), b"the stock ramdisk", cmdline=b"console=ttyAMA0")
HOST_IMAGE = build.boot(zimage(tags=hardboot_tag(PAGE)), ramdisk(), cmdline=b"console=ttyAMA0")
RAMDISK = ramdisk(891)
_ROM_KERNEL = zimage(payload=pack(kernel_with_banner("6.6.0-rom", 20_000, 10_000), "gzip"))


def rom_image(
    folder: Path, *, tree: bytes | None = None, cmdline: bytes = b"console=ttyAMA0", ramdisk: bytes = RAMDISK
) -> Path:
    """Return a boot image to start from RAM: its kernel is that of `ScriptedPhone.rom`."""
    path = folder / "rom.img"
    tree = board("mine") if tree is None else tree
    path.write_bytes(build.boot(_ROM_KERNEL + tree, ramdisk, cmdline=cmdline))
    return path


def own_image() -> bytes:
    """Return a boot image of a host that can also be started from RAM."""
    unpacked = kernel_with_banner("6.1.0-host", 20_000, 10_000)
    kernel = zimage(tags=hardboot_tag(PAGE), payload=pack(unpacked, "gzip"))
    return build.boot(kernel + board("mine"), RAMDISK, cmdline=b"console=ttyAMA0")


def small_profile(size: int | None = SIZE) -> Profile:
    """virt-arm with a boot partition of `size` bytes: 16 MiB take their time."""
    known = profile.load("virt-arm")
    partitions = {name: Partition(path=one.path, size=size) for name, one in known.partitions.items()}
    return msgspec.structs.replace(known, partitions=partitions)


def phone_with_disk(*, host: bool = True) -> ScriptedPhone:
    """Return a phone that runs the kernel of its boot partition: the host, or the stock one."""
    phone = ScriptedPhone()
    phone.partition("boot", HOST_IMAGE if host else STOCK_IMAGE, size=SIZE)
    phone.partition("recovery", STOCK_IMAGE, size=SIZE)
    phone.partition("userdata", b"", size=4096)
    phone.boots += [(HOST_IMAGE, HOST), (STOCK_IMAGE, STOCK)]
    phone.trees["/sys/firmware/fdt"] = TREE
    phone.power_on()
    return phone


def install(phone: ScriptedPhone, monkeypatch: pytest.MonkeyPatch, folder: Path) -> ScriptedPhone:
    """Let hardboot find `phone`, live on its clock, and keep its state below `folder`."""
    monkeypatch.setenv("XDG_STATE_HOME", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    for name, module in list(sys.modules.items()):
        if name.startswith("hardboot.") and getattr(module, "time", None) is time:
            monkeypatch.setattr(module, "time", phone.clock)
    for place in ("hardboot.device.handset", "hardboot.device.phone"):
        monkeypatch.setattr(f"{place}.open_transport", lambda _serial: phone.transport)
        monkeypatch.setattr(f"{place}.only_phone", lambda: phone.adb_serial)
    known = profile.match

    def match(product: str) -> Profile | None:
        return small_profile() if product == "virt-arm" else known(product)

    monkeypatch.setattr(profile, "match", match)
    return phone


def connected(phone: ScriptedPhone) -> Phone:
    """Connect hardboot to it; the connecting leaves nothing in the events."""
    found = connect(None, None)
    phone.events.clear()
    phone.commands.clear()
    return found


def add_slots(phone: ScriptedPhone, monkeypatch: pytest.MonkeyPatch, *, running: str = "b") -> None:
    """Give the phone boot_a with the stock image and boot_b with the host, and a profile that says so."""
    known = small_profile()
    twice = msgspec.structs.replace(known.partitions["boot"], slots=True)
    slotted = msgspec.structs.replace(known, partitions=known.partitions | {"boot": twice})
    monkeypatch.setattr(profile, "match", lambda _product: slotted)
    phone.partition("boot_a", STOCK_IMAGE, size=SIZE)
    phone.partition("boot_b", HOST_IMAGE, size=SIZE)
    phone.properties["ro.boot.slot_suffix"] = f"_{running}"

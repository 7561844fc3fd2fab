"""The virtual phone of today, out of the box: what its bootloader put together from five images."""

import struct
import subprocess
import sys
from pathlib import Path

import pytest
from phones import VirtualPhone

from hardboot import profile
from hardboot.base.process import find_tool
from hardboot.virtual import modern, packages

pytestmark = pytest.mark.e2e

SAID = {  # what an unlocked phone says
    "ro.boot.slot_suffix": "_a",
    "ro.boot.verifiedbootstate": "orange",
    "ro.boot.vbmeta.device_state": "unlocked",
    "ro.boot.flash.locked": "0",
    "ro.boot.force_normal_boot": "1",
    "ro.boot.dtbo_idx": "0",
    "ro.boot.mode": "",
    "ro.hardware": "virt-arm64",
    "ro.serialno": "HBVIRT-ARM64",
    "ro.product.device": "virt-arm64",
    "ro.build.version.sdk": "34",
}


def test_it_says_what_unlocked_phones_say(modern_phone: VirtualPhone) -> None:
    look = "; ".join(f"getprop {name}" for name in SAID)
    assert dict(zip(SAID, modern_phone.run(look).splitlines(), strict=True)) == SAID
    states, steps = modern_phone.doctor()
    known = ("lock", "verified boot", "root", "slots", "boot image", "kexec", "ramoops", "partitions")
    assert {name: states[name] for name in known} == dict.fromkeys(known, "ok")
    assert states["host kernel"] == "not"
    assert steps[0] == "hardboot boot IMAGE --via fastboot"


def test_status_names_the_model_and_its_images(modern_phone: VirtualPhone) -> None:
    status = modern_phone("--json", "virtual", "status", "--device", "virt-arm64").json
    assert status["device"] == "virt-arm64"
    assert status["fastboot"] == f"udp:{status['serial']}"
    assert {path.name for path in Path(status["factory_image"]).iterdir()} == {
        f"{name}.img" for name in modern.IMAGES
    }


def test_the_ramdisk_is_that_of_vendor_boot_without_recovery_and_init_boot(
    modern_phone: VirtualPhone,
) -> None:
    assert modern_phone.run("ls /sbin").split() == ["adbd", "su"]
    assert modern_phone.run("ls /first_stage_ramdisk").split() == ["fstab.virt-arm64"]


def test_the_bootconfig_of_vendor_boot_comes_before_the_bootloaders(modern_phone: VirtualPhone) -> None:
    lines = modern_phone.run("cat /proc/bootconfig").splitlines()
    assert lines[0] == 'androidboot.hardware = "virt-arm64"'
    assert 'androidboot.serialno = "HBVIRT-ARM64"' in lines[2:]
    assert modern_phone.run("cat /proc/cmdline").strip() == modern.VENDOR_CMDLINE


def test_the_device_tree_has_the_overlay_and_a_seed(modern_phone: VirtualPhone, tmp_path: Path) -> None:
    known = profile.load("virt-arm64")
    tree = "/proc/device-tree"
    words = modern_phone.run(f"od -An -tx1 {tree}/reserved-memory/ramoops@44100000/reg").split()
    (ramoops,) = known.reserved
    assert struct.unpack(">QQ", bytes.fromhex("".join(words))) == (ramoops.start, ramoops.size)
    assert "kaslr-seed" in modern_phone.run(f"ls {tree}/chosen").split()
    # All the rest is the machine's own tree, which lies in vendor_boot.
    dtb = tmp_path / "dtb"
    dtb.write_bytes(modern.device_tree(tmp_path))
    fdtget = find_tool("fdtget", "device-tree-compiler")
    own = subprocess.run([fdtget, "-l", dtb, "/"], capture_output=True, text=True, check=True, timeout=20)
    nodes = modern_phone.run(f"cd {tree}; ls -d */").replace("/", "").split()
    assert set(nodes) == {*own.stdout.split(), "reserved-memory"}


def test_the_profile_agrees_with_the_phone(modern_phone: VirtualPhone) -> None:
    known = profile.load("virt-arm64")
    layout = dict(zip(modern.LAYOUT[::2], modern.LAYOUT[1::2], strict=True))
    assert known.image.base == int(layout["--base"], 16)
    assert known.image.kernel_offset == int(layout["--kernel_offset"], 16)
    assert known.image.ramdisk_offset == int(layout["--ramdisk_offset"], 16)
    assert known.image.tags_offset == int(layout["--tags_offset"], 16)
    iomem = modern_phone.run("su -c 'cat /proc/iomem'")
    for bank in known.ram:
        assert f"{bank.start:08x}-{bank.end - 1:08x} : System RAM" in iomem
    assert "4c000000-" in iomem  # the ramdisk: within `ramdisk-load` of the profile
    said = modern_phone.said()
    for name, address in (("boot", 0x60000000), ("vendor_boot", 0x68000000), ("init_boot", 0x6A000000)):
        place = modern.TABLE.place(f"{name}_a")
        area = next(one for one in known.bootloader if one.name == f"{name.replace('_', '-')}-load")
        assert (area.start, area.size) == (address, place.size)
        assert f"block # {place.offset // 512}, count {place.size // 512} ..." in said


def test_both_slots_hold_what_aosps_tool_reads(modern_phone: VirtualPhone, tmp_path: Path) -> None:
    package = packages.package_dir("mkbootimg", suite=packages.NEWER, architecture=packages.ALL)
    factory = modern_phone.status.factory_image
    for name, expected in {
        "boot": ["boot image header version: 4", "ramdisk size: 0"],
        "init_boot": ["boot image header version: 4", "kernel_size: 0"],
        "vendor_boot": [
            "vendor boot image header version: 4",
            "vendor ramdisk table",
            "platform",
            "recovery",
        ],
    }.items():
        image = factory / f"{name}.img"
        for slot in modern.SLOTS:
            content = modern_phone.read_partition(f"{name}_{slot}")
            assert content.rstrip(b"\0") == image.read_bytes().rstrip(b"\0")
        words: list[str | Path] = ["--boot_img", image, "--out", tmp_path / name]
        tool: list[str | Path] = [sys.executable, package / "usr/bin/unpack_bootimg"]
        said = subprocess.run([*tool, *words], capture_output=True, text=True, check=True, timeout=60).stdout
        assert [part for part in expected if part not in said] == []


def test_data_is_f2fs_and_survives_a_restart(modern_phone: VirtualPhone) -> None:
    assert "/data type f2fs" in modern_phone.run("mount")
    modern_phone.run("echo mine > /data/local/tmp/mine; sync")
    modern_phone.restart()
    assert modern_phone.run("cat /data/local/tmp/mine; rm /data/local/tmp/mine") == "mine\n"


def test_recovery_is_another_ramdisk_and_is_reached_once(modern_phone: VirtualPhone) -> None:
    look = "getprop ro.boot.mode; getprop ro.boot.force_normal_boot; ls /sbin"
    resets = modern_phone.status.resets
    modern_phone.run("su -c 'reboot recovery </dev/null >/dev/null 2>&1 &'")
    modern_phone.wait(resets)
    assert modern_phone.run(look).split() == ["recovery", "adbd", "recovery", "su"]
    modern_phone.start()
    assert modern_phone.run(look).split() == ["1", "adbd", "su"]
    modern_phone.start("--recovery")
    assert modern_phone.run(look).split() == ["recovery", "adbd", "recovery", "su"]
    assert modern_phone.doctor()[1][0] == "hardboot reboot"
    modern_phone.restart()


def test_the_kernels_log_before_a_reset_is_kept(modern_phone: VirtualPhone) -> None:
    resets = modern_phone.status.resets
    modern_phone.run("su -c 'echo remember-me > /dev/kmsg; echo over-the-reset > /dev/pmsg0'")
    modern_phone.run("su -c 'reboot </dev/null >/dev/null 2>&1 &'")
    modern_phone.wait(resets)
    kept = modern_phone.run("su -c 'cat /sys/fs/pstore/*'")
    assert "remember-me" in kept
    assert "over-the-reset" in kept

"""fastboot on the phone with slots, by Debian's own client, and what a locked bootloader refuses."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from adb_client import Adb
from phones import VirtualPhone

from hardboot.virtual import machine, modern, packages

pytestmark = pytest.mark.e2e


@pytest.fixture
def waiting(modern_phone: VirtualPhone) -> Iterator[VirtualPhone]:
    """Yield the phone in fastboot; afterwards it runs again."""
    modern_phone.start("--fastboot")
    yield modern_phone
    modern_phone.restart()


def test_adb_reboots_into_the_bootloader_and_fastboot_leaves_it(modern_phone: VirtualPhone, adb: Adb) -> None:
    seen, resets = modern_phone.status.console.stat().st_size, modern_phone.status.resets
    adb.run("connect", modern_phone.serial)
    assert adb.run("-s", modern_phone.serial, "reboot", "bootloader").returncode == 0
    assert modern_phone.fastboot.variable("product") == "virt-arm64"
    assert machine.IN_FASTBOOT in modern_phone.said(seen)
    seen = modern_phone.status.console.stat().st_size
    modern_phone.fastboot.good("reboot-bootloader")
    assert modern_phone.fastboot.variable("serialno") == "HBVIRT-ARM64"
    modern_phone.fastboot.good("reboot")
    modern_phone.wait(resets + 2)
    assert modern_phone.run("getprop ro.boot.slot_suffix") == "_a\n"
    adb.run("disconnect", modern_phone.serial)


def test_variables_tell_of_slots_and_partitions(waiting: VirtualPhone) -> None:
    listed = waiting.fastboot.good("getvar", "all")
    for line in ("slot-count: 2", "current-slot: a", "unlocked: yes", "max-download-size: 0x08000000"):
        assert f"(bootloader) {line}\n" in listed
    assert waiting.fastboot.variable("has-slot:init_boot") == "yes"
    assert waiting.fastboot.variable("has-slot:misc") == "no"
    assert int(waiting.fastboot.variable("partition-size:boot_b"), 16) == modern.TABLE.place("boot_b").size
    assert waiting.fastboot.refused("getvar", "partition-size:nowhere") == "no such partition"


def test_an_image_is_flashed_into_the_active_slot_and_booted(waiting: VirtualPhone, modern_rom: Path) -> None:
    before = {name: waiting.read_partition(name) for name in ("init_boot_a", "init_boot_b")}
    waiting.fastboot.good("set_active", "b")
    assert waiting.fastboot.variable("current-slot") == "b"
    image = modern_rom / "init_boot.img"
    waiting.fastboot.good("flash", "init_boot", image)
    assert waiting.read_partition("init_boot_b").startswith(image.read_bytes())
    assert waiting.read_partition("init_boot_a") == before["init_boot_a"]
    resets = waiting.status.resets
    waiting.fastboot.good("reboot")
    waiting.wait(resets)
    assert waiting.run("getprop ro.boot.slot_suffix; getprop ro.build.display.id") == "_b\nminimal\n"
    waiting.start("--fastboot")
    waiting.fastboot.good("set_active", "a")
    waiting.fastboot.good("flash", "init_boot_b", waiting.status.factory_image / "init_boot.img")
    assert waiting.read_partition("init_boot_b") == before["init_boot_b"]


def test_a_partition_is_erased_and_an_image_too_large_refused(waiting: VirtualPhone, tmp_path: Path) -> None:
    waiting.fastboot.good("erase", "vbmeta_b")
    assert not any(waiting.read_partition("vbmeta_b"))
    large = tmp_path / "large"
    large.write_bytes(bytes(2 << 20))
    assert waiting.fastboot.refused("flash", "vbmeta_b", large) == "too large for partition"
    assert waiting.fastboot.refused("flash", "nowhere", large) == "no such partition"
    waiting.fastboot.good("flash", "vbmeta_b", waiting.status.factory_image / "vbmeta.img")


def test_boot_of_a_v4_image_takes_the_rest_from_the_active_slot(
    waiting: VirtualPhone, tmp_path: Path
) -> None:
    image = tmp_path / "boot.img"
    kernel = waiting.read_partition("boot_a")
    size = int.from_bytes(kernel[8:12], "little")
    (tmp_path / "kernel").write_bytes(kernel[4096 : 4096 + size])
    pack(image, "4", ["--kernel", tmp_path / "kernel", "--cmdline", "hello=boot"])
    resets, before = waiting.status.resets, waiting.read_partition("boot_a")
    waiting.fastboot.good("boot", image)
    waiting.wait(resets - 1)
    assert waiting.run("cat /proc/cmdline").strip() == f"hello=boot {modern.VENDOR_CMDLINE}"
    assert waiting.run("getprop ro.build.display.id; getprop ro.boot.dtbo_idx") == "stock\n0\n"
    assert waiting.status.resets == resets
    assert waiting.read_partition("boot_a") == before


def test_boot_of_a_v2_image_takes_nothing_from_flash_but_overlays(
    waiting: VirtualPhone, modern_rom: Path, tmp_path: Path
) -> None:
    boot, generic = (modern_rom / name for name in ("boot.img", "init_boot.img"))
    kernel, ramdisk = (path.read_bytes() for path in (boot, generic))
    (tmp_path / "kernel").write_bytes(kernel[4096 : 4096 + int.from_bytes(kernel[8:12], "little")])
    (tmp_path / "ramdisk").write_bytes(ramdisk[4096 : 4096 + int.from_bytes(ramdisk[12:16], "little")])
    (tmp_path / "dtb").write_bytes(modern.device_tree(tmp_path))
    # Such images have their fstab in the only ramdisk; Linux takes archives one after the other.
    vendor = (waiting.status.factory_image / "vendor_boot.img").read_bytes()
    size = int.from_bytes(vendor[24:28], "little")
    with (tmp_path / "ramdisk").open("ab") as stream:
        stream.write(vendor[4096 : 4096 + size])
    words: list[str | Path] = ["--kernel", tmp_path / "kernel", "--ramdisk", tmp_path / "ramdisk"]
    words += ["--dtb", tmp_path / "dtb", "--cmdline", "console=ttyAMA0 two=2", *modern.LAYOUT]
    image = tmp_path / "v2.img"
    pack(image, "2", words)
    resets = waiting.status.resets
    waiting.fastboot.good("boot", image)
    waiting.wait(resets - 1)
    said = waiting.run("cat /proc/cmdline").split()
    assert said[-2:] == ["console=ttyAMA0", "two=2"]
    # There is no bootconfig in such an image: the bootloader's words are on the command line.
    assert {"androidboot.slot_suffix=_a", "androidboot.verifiedbootstate=orange"} <= set(said)
    assert waiting.run("getprop ro.boot.slot_suffix") == "_a\n"
    assert "ramoops@44100000" in waiting.run("ls /proc/device-tree/reserved-memory")


def test_a_locked_phone_boots_what_it_came_with_and_refuses_the_rest(
    modern_phone: VirtualPhone, modern_rom: Path
) -> None:
    modern_phone.start("--locked")
    names = ("verifiedbootstate", "flash.locked", "vbmeta.device_state")
    said = modern_phone.run("; ".join(f"getprop ro.boot.{name}" for name in names))
    assert said.split() == ["green", "1", "locked"]
    states, steps = modern_phone.doctor()
    assert (states["lock"], states["verified boot"], states["host kernel"]) == ("not", "not", "not")
    assert "adb reboot bootloader; fastboot flashing unlock" in steps
    modern_phone.start("--locked", "--fastboot")
    states, steps = modern_phone.doctor()
    assert (states["connection"], states["lock"]) == ("ok", "not")
    assert steps == [f"fastboot -s {modern_phone.status.fastboot} reboot"]
    image = modern_rom / "init_boot.img"
    assert modern_phone.fastboot.variable("unlocked") == "no"
    before = modern_phone.read_partition("init_boot_a")
    for words in (("flash", "init_boot_a", image), ("boot", modern_rom / "boot.img")):
        assert modern_phone.fastboot.refused(*words) == f"{words[0]} is not allowed in lock state"
    for word, value in (("erase", "misc"), ("set_active", "b")):
        assert modern_phone.fastboot.refused(word, value) == f"{word} is not allowed in lock state"
    assert modern_phone.read_partition("init_boot_a") == before
    # A foreign image that got there while it was unlocked.
    modern_phone("virtual", "stop", "--device", "virt-arm64")
    modern_phone.write_partition("init_boot_a", image.read_bytes())
    refused = modern_phone.start("--locked", code=5)
    assert "Your device is corrupt" in refused.three_lines[0]
    assert modern_phone.fastboot.variable("product") == "virt-arm64"
    modern_phone("virtual", "stop", "--device", "virt-arm64")
    modern_phone.write_partition("init_boot_a", before)
    modern_phone.restart()
    assert modern_phone.run("getprop ro.boot.verifiedbootstate") == "orange\n"


def pack(target: Path, version: str, words: list[str | Path]) -> None:
    """Write a boot image by AOSP's mkbootimg."""
    package = packages.package_dir("mkbootimg", suite=packages.NEWER, architecture=packages.ALL)
    command = [sys.executable, package / "usr/bin/mkbootimg", "--header_version", version, *words]
    subprocess.run([*map(str, command), "--output", str(target)], check=True, timeout=60)

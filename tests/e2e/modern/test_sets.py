"""ROMs of several images, and kernels alone, on the phone with slots."""

from pathlib import Path

import pytest
from phones import Hardboot, VirtualPhone

from hardboot.formats.trees import fdt
from hardboot.virtual import kernel
from hardboot.virtual.target import ARM64

pytestmark = pytest.mark.e2e

_FILES = "init default.prop sbin first_stage_ramdisk modules"
_MARK = "androidboot.hardboot="
# Only the bootloader's start has them: seeds are used once, and the ramdisk lies elsewhere.
_OF_ONE_START = ("bootargs", "kaslr-seed", "rng-seed", "linux,initrd-start", "linux,initrd-end")


def boot(phone: VirtualPhone, *words: str | Path) -> str:
    """Boot a ROM; return the name and the release of what runs then."""
    document = phone("--json", "boot", *words, "--from-rom", "--untested").json
    assert document["outcome"] == "guest-up", document
    return phone.run("getprop ro.build.display.id; uname -r").strip()


def words(phone: VirtualPhone) -> list[str]:
    return [word for word in phone.run("cat /proc/cmdline").split() if not word.startswith(_MARK)]


def tree(phone: VirtualPhone) -> dict[str, dict[str, bytes]]:
    """Return the device tree of the running kernel, without what belongs to one start alone."""
    dump = phone.run("su -c 'od -An -v -tx1 /sys/firmware/fdt'")
    nodes = {path: dict(node.properties) for path, node in fdt.parse(bytes.fromhex(dump)).root.walk()}
    for name in _OF_ONE_START:
        nodes["/chosen"].pop(name, None)
    return nodes


def ramdisk(phone: VirtualPhone) -> str:
    return phone.run(f"su -c 'cd /; ls -lRn {_FILES}; sha256sum init default.prop sbin/*'")


def test_a_set_started_by_hardboot_is_what_the_bootloader_starts(
    modern_host_phone: VirtualPhone,
) -> None:
    phone = modern_host_phone
    delivered = phone.status.factory_image.parent / "host"
    expected = words(phone), phone.run("cat /proc/bootconfig"), ramdisk(phone), tree(phone)
    assert expected[1].count("androidboot.") > 8
    boot(phone, delivered)
    assert _MARK in phone.run("cat /proc/cmdline")
    found = words(phone), phone.run("cat /proc/bootconfig"), ramdisk(phone), tree(phone)
    assert found == expected


def test_debians_unmodified_kernel_boots_as_a_set(modern_host_phone: VirtualPhone, tmp_path: Path) -> None:
    rom = tmp_path / "debian"
    Hardboot().process("virtual", "rom", rom, "--device", "virt-arm64", timeout_s=600)
    release = boot(modern_host_phone, rom).splitlines()[-1]
    assert release.endswith("-arm64")
    # It has no bootconfig: Android's init finds the words in the command line.
    assert modern_host_phone.run("cat /proc/bootconfig 2>/dev/null") == ""
    look = "getprop ro.boot.slot_suffix; getprop ro.hardware; getprop ro.build.display.id"
    assert modern_host_phone.run(look).splitlines() == ["_a", "virt-arm64", f"Debian {release}"]


def test_what_a_boot_image_lacks_comes_from_the_slot(
    modern_host_phone: VirtualPhone, modern_rom: Path
) -> None:
    assert boot(modern_host_phone, modern_rom / "boot.img").splitlines()[0] == "stock"


def test_a_kernel_alone_runs_with_the_phones_own_system(modern_host_phone: VirtualPhone) -> None:
    phone = modern_host_phone
    phone.restart()
    expected = ramdisk(phone), phone.run("cat /proc/bootconfig")
    assert boot(phone, "--kernel", kernel.stock(ARM64).image).splitlines()[0] == "stock"
    assert not phone.is_host
    assert (ramdisk(phone), phone.run("cat /proc/bootconfig")) == expected

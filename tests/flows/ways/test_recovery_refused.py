"""Phones and images on which boot --via recovery is refused, and where auto takes it."""

import json
from collections.abc import Callable
from pathlib import Path

import container_builders as build
import msgspec
import pytest
import scripted_setup as setup
from cpio_archives import END, newc
from in_process import hardboot
from ramdisks import SHELL, ramdisk
from recovering import RECOVERY_IMAGE, Recovering
from recovery_boots import NOTHING, boot, error, image, phone, with_profile

from hardboot import profile
from hardboot.profile.schema import CommandLineQuirks, Partition

__all__ = ["image", "phone"]


def _boot_image(phone: Recovering) -> None:
    phone.hold("recovery", setup.STOCK_IMAGE)


def _no_image(phone: Recovering) -> None:
    phone.hold("recovery", b"")


def _joined(phone: Recovering) -> None:
    phone.hold("recovery", build.boot_v3(4, kernel=b""))


def _damaged(phone: Recovering) -> None:
    phone.hold("recovery", RECOVERY_IMAGE[:2100] + b"x" + RECOVERY_IMAGE[2101:])


def _cut_off(phone: Recovering) -> None:
    image = bytearray(RECOVERY_IMAGE)
    image[8:12] = (1 << 20).to_bytes(4, "little")  # bytes of the kernel
    phone.hold("recovery", bytes(image))


def _message(phone: Recovering) -> None:
    phone.command = b"boot-fastboot"


def _arguments(phone: Recovering) -> None:
    phone.hold("misc", bytes(64) + b"recovery\n--update_package=/data/ota.zip\n")


def _no_misc(phone: Recovering) -> None:
    del phone.phone.files.nodes["/dev/block/by-name/misc"]


def _small_misc(phone: Recovering) -> None:
    phone.devices["misc"].flash = bytes(1024)
    phone.devices["misc"].drop()


def _locked(phone: Recovering) -> None:
    phone.phone.properties["ro.boot.flash.locked"] = "1"


def _empty_battery(phone: Recovering) -> None:
    phone.phone.add_file("/sys/class/power_supply/battery/type", "Battery\n")
    phone.phone.add_file("/sys/class/power_supply/battery/capacity", "7\n")
    phone.phone.add_file("/sys/class/power_supply/battery/status", "Discharging\n")


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (_boot_image, "/dev/block/vda2 holds the boot image, not a recovery"),
        (_no_image, "/dev/block/vda2 does not hold a recovery: no complete boot image is in it"),
        (_cut_off, "/dev/block/vda2 does not hold a recovery: no complete boot image is in it"),
        (_joined, "the recovery in /dev/block/vda2 is not one image: its bootloader joins it"),
        (_damaged, "/dev/block/vda2 does not hold a complete recovery: the id in its header"),
        (_message, "misc holds a message to the bootloader already: 'boot-fastboot'"),
        (_arguments, r"misc holds a message to the bootloader already: 'recovery\n--update_package=/data"),
        (_no_misc, "the phone has no partition misc"),
        (_small_misc, "/dev/block/vda4 has 1024 bytes: it holds no message to a bootloader"),
        (_locked, "the bootloader is locked: it starts no recovery but its maker's"),
        (_empty_battery, "the battery has 7 %; a write needs 25 %"),
    ],
)
def test_a_phone_on_which_it_cannot_work_is_refused_before_anything_is_written(
    phone: Recovering, image: Path, state: Callable[[Recovering], None], reason: str
) -> None:
    state(phone)
    before = phone.content()
    what, unchanged, _ = error(image, code=4)
    assert what.startswith(reason)
    assert unchanged in (NOTHING, "Nothing was written.")
    assert phone.content() == before
    assert phone.phone.happened("reboot*") == []


def test_a_phone_of_today_without_a_recovery_partition_is_refused(
    phone: Recovering, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modern = profile.load("virt-arm64")
    monkeypatch.setattr(
        profile, "match", lambda _product: msgspec.structs.replace(modern, codenames=("virt-arm",))
    )
    assert error(image, code=4)[0] == (
        "hardboot virtual phone (QEMU virt, arm64) has no recovery partition, as far as its profile knows: "
        "the recovery of such phones is in boot or vendor_boot"
    )


def test_a_recovery_partition_that_is_boot_is_refused(
    phone: Recovering, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Partition(path="/dev/block/by-name/boot", size=setup.SIZE)
    with_profile(monkeypatch, partitions={"boot": place, "recovery": place})
    assert error(image, code=4)[0].startswith("/dev/block/vda1 holds the boot image, not a recovery")


def test_a_bootloader_that_drops_the_mark_is_refused(
    phone: Recovering, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_profile(monkeypatch, cmdline=CommandLineQuirks(ignored=True))
    assert "ignores the command line of images" in error(image, code=4)[0]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"cmdline": b"skip_initramfs"}, "the ROM starts without its ramdisk (skip_initramfs)"),
        ({"ramdisk": SHELL + END}, "there is no /init in the ramdisk"),
        ({"cmdline": b'rdinit="/init\ninit /x"'}, "there is no /init"),
        ({"cmdline": b"rdinit=/none"}, "there is no /none in the ramdisk"),
        ({"ramdisk": newc(b"hb-init", mode=0o040755) + ramdisk()}, "the ramdisk has a /hb-init already"),
    ],
)
def test_a_rom_that_hb_init_cannot_start_is_refused(
    phone: Recovering, tmp_path: Path, options: dict[str, bytes], reason: str
) -> None:
    before = phone.content()
    assert error(setup.rom_image(tmp_path, **options), code=4)[0].startswith(reason)
    assert phone.content() == before


def test_a_ramdisk_that_is_no_archive_is_refused(phone: Recovering, tmp_path: Path) -> None:
    image = setup.rom_image(tmp_path, ramdisk=bytes(1080) + b"\x53\xef" + bytes(3000))
    what, state, _ = error(image, code=3)
    assert "ramdisk" in what
    assert state == NOTHING


def test_an_image_that_does_not_fit_is_refused(phone: Recovering, tmp_path: Path) -> None:
    image = setup.rom_image(tmp_path, ramdisk=ramdisk(60 << 10))
    what, _, fix = error(image, code=4)
    assert what.endswith(f"bytes, the recovery partition {setup.SIZE}")
    assert fix.startswith("Use a smaller kernel or ramdisk")


def test_another_header_version_than_that_of_the_recovery_is_refused(
    phone: Recovering, tmp_path: Path
) -> None:
    image = setup.rom_image(tmp_path)
    held = bytearray(image.read_bytes())
    held[40:44] = (1).to_bytes(4, "little")
    held[1632:1648] = bytes(12) + (1648).to_bytes(4, "little")
    image.write_bytes(held)
    what, _, fix = error(image, code=4)
    assert what == "the image has header v1, the phone's recovery has v0"
    assert fix.endswith("make one of header v0: hardboot unpack, hardboot pack")


def test_a_rom_that_runs_is_left_first(phone: Recovering, image: Path) -> None:
    assert boot(image)["outcome"] == "guest-up"
    assert error(image, code=4)[0] == ("partitions are written from the phone's own system: a ROM is running")
    assert boot(image, "--from-rom")["outcome"] == "guest-up"
    assert phone.started == ["recovery", "boot", "recovery"]


def test_auto_takes_it_after_fastboot_and_only_on_a_phone_that_is_known_to_be_unlocked(
    phone: Recovering, image: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no fastboot
    done = hardboot("--json", "boot", image, "--dry-run")
    assert json.loads(done.stdout)["via"] == "recovery", done.stderr
    del phone.phone.properties["ro.boot.flash.locked"]
    refused = hardboot("boot", image, "--dry-run")
    assert refused.returncode == 4
    assert "recovery: the phone does not tell whether its bootloader is unlocked" in refused.stderr

"""boot --via recovery, on a scripted phone whose bootloader reads misc: every branch, without waiting."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import container_builders as build
import msgspec
import pytest
import recovering
import scripted_setup as setup
from cpio_archives import END, newc
from in_process import hardboot
from ramdisks import SHELL, ramdisk
from recovering import ASKED, RECOVERY_IMAGE, Recovering
from scripted_phone import STOCK, Kernel

from hardboot import profile
from hardboot.device.phone import BlockDevice
from hardboot.flows import backup
from hardboot.flows.ways import recovery_checks
from hardboot.formats.archives import ramdisk as ramdisks
from hardboot.formats.boot import bootimg
from hardboot.profile.schema import CommandLineQuirks, Partition

NOTHING = "Nothing was sent."


@pytest.fixture
def phone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Recovering:
    return recovering.install(monkeypatch, tmp_path / "state")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return setup.rom_image(tmp_path)


def boot(image: Path, *words: str, code: int = 0) -> Any:
    """Return the JSON document of `boot --via recovery`."""
    done = hardboot("--json", "boot", image, "--via", "recovery", *words)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def error(image: Path, *words: str, code: int) -> tuple[str, str, str]:
    """Return the three lines of the error with which `boot --via recovery` ends."""
    done = hardboot("boot", image, "--via", "recovery", *words)
    assert done.returncode == code, done.stderr
    return told(done.stderr)


def told(text: str) -> tuple[str, str, str]:
    """Return the three lines at the end of what was printed as an error."""
    what, state, fix = text.splitlines()[-3:]
    return what.removeprefix("hardboot: "), state.removeprefix("  state: "), fix.removeprefix("  to do: ")


def kernel_of(phone: Recovering) -> Kernel | None:
    return phone.phone.running.kernel if phone.phone.running else None


def with_profile(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    known = msgspec.structs.replace(setup.small_profile(), **changes)
    monkeypatch.setattr(profile, "match", lambda _product: known)


# What is booted


def test_a_rom_is_booted_once_from_recovery_which_is_put_back_while_it_runs(
    phone: Recovering, image: Path
) -> None:
    before = phone.content()
    done = boot(image, "--append", "loglevel=7")
    assert (done["outcome"], done["via"], done["loaded"]["start"]) == ("guest-up", "recovery", "recovery")
    assert phone.started == ["recovery"]
    assert phone.content() == before
    phone.restart()
    assert phone.started == ["recovery", "boot"]
    assert kernel_of(phone) == STOCK
    assert [one["name"] for one in done["phases"]] == [
        *("check", "read", "make image", "write", "boot", "put back")
    ]


def test_the_image_has_mark_and_hb_init_behind_the_roms_own_ramdisk(phone: Recovering, image: Path) -> None:
    done = boot(image)
    held, own = bootimg.parse(phone.held), bootimg.parse(image.read_bytes())
    assert held.cmdline == f"{done['loaded']['mark']} rdinit=/hb-init/init console=ttyAMA0"
    assert held.cmdline == done["loaded"]["cmdline"]
    assert bytes(held.kernel) == bytes(own.kernel)
    assert bytes(held.ramdisk).startswith(bytes(own.ramdisk))
    assert bootimg.check_id(held)
    files = {one.name: one for one in ramdisks.entries(ramdisks.parse(held.ramdisk)[0])}
    device = phone.phone.files.find("/dev/block/by-name/misc")
    assert device is phone.devices["misc"]
    assert bytes(files["hb-init/steps"].data).decode() == (
        f"message misc vda4 {ASKED.hex()} {bytes(32).hex()}\ninit /init\n"
    )


@pytest.mark.parametrize("name", ["a" * 33, "x\u00e9", "vda4;x"])
def test_a_block_device_with_an_unusual_name_is_found_by_that_of_its_partition(name: str) -> None:
    assert recovery_checks.device_name(BlockDevice(f"/dev/block/{name}", 1)) == "-"
    assert recovery_checks.device_name(BlockDevice("/dev/block/mmcblk0p19", 1)) == "mmcblk0p19"


def test_the_roms_own_rdinit_is_started_by_hb_init(phone: Recovering, tmp_path: Path) -> None:
    files = newc(b"first", b"#!/bin/sh\n", mode=0o100755) + SHELL + END
    image = setup.rom_image(tmp_path, ramdisk=files, cmdline=b"rdinit=/other quiet rdinit=/first")
    done = boot(image)
    assert done["loaded"]["cmdline"] == f"{done['loaded']['mark']} rdinit=/hb-init/init quiet"
    entries = ramdisks.entries(ramdisks.parse(bootimg.parse(phone.held).ramdisk)[0])
    (steps,) = (bytes(one.data).decode() for one in entries if one.name == "hb-init/steps")
    assert steps.endswith("\ninit /first\n")


def test_people_are_told_what_runs_and_how_to_get_home(phone: Recovering, image: Path) -> None:
    done = hardboot("boot", image, "--via", "recovery")
    assert done.stdout.splitlines()[-2:] == [
        "rom.img is running (kernel 6.6.0-rom, started from the recovery partition).",
        "Restart the phone to return to its own system.",
    ]
    assert "ROM booted by hardboot from the recovery partition: rom.img" in hardboot("status").stdout


def test_a_dry_run_shows_the_image_and_writes_nothing(phone: Recovering, image: Path) -> None:
    before = phone.content()
    document = boot(image, "--dry-run")
    assert document["image"]["partitions"] == ["recovery", "misc"]
    assert document["image"]["header_version"] == 0
    shown = hardboot("boot", image, "--via", "recovery", "--dry-run").stdout
    written = "/dev/block/vda2 (recovery), the message to the bootloader in /dev/block/vda4"
    assert f"  writes        {written}\n" in shown
    assert phone.content() == before
    assert phone.phone.happened("reboot*") == []
    assert not [one for one in phone.phone.commands if " of=/dev/block" in one]


# What may go wrong


def test_a_message_that_hb_init_could_not_take_back_is_taken_back_by_hardboot(
    phone: Recovering, image: Path
) -> None:
    before = phone.content()
    phone.takes_back = False
    done = hardboot("boot", image, "--via", "recovery")
    assert done.returncode == 0
    assert "hb-init could not take the message to the bootloader back; that is done now" in done.stderr
    assert phone.content() == before
    phone.restart()
    assert phone.started == ["recovery", "boot"]


@pytest.mark.parametrize("former", [b"\xff" * 32, b"\0oot-recovery"])
def test_misc_holds_what_it_held_to_the_byte(phone: Recovering, image: Path, former: bytes) -> None:
    phone.command = former
    before = phone.content()
    assert boot(image)["outcome"] == "guest-up"
    assert phone.content() == before
    assert former.ljust(32, b"\0").hex().encode() in phone.held  # hb-init did it already


def test_a_bootloader_that_takes_the_message_back_itself_is_no_obstacle(
    phone: Recovering, image: Path
) -> None:
    before = phone.content()
    phone.clears = True
    assert boot(image)["outcome"] == "guest-up"
    assert phone.content() == before


def test_a_recovery_that_cannot_be_put_back_now_is_put_back_by_home(phone: Recovering, image: Path) -> None:
    before = phone.content()
    phone.protects = True
    done = hardboot("boot", image, "--via", "recovery")
    assert done.returncode == 0
    assert "the recovery partition still holds the ROM: " in done.stderr
    assert "hardboot home" in done.stderr
    phone.restart()
    assert kernel_of(phone) == STOCK
    assert error(image, "--dry-run", code=4)[2] == "Settle it first: hardboot home"
    assert hardboot("home", "--yes").returncode == 0
    assert phone.content() == before


@pytest.mark.parametrize("reads_misc", [True, False])
def test_the_own_system_instead_of_the_rom_is_told_and_all_is_put_back(
    phone: Recovering, image: Path, reads_misc: bool
) -> None:
    before = phone.content()
    phone.rom, phone.reads_misc = "crashes", reads_misc
    done = hardboot("boot", image, "--via", "recovery")
    assert done.returncode == 5
    assert ("it may not read misc" in done.stderr) is not reads_misc
    assert told(done.stderr) == (
        "the own system came back (5.10.0-stock) instead of the ROM",
        "The phone has restarted into its own system. Its partitions hold what they held before.",
        "The ROM crashed, or its bootloader did not start the recovery partition. Read the log of the ROM: "
        "hardboot log",
    )
    assert phone.started == (["recovery", "boot"] if reads_misc else ["boot"])
    assert phone.content() == before


def test_a_kernel_that_dies_at_once_is_replaced_by_hand_and_home_puts_all_in_order(
    phone: Recovering, image: Path
) -> None:
    before = phone.content()
    phone.rom = "dies"
    what, state, fix = error(image, "--wait", "100", code=6)
    assert what == "the phone was restarted into its recovery partition and has been silent for 100 s"
    assert state == "The recovery partition still holds the ROM, until: hardboot home"
    assert "flash the backup of the recovery (hardboot backups) by fastboot, and restart from there" in fix
    assert phone.command == ASKED
    (saved,) = backup.find("HBSCRIPT", "recovery")
    phone.hold("recovery", saved.path.read_bytes())
    phone.phone.start_system()  # the recovery, which clears the message when it ends
    phone.phone.clock.sleep(60)
    phone.restart()
    assert phone.started == ["recovery", "recovery", "boot"]
    assert hardboot("home", "--yes").returncode == 0
    assert phone.content() == before


def test_a_write_that_fails_leaves_the_message_alone(phone: Recovering, image: Path) -> None:
    before = phone.content()
    phone.devices["recovery"].full_at = 4096
    done = hardboot("boot", image, "--via", "recovery")
    assert done.returncode in (5, 6)
    assert phone.command == bytes(32)
    assert phone.phone.happened("reboot*") == []
    phone.devices["recovery"].full_at = None
    hardboot("home", "--yes")
    assert phone.content() == before


# What is refused


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


# The choice


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

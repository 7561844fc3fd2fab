"""boot --via recovery, on a scripted phone whose bootloader reads misc: every branch, without waiting."""

from pathlib import Path

import pytest
import scripted_setup as setup
from cpio_archives import END, newc
from in_process import hardboot
from ramdisks import SHELL
from recovering import ASKED, Recovering
from recovery_boots import boot, error, image, kernel_of, phone, told
from scripted_phone import STOCK

from hardboot.device.phone import BlockDevice
from hardboot.flows import backup
from hardboot.flows.ways import recovery_checks
from hardboot.formats.archives import ramdisk as ramdisks
from hardboot.formats.boot import bootimg

__all__ = ["image", "phone"]


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
    assert what == "the phone was to restart into its recovery partition and has been silent for 100 s"
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

"""Writing a partition, on the scripted phone: the order of steps, and what each failure leaves behind."""

import hashlib
import json
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
import scripted_setup as setup
from flashing import BOOT, DIGEST, NEW, PUT_BACK, WRITE, flashed, old_backup, restored
from in_process import hardboot
from scripted_phone import ScriptedPhone, flip
from told import raises

from hardboot.base.errors import DeviceError, DeviceStateError, InputError, RefusedError
from hardboot.device.phone import Phone
from hardboot.device.staging import STAGING
from hardboot.flows import backup, flash
from hardboot.flows.transaction_record import KEPT


def steps(scripted: ScriptedPhone, *patterns: str) -> list[str]:
    """Which of the patterns the events fit, in order, without repetitions."""
    found = [next((one for one in patterns if fnmatchcase(event, one)), "") for event in scripted.events]
    return [one for number, one in enumerate(found) if one and one != (found[number - 1] if number else "")]


def test_an_image_is_written_after_a_backup_and_read_back(
    phone: Phone, scripted: ScriptedPhone, new: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = scripted.boot.flash
    done = flashed(phone, new)
    assert scripted.boot.flash == NEW + before[len(NEW) :]
    saved = old_backup()
    assert saved.path.read_bytes() == before
    assert done == flash.Flashed(
        device="virt-arm",
        serial="HBSCRIPT",
        partition="boot",
        block_device=BOOT,
        image=str(new),
        size=len(NEW),
        sha256=DIGEST,
        written=True,
        backup=saved,
    )
    order = [
        "test -b /dev/block/by-name/boot",
        f"dd if={BOOT} of={STAGING}/backup.img bs=1048576",
        f"pull {STAGING}/backup.img",
        f"push {STAGING}/boot-new.img",
        f"sha256sum {STAGING}/boot-new.img",
        f"dd if={BOOT} of={KEPT}/boot.img.part bs=1048576 conv=fsync",
        f"mv {KEPT}/boot.img.part {KEPT}/boot.img",
        f"mv {KEPT}/transaction.json.part {KEPT}/transaction.json",
        WRITE,
        f"blockdev --flushbufs {BOOT}",
        "echo 3 >/proc/sys/vm/drop_caches",
        f"rm -rf {STAGING}",
    ]
    found = steps(scripted, *order)
    assert [step for number, step in enumerate(found) if step not in found[:number]] == order
    written = scripted.events.index(scripted.happened(WRITE)[0])
    assert f"head -c {len(NEW)} <{BOOT}" in scripted.events[written:]
    assert scripted.events[-1] == f"rm -rf {STAGING}"
    assert capsys.readouterr().err.splitlines() == [
        f"Reading {BOOT}",
        "Backing up boot",
        f"Backup of boot: {saved.path}",
        "Keeping a backup of boot on the phone",
        f"Writing {BOOT}",
        f"Reading back {BOOT}",
    ]


def test_the_same_image_is_not_written_again(
    phone: Phone, scripted: ScriptedPhone, new: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flashed(phone, new)
    scripted.events.clear()
    capsys.readouterr()
    done = flashed(phone, new)
    assert (done.written, done.sha256) == (False, DIGEST)
    assert scripted.happened("dd *of=/dev/*") == []
    assert scripted.happened("push *") == []
    assert f"{BOOT} holds {new} already." in capsys.readouterr().err.splitlines()
    assert done.backup is not None
    assert done.backup.path.read_bytes() == scripted.boot.flash


def test_an_image_as_large_as_the_partition_is_compared_with_the_backup(
    phone: Phone, scripted: ScriptedPhone, tmp_path: Path
) -> None:
    whole = tmp_path / "whole.img"
    whole.write_bytes(scripted.boot.flash)
    assert flashed(phone, whole).written is False
    whole.write_bytes(NEW.ljust(setup.SIZE, b"\xff"))
    assert flashed(phone, whole).written is True
    assert scripted.boot.flash == whole.read_bytes()


def test_an_image_that_is_too_large_is_refused_before_the_backup(
    phone: Phone, scripted: ScriptedPhone, tmp_path: Path
) -> None:
    large = tmp_path / "large.img"
    large.write_bytes(bytes(setup.SIZE + 1))
    with raises(
        RefusedError,
        f"{large} has {setup.SIZE + 1} bytes, {BOOT} holds {setup.SIZE}",
        "Nothing was written.",
        "Make the image smaller: compress the ramdisk more, build less into the kernel.",
    ):
        flashed(phone, large)
    assert scripted.happened("dd *") == []
    assert scripted.happened("sha256sum*") == []


def test_a_locked_phone_is_not_flashed_but_may_be_restored(scripted: ScriptedPhone, new: Path) -> None:
    scripted.properties["ro.boot.verifiedbootstate"] = "green"
    refused = hardboot("flash-host-kernel", new, "--yes")
    assert refused.returncode == 4
    what = "the bootloader is locked: it does not start a boot image that its maker has not signed"
    assert refused.stderr.splitlines()[-3] == f"hardboot: {what}"
    assert scripted.happened(WRITE) == []
    assert "is locked" not in hardboot("restore", "--yes").stderr
    scripted.properties["ro.boot.verifiedbootstate"] = "orange"
    assert "is locked" not in hardboot("flash-host-kernel", new, "--yes").stderr


def test_a_backup_that_was_damaged_since_is_made_again(
    phone: Phone, scripted: ScriptedPhone, new: Path
) -> None:
    before = scripted.boot.flash
    flashed(phone, new)
    first = old_backup()
    first.path.write_bytes(b"damaged")
    scripted.boot.flash = scripted.boot.cached = before
    flashed(phone, new)
    assert first.path.read_bytes() == before


def test_a_backup_that_arrives_damaged_is_not_kept(phone: Phone, scripted: ScriptedPhone, new: Path) -> None:
    scripted.fault("pull *", alters=flip(100))
    with raises(
        DeviceError,
        f"the backup of {BOOT} arrived damaged",
        "Nothing was written to a partition.",
        "Try again; check cable and port.",
    ):
        flashed(phone, new)
    assert scripted.happened("dd *of=/dev/*") == []
    assert list(backup.folder("HBSCRIPT").iterdir()) == []


def test_without_room_for_the_backup_nothing_is_written(
    phone: Phone, scripted: ScriptedPhone, new: Path
) -> None:
    scripted.data.capacity = setup.SIZE - 4096
    with pytest.raises(DeviceError, match=f"{setup.SIZE} bytes do not fit into {STAGING}"):
        flashed(phone, new)
    assert scripted.happened("dd *") == []


def test_a_staged_image_that_arrives_damaged_is_not_written(
    phone: Phone, scripted: ScriptedPhone, new: Path
) -> None:
    scripted.fault(f"push {STAGING}/boot-new.img", alters=flip(5))
    with pytest.raises(DeviceError, match=r"boot-new\.img arrived damaged on the phone"):
        flashed(phone, new)
    assert scripted.happened("dd *of=/dev/*") == []


def test_a_write_that_reads_back_differently_is_rolled_back(
    phone: Phone, scripted: ScriptedPhone, new: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = scripted.boot.flash
    scripted.boot.stuck = {5000: 1}
    scripted.fault(f"sha256sum <{KEPT}/boot.img", nth=2, before=scripted.boot.stuck.clear)
    found = hashlib.sha256(flip(5000)(NEW)).hexdigest()
    what = f"{BOOT} does not hold what was written: its SHA-256 is {found}, not {DIGEST}"
    with raises(DeviceStateError, what, *PUT_BACK):
        flashed(phone, new)
    assert scripted.boot.flash == before
    assert f"warning: {what}; checking what {BOOT} holds" in capsys.readouterr().err.splitlines()
    assert scripted.happened("push *img") == [f"push {STAGING}/boot-new.img"]  # the phone's backup is good


def test_a_backup_on_the_phone_that_was_damaged_is_pushed_again(
    phone: Phone, scripted: ScriptedPhone, new: Path
) -> None:
    before = scripted.boot.flash
    copy = f"{KEPT}/boot.img"
    scripted.fault(WRITE, most=10, after=lambda: scripted.add_file(copy, b"damaged"))
    with pytest.raises(DeviceStateError):
        flashed(phone, new)
    assert scripted.boot.flash == before
    assert scripted.happened("push *img")[-1] == f"push {STAGING}/boot-old.img"


# Backups written back


def test_if_only_the_present_content_is_saved_that_is_taken(
    phone: Phone, scripted: ScriptedPhone, new: Path
) -> None:
    before = scripted.boot.flash
    flashed(phone, new)
    saved = old_backup()
    scripted.boot.flash = scripted.boot.cached = before
    assert flash.default_backup(phone) == saved
    assert restored(phone).written is False


def test_a_chosen_backup_is_restored(phone: Phone, scripted: ScriptedPhone, new: Path) -> None:
    before = scripted.boot.flash
    flashed(phone, new)
    saved = old_backup()
    done = restored(phone, saved)
    assert scripted.boot.flash == before
    assert (done.sha256, done.written, done.partition) == (saved.sha256, True, "boot")


def test_without_a_backup_nothing_is_restored(phone: Phone) -> None:
    with raises(
        InputError,
        "there is no backup of the boot partition of virt-arm HBSCRIPT",
        "Nothing was written.",
        "Flash the manufacturer's boot image with fastboot.",
    ):
        restored(phone)


def test_the_description_of_a_backup_is_a_document(phone: Phone, scripted: ScriptedPhone, new: Path) -> None:
    flashed(phone, new)
    saved = old_backup()
    written = json.loads(saved.path.with_suffix(".json").read_text())
    assert written == {
        "serial": "HBSCRIPT",
        "device": "virt-arm",
        "partition": "boot",
        "size": setup.SIZE,
        "sha256": hashlib.sha256(saved.path.read_bytes()).hexdigest(),
        "taken": saved.taken,
        "release": None,
        "host": True,
        "problem": None,
    }
    assert backup.describe(saved) == {**written, "path": str(saved.path)}
    assert saved.taken == pytest.approx(scripted.clock.time(), abs=5)

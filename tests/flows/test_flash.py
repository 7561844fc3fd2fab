"""Writing a partition, on the scripted phone: the order of steps, and what each failure leaves behind."""

import hashlib
import json
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
import scripted_setup as setup
from scripted_phone import ScriptedPhone, flip
from told import raises

from hardboot import profile
from hardboot.base.errors import DeviceError, DeviceStateError, InputError, RefusedError
from hardboot.device.phone import Phone
from hardboot.flows import backup, flash

BOOT = "/dev/block/vda1"
NEW = setup.STOCK_IMAGE
DIGEST = hashlib.sha256(NEW).hexdigest()
WRITE = f"dd if=*new.img of={BOOT} bs=1048576 conv=notrunc,fsync"
WRITE_BACKUP = f"dd if=*backup.img of={BOOT} *"
STAGING = "/data/local/tmp/hardboot"


@pytest.fixture
def phone(scripted: ScriptedPhone) -> Phone:
    return setup.connected(scripted)


@pytest.fixture
def new(tmp_path: Path) -> Path:
    path = tmp_path / "new.img"
    path.write_bytes(NEW)
    return path


def old_backup() -> backup.Backup:
    (found,) = backup.find("HBSCRIPT", "boot")
    return found


def steps(scripted: ScriptedPhone, *patterns: str) -> list[str]:
    """Which of the patterns the events fit, in order, without repetitions."""
    found = [next((one for one in patterns if fnmatchcase(event, one)), "") for event in scripted.events]
    return [one for number, one in enumerate(found) if one and one != (found[number - 1] if number else "")]


def test_an_image_is_written_after_a_backup_and_read_back(
    phone: Phone, scripted: ScriptedPhone, new: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = scripted.boot.flash
    done = flash.write_image(phone, new, "boot")
    assert scripted.boot.flash == NEW + before[len(NEW) :]
    saved = old_backup()
    assert saved.path.read_bytes() == before
    assert done == flash.Flashed(
        device="virt-arm",
        serial="HBSCRIPT",
        partition="boot",
        block_device=BOOT,
        size=len(NEW),
        sha256=DIGEST,
        written=True,
        backup=saved,
    )
    order = [
        "test -b *",
        f"dd if={BOOT} of={STAGING}/backup.img bs=1048576",
        f"pull {STAGING}/backup.img",
        f"push {STAGING}/new.img",
        f"sha256sum <{STAGING}/new.img",
        WRITE,
        "sync",
        f"blockdev --flushbufs {BOOT}",
        "echo 3 >/proc/sys/vm/drop_caches",
        f"head -c * <{BOOT}",
        f"rm -rf {STAGING}",
    ]
    assert [step for step in steps(scripted, *order) if step != f"head -c * <{BOOT}"] == [
        step for step in order if step != f"head -c * <{BOOT}"
    ]
    assert scripted.events[-3:] == [f"head -c {len(NEW)} <{BOOT}", "sha256sum", f"rm -rf {STAGING}"]
    assert capsys.readouterr().err.splitlines() == [
        f"Reading {BOOT}",
        "Backing up boot",
        f"Backup of boot: {saved.path}",
        f"Writing {BOOT}",
        f"Reading back {BOOT}",
    ]


def test_the_same_image_is_not_written_again(
    phone: Phone, scripted: ScriptedPhone, new: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flash.write_image(phone, new, "boot")
    scripted.events.clear()
    capsys.readouterr()
    done = flash.write_image(phone, new, "boot")
    assert (done.written, done.sha256) == (False, DIGEST)
    assert scripted.happened("dd *of=/dev/*") == []
    assert scripted.happened("push *") == []
    assert f"{BOOT} holds this image already." in capsys.readouterr().err.splitlines()
    assert done.backup.path.read_bytes() == scripted.boot.flash


def test_an_image_as_large_as_the_partition_is_compared_with_the_backup(
    phone: Phone, scripted: ScriptedPhone, tmp_path: Path
) -> None:
    whole = tmp_path / "whole.img"
    whole.write_bytes(scripted.boot.flash)
    assert flash.write_image(phone, whole, "boot").written is False
    assert scripted.happened(f"head -c {setup.SIZE} *") == []
    whole.write_bytes(NEW.ljust(setup.SIZE, b"\xff"))
    assert flash.write_image(phone, whole, "boot").written is True
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
        flash.write_image(phone, large, "boot")
    assert scripted.happened("dd *") == []
    assert scripted.happened("sha256sum*") == []


def test_a_backup_is_made_once_for_the_same_content(
    phone: Phone, scripted: ScriptedPhone, new: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flash.write_image(phone, new, "boot")
    first = old_backup()
    scripted.boot.flash = scripted.boot.cached = first.path.read_bytes()
    scripted.events.clear()
    capsys.readouterr()
    done = flash.write_image(phone, new, "boot")
    assert done.backup == first
    assert scripted.happened("pull *") == []
    assert f"Backup of boot: {first.path}" in capsys.readouterr().err.splitlines()


def test_a_backup_that_was_damaged_since_is_made_again(
    phone: Phone, scripted: ScriptedPhone, new: Path
) -> None:
    before = scripted.boot.flash
    flash.write_image(phone, new, "boot")
    first = old_backup()
    first.path.write_bytes(b"damaged")
    scripted.boot.flash = scripted.boot.cached = before
    flash.write_image(phone, new, "boot")
    assert first.path.read_bytes() == before


def test_a_partition_without_a_boot_image_is_not_written(
    phone: Phone, scripted: ScriptedPhone, new: Path
) -> None:
    scripted.boot.flash = scripted.boot.cached = b"ANDROID?".ljust(setup.SIZE, b"\0")
    with raises(
        RefusedError,
        f"{BOOT} does not hold an Android boot image",
        "Nothing was written.",
        "Check the profile: this may not be the boot partition of this phone.",
    ):
        flash.write_image(phone, new, "boot")
    assert scripted.happened("dd *") == []
    assert backup.find("HBSCRIPT", "boot") == []


def test_a_backup_that_arrives_damaged_is_not_kept(phone: Phone, scripted: ScriptedPhone, new: Path) -> None:
    scripted.fault("pull *", alters=flip(100))
    with raises(
        DeviceError,
        f"the backup of {BOOT} arrived damaged",
        "Nothing was written to the phone.",
        "Try again; check cable and port.",
    ):
        flash.write_image(phone, new, "boot")
    assert scripted.happened("dd *of=/dev/*") == []
    assert list(backup.folder("HBSCRIPT").iterdir()) == []


def test_without_room_for_the_backup_nothing_is_written(
    phone: Phone, scripted: ScriptedPhone, new: Path
) -> None:
    scripted.data.capacity = setup.SIZE - 4096
    with pytest.raises(DeviceError, match=f"{setup.SIZE} bytes do not fit into {STAGING}"):
        flash.write_image(phone, new, "boot")
    assert scripted.happened("dd *") == []


def test_a_staged_image_that_arrives_damaged_is_not_written(
    phone: Phone, scripted: ScriptedPhone, new: Path
) -> None:
    scripted.fault(f"push {STAGING}/new.img", alters=flip(5))
    with pytest.raises(DeviceError, match=r"new\.img arrived damaged on the phone"):
        flash.write_image(phone, new, "boot")
    assert scripted.happened("dd *of=/dev/*") == []


PUT_BACK = (
    f"The backup was written: {BOOT} holds what it held before, read back and compared.",
    "The flash memory may be failing. Read the kernel log first: adb shell su -c dmesg",
)


def test_a_write_that_reads_back_differently_is_rolled_back(
    phone: Phone, scripted: ScriptedPhone, new: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = scripted.boot.flash
    scripted.boot.stuck = {5000: 1}
    scripted.fault(f"sha256sum <{STAGING}/backup.img", before=scripted.boot.stuck.clear)
    found = hashlib.sha256(flip(5000)(NEW)).hexdigest()
    what = f"{BOOT} does not hold what was written: its SHA-256 is {found}, not {DIGEST}"
    with raises(DeviceStateError, what, *PUT_BACK) as caught:
        flash.write_image(phone, new, "boot")
    cause = caught.value.__cause__
    assert isinstance(cause, DeviceError)
    assert (cause.state, cause.fix) == ("The partition is damaged.", "Restore the backup.")
    assert scripted.boot.flash == before
    assert f"warning: {what}; writing the backup" in capsys.readouterr().err.splitlines()
    assert scripted.happened("push *") == [f"push {STAGING}/new.img"]  # the copy on the phone is still good


@pytest.mark.parametrize("done", [0, 4096, len(NEW) - 1])
def test_a_write_that_fails_half_way_is_rolled_back(
    done: int, phone: Phone, scripted: ScriptedPhone, new: Path
) -> None:
    before = scripted.boot.flash
    scripted.fault(WRITE, most=done)
    what = f"a command on the phone failed with exit code 1: dd: {BOOT}: Input/output error"
    with raises(DeviceStateError, what, *PUT_BACK):
        flash.write_image(phone, new, "boot")
    assert scripted.boot.flash == before


def test_a_backup_on_the_phone_that_is_gone_is_pushed_again(
    phone: Phone, scripted: ScriptedPhone, new: Path
) -> None:
    before = scripted.boot.flash
    scripted.fault(
        WRITE, code=1, says="dd: I/O error\n", after=lambda: scripted.files.remove(f"{STAGING}/backup.img")
    )
    with pytest.raises(DeviceStateError, match="I/O error"):
        flash.write_image(phone, new, "boot")
    assert scripted.boot.flash == before
    assert scripted.happened("push *")[-1] == f"push {STAGING}/backup.img"
    assert scripted.happened(WRITE_BACKUP) != []


def test_a_backup_on_the_phone_that_was_damaged_is_pushed_again(
    phone: Phone, scripted: ScriptedPhone, new: Path
) -> None:
    before = scripted.boot.flash
    copy = f"{STAGING}/backup.img"
    scripted.fault(WRITE, most=10, after=lambda: scripted.add_file(copy, b"damaged", owner=2000))
    with pytest.raises(DeviceStateError):
        flash.write_image(phone, new, "boot")
    assert scripted.boot.flash == before
    assert scripted.happened("push *")[-1] == f"push {copy}"


def test_when_the_backup_cannot_be_written_either_the_error_says_what_to_do(
    phone: Phone, scripted: ScriptedPhone, new: Path
) -> None:
    scripted.fault("dd *of=/dev/*", nth=0, code=1, says="dd: broken\n")
    dd = "a command on the phone failed with exit code 1: dd: broken"
    with pytest.raises(DeviceStateError) as caught:
        flash.write_image(phone, new, "boot")
    error = caught.value
    assert error.what == f"{dd}; writing the backup failed too: {dd}"
    assert error.state == f"{BOOT} holds neither the old nor the new image."
    saved = old_backup()
    assert error.fix == f"Do not restart the phone. Write the backup by hand: {saved.path} to {BOOT}"
    assert isinstance(error.__cause__, DeviceError)


def test_a_phone_that_is_lost_while_it_is_written_is_told(
    phone: Phone, scripted: ScriptedPhone, new: Path
) -> None:
    scripted.fault(WRITE, before=scripted.cut_power)
    with pytest.raises(DeviceStateError, match=r"closed the connection; writing the backup failed too: .*"):
        flash.write_image(phone, new, "boot")


def test_writing_has_the_time_that_slow_flash_takes(phone: Phone, scripted: ScriptedPhone, new: Path) -> None:
    scripted.fault(WRITE, hangs_s=59)
    scripted.fault(f"dd if={BOOT} of=*", hangs_s=59)
    assert flash.write_image(phone, new, "boot").written
    scripted.boot.flash = scripted.boot.cached = setup.HOST_IMAGE.ljust(setup.SIZE, b"\1")
    scripted.fault(f"dd if={BOOT} of=*", hangs_s=62)
    with pytest.raises(DeviceError, match="did not end the command within 60 s"):
        flash.write_image(phone, new, "boot")
    scripted.fault(WRITE, hangs_s=62)
    with pytest.raises(DeviceStateError, match="did not end the command within 60 s"):
        flash.write_image(phone, new, "boot")


def test_the_time_grows_with_the_size(
    phone: Phone, scripted: ScriptedPhone, new: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flash, "_SLOW_BYTES_PER_S", 1024)
    scripted.fault(f"dd if={BOOT} of=*", hangs_s=60 + setup.SIZE / 1024 - 1)
    scripted.fault(WRITE, hangs_s=60 + len(NEW) / 1024 - 1)
    assert flash.write_image(phone, new, "boot").written


# Backups written back


def test_the_newest_backup_that_differs_is_restored(
    phone: Phone, scripted: ScriptedPhone, new: Path, tmp_path: Path
) -> None:
    contents = []
    for number in range(3):
        contents.append(scripted.boot.flash)
        image = tmp_path / f"{number}.img"
        image.write_bytes(setup.HOST_IMAGE[:-1] + bytes([number + 1]))
        flash.write_image(phone, image, "boot")
        scripted.clock.sleep(100)
    assert [one.path.read_bytes() for one in backup.find("HBSCRIPT", "boot")] == contents[::-1]
    done = flash.restore(phone, None)
    assert scripted.boot.flash == contents[2]
    assert (done.size, done.written) == (setup.SIZE, True)
    newest, *older = backup.find("HBSCRIPT", "boot")
    scripted.boot.flash = scripted.boot.cached = newest.path.read_bytes()
    assert flash.newest_backup(phone) == older[0]


def test_if_only_the_present_content_is_saved_that_is_taken(
    phone: Phone, scripted: ScriptedPhone, new: Path
) -> None:
    before = scripted.boot.flash
    flash.write_image(phone, new, "boot")
    saved = old_backup()
    scripted.boot.flash = scripted.boot.cached = before
    assert flash.newest_backup(phone) == saved
    assert flash.restore(phone, None).written is False


def test_a_chosen_backup_is_restored(phone: Phone, scripted: ScriptedPhone, new: Path) -> None:
    before = scripted.boot.flash
    flash.write_image(phone, new, "boot")
    saved = old_backup()
    done = flash.restore(phone, saved)
    assert scripted.boot.flash == before
    assert (done.sha256, done.written, done.partition) == (saved.sha256, True, "boot")


def test_without_a_backup_nothing_is_restored(phone: Phone) -> None:
    with raises(
        InputError,
        "there is no backup of the boot partition of virt-arm HBSCRIPT",
        "Nothing was written.",
        "Flash the manufacturer's boot image with fastboot.",
    ):
        flash.restore(phone, None)


@pytest.mark.parametrize(("name", "value"), [("serialno", "ANOTHER"), ("profile", "shamu")])
def test_a_backup_of_another_phone_is_refused(
    name: str, value: str, phone: Phone, scripted: ScriptedPhone, new: Path
) -> None:
    flash.write_image(phone, new, "boot")
    saved = old_backup()
    scripted.events.clear()
    setattr(phone, name, profile.load(value) if name == "profile" else value)
    with raises(
        RefusedError,
        f"this backup is from virt-arm HBSCRIPT, the phone is {phone.profile.name} {phone.serialno}",
        "Nothing was written.",
        "Use a backup of this phone, or name none to restore the newest: hardboot restore",
    ):
        flash.restore(phone, saved)
    assert scripted.events == []


def test_a_damaged_backup_is_not_written(phone: Phone, scripted: ScriptedPhone, new: Path) -> None:
    flash.write_image(phone, new, "boot")
    saved = old_backup()
    saved.path.write_bytes(b"damaged")
    scripted.events.clear()
    with raises(
        InputError,
        f"the backup {saved.path} is damaged: its SHA-256 is not that of the content saved",
        "Nothing was written to the phone.",
        "Use another backup, or flash the manufacturer's boot image with fastboot.",
    ):
        flash.restore(phone, saved)
    assert scripted.events == []


def test_the_description_of_a_backup_is_a_document(phone: Phone, scripted: ScriptedPhone, new: Path) -> None:
    flash.write_image(phone, new, "boot")
    saved = old_backup()
    written = json.loads(saved.path.with_suffix(".json").read_text())
    assert written == {
        "serial": "HBSCRIPT",
        "device": "virt-arm",
        "partition": "boot",
        "size": setup.SIZE,
        "sha256": hashlib.sha256(saved.path.read_bytes()).hexdigest(),
        "taken": saved.taken,
    }
    assert backup.describe(saved) == {**written, "path": str(saved.path)}
    assert saved.taken == pytest.approx(scripted.clock.time(), abs=5)

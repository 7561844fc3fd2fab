"""A write that fails, on the scripted phone: what the partition holds then, and what is told about it."""

import hashlib
import shlex
from pathlib import Path

import pytest
import scripted_setup as setup
from flashing import BOOT, NEW, PUT_BACK, WRITE, WRITE_BACKUP, flashed, old_backup, restored
from scripted_phone import ScriptedPhone, flip
from scripted_phone.clock import Steps
from told import raises
from transactions import left_behind, one_write

from hardboot.base.errors import DeviceError, DeviceStateError, RefusedError
from hardboot.device.phone import Phone
from hardboot.device.staging import STAGING
from hardboot.flows import backup, flash, partition_read, transaction_record
from hardboot.flows.transaction_record import KEPT, Transaction

HOLDS_OLD = f"{BOOT} holds what it held before, read back and compared."
UNKNOWN = f"{BOOT} holds the old content, the new one or a mix of both: it is not known which."


def note() -> Transaction | None:
    return transaction_record.of_computer("HBSCRIPT")


def on_phone(scripted: ScriptedPhone) -> Transaction | None:
    node = scripted.files.find(f"{KEPT}/transaction.json")
    return transaction_record.parse(node.read()) if node else None


def test_the_note_of_a_write_is_there_from_its_first_byte_to_its_proof(
    phone: Phone, scripted: ScriptedPhone, new: Path
) -> None:
    seen = []

    def look() -> None:
        seen.append((note(), on_phone(scripted)))

    scripted.fault(WRITE, before=look, after=look)
    flashed(phone, new)
    (first, copy), second = seen
    assert (first, copy) == second
    assert first == copy
    assert first is not None
    assert (first.way, first.put_back, first.is_local) == ("flash-host-kernel", False, True)
    (write,) = first.writes
    assert (write.partition, write.state, write.rescue) == ("boot", "begun", "old")
    assert (write.image, write.new_sha256) == (str(new), hashlib.sha256(NEW).hexdigest())
    assert (write.backup, write.old_sha256) == (str(old_backup().path), old_backup().sha256)
    assert note() is None
    last = on_phone(scripted)
    assert last is not None
    assert (last.id, last.settled) == (first.id, True)


def test_a_write_that_wrote_nothing_leaves_the_old_image(
    phone: Phone, scripted: ScriptedPhone, new: Path
) -> None:
    before = scripted.boot.flash
    scripted.fault(WRITE, code=1, says="dd: I/O error\n")
    with raises(
        DeviceError,
        "a command on the phone failed with exit code 1: dd: I/O error",
        HOLDS_OLD,
        "Read the kernel log (adb shell su -c dmesg), then try again.",
    ):
        flashed(phone, new)
    assert scripted.boot.flash == before
    assert scripted.happened(WRITE_BACKUP) == []
    assert note() is None
    assert scripted.files.find(STAGING) is None


def test_a_write_that_fails_half_way_is_rolled_back(phone: Phone, scripted: ScriptedPhone, new: Path) -> None:
    before = scripted.boot.flash
    scripted.fault(WRITE, most=4096)
    what = f"a command on the phone failed with exit code 1: dd: {BOOT}: Input/output error"
    with raises(DeviceStateError, what, *PUT_BACK):
        flashed(phone, new)
    assert scripted.boot.flash == before
    assert note() is None
    assert scripted.files.find(STAGING) is None


def test_a_write_whose_answer_is_lost_is_a_success(
    phone: Phone, scripted: ScriptedPhone, new: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scripted.fault(f"blockdev --flushbufs {BOOT}", drops=True)
    done = flashed(phone, new)
    assert (done.written, scripted.boot.flash[: len(NEW)]) == (True, NEW)
    assert f"warning: {BOOT} does hold the new content" in capsys.readouterr().err
    assert note() is None


@pytest.mark.parametrize("change", ["gone", "damaged"])
def test_a_backup_on_the_phone_that_cannot_be_used_is_pushed_again(
    change: str, phone: Phone, scripted: ScriptedPhone, new: Path
) -> None:
    before = scripted.boot.flash
    copy = f"{KEPT}/boot.img"

    def after() -> None:
        if change == "gone":
            scripted.files.remove(copy)
        else:
            scripted.add_file(copy, b"damaged")

    scripted.fault(WRITE, most=10, after=after)
    with pytest.raises(DeviceStateError):
        flashed(phone, new)
    assert scripted.boot.flash == before
    assert scripted.happened("push *img")[-1] == f"push {STAGING}/boot-old.img"
    assert scripted.happened(f"dd if={STAGING}/boot-old.img of={BOOT} *") != []


def test_when_the_backup_cannot_be_written_either_it_is_not_known_what_is_there(
    phone: Phone, scripted: ScriptedPhone, new: Path
) -> None:
    scripted.fault(WRITE, most=4096)
    scripted.fault(WRITE_BACKUP, code=1, says="dd: broken\n")
    with pytest.raises(DeviceStateError) as caught:
        flashed(phone, new)
    error, saved = caught.value, old_backup()
    assert error.what == (
        f"a command on the phone failed with exit code 1: dd: {BOOT}: Input/output error; "
        "then: a command on the phone failed with exit code 1: dd: broken"
    )
    assert error.state == UNKNOWN
    assert "do not restart it: hardboot home" in error.fix
    assert "recovery" in error.fix
    assert error.fix.endswith(f"The backup is {shlex.quote(str(saved.path))}")
    unfinished = note()
    assert unfinished is not None
    assert unfinished.writes[0].backup == str(saved.path)


def test_a_phone_that_loses_power_is_waited_for_and_looked_at(
    phone: Phone, scripted: ScriptedPhone, new: Path
) -> None:
    before = scripted.boot.flash

    def cut() -> None:
        scripted.cut_power()
        scripted.clock.start("hardware", _power_on(scripted))

    scripted.fault(WRITE, before=cut)
    with pytest.raises(DeviceError) as caught:
        flashed(phone, new)
    assert caught.value.state == HOLDS_OLD
    assert scripted.boot.flash == before
    assert note() is None


def _power_on(scripted: ScriptedPhone) -> Steps:
    yield 20.0
    scripted.power_on()
    return 0


def test_a_phone_that_stays_off_is_told_as_unknown(phone: Phone, scripted: ScriptedPhone, new: Path) -> None:
    scripted.fault(WRITE, before=scripted.cut_power)
    start = scripted.clock.now
    with pytest.raises(DeviceStateError) as caught:
        flashed(phone, new)
    assert caught.value.state == UNKNOWN
    assert shlex.quote(str(old_backup().path)) in caught.value.fix
    assert note() is not None
    assert scripted.clock.now - start > 170


def test_a_writer_that_was_given_up_is_ended_before_anything_else_is_written(
    phone: Phone, scripted: ScriptedPhone, new: Path
) -> None:
    before = scripted.boot.flash
    scripted.fault(WRITE, hangs_s=91)
    with pytest.raises(DeviceError, match="did not end the command within 60 s") as caught:
        flashed(phone, new)
    assert caught.value.state == HOLDS_OLD
    scripted.clock.sleep(300)
    assert scripted.boot.flash == before


def test_a_writer_that_cannot_be_ended_is_told(phone: Phone, scripted: ScriptedPhone, new: Path) -> None:
    scripted.fault(WRITE, hangs_s=91)
    scripted.fault("kill -9 *", code=0)
    with pytest.raises(DeviceStateError, match="the write cannot be ended") as caught:
        flashed(phone, new)
    assert caught.value.state == f"It may still be writing {BOOT}, until the phone restarts."
    assert scripted.happened(WRITE_BACKUP) == []
    assert note() is not None


def test_writing_and_reading_have_the_time_that_slow_flash_takes(
    phone: Phone, scripted: ScriptedPhone, new: Path
) -> None:
    scripted.fault(WRITE, hangs_s=59)
    scripted.fault(f"dd if={BOOT} of=*", hangs_s=59)
    assert flashed(phone, new).written
    scripted.boot.flash = scripted.boot.cached = setup.HOST_IMAGE.ljust(setup.SIZE, b"\1")
    scripted.fault(f"dd if={BOOT} of=*", hangs_s=62)
    with pytest.raises(DeviceError, match="did not end the command within 60 s"):
        flashed(phone, new)


def test_the_time_grows_with_the_size(
    phone: Phone, scripted: ScriptedPhone, new: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partition_read, "SLOW_BYTES_PER_S", 1024)
    scripted.fault(f"dd if={BOOT} of=*", hangs_s=60 + setup.SIZE / 1024 - 1)
    scripted.fault(WRITE, hangs_s=60 + len(NEW) / 1024 - 1)
    assert flashed(phone, new).written


# What is broken is not saved, and not written


@pytest.mark.parametrize("content", ["no boot image", "a mix"])
def test_a_partition_without_a_whole_boot_image_is_no_backup(
    content: str, phone: Phone, scripted: ScriptedPhone, new: Path
) -> None:
    mix = setup.HOST_IMAGE[:4096] + NEW[4096:]
    held = b"ANDROID?" if content == "no boot image" else mix
    scripted.boot.flash = scripted.boot.cached = held.ljust(setup.SIZE, b"\0")
    with pytest.raises(RefusedError, match="does not hold a complete boot image") as caught:
        flashed(phone, new)
    assert caught.value.state == "Nothing was written; no backup was made of it."
    assert backup.find("HBSCRIPT", "boot") == []
    assert list(backup.folder("HBSCRIPT").iterdir()) == []
    assert scripted.happened("dd *of=/dev/*") == []
    done = flashed(phone, new, allow_broken=True)
    assert done.written
    assert done.backup is not None
    assert done.backup.path.read_bytes().startswith(held)
    with pytest.raises(RefusedError, match="not a complete boot image"):
        restored(phone, done.backup)
    assert restored(phone, done.backup, allow_broken=True).written


def test_after_a_write_that_was_cut_off_the_next_flash_refuses_a_mix(
    phone: Phone, scripted: ScriptedPhone, new: Path
) -> None:
    scripted.fault(WRITE, most=4096)
    scripted.fault(WRITE_BACKUP, code=1, says="dd: broken\n")
    with pytest.raises(DeviceStateError):
        flashed(phone, new)
    saved = old_backup()
    with pytest.raises(
        RefusedError,
        match=r"writing .* to boot was cut off .*: boot holds neither the old nor the new content",
    ) as caught:
        flashed(phone, new)
    assert caught.value.fix == "Settle it first: hardboot home"
    assert backup.find("HBSCRIPT", "boot") == [saved]
    done = restored(phone, saved)
    assert (done.written, done.backup) == (True, None)
    assert note() is None
    assert flashed(phone, new).written


@pytest.mark.parametrize("holds", ["old", "new"])
def test_after_a_write_that_was_cut_off_the_next_flash_says_what_is_there(
    holds: str, phone: Phone, scripted: ScriptedPhone, new: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = scripted.boot.flash
    scripted.fault(WRITE, before=scripted.cut_power)
    with pytest.raises(DeviceStateError):
        flashed(phone, new)
    content = before if holds == "old" else NEW + before[len(NEW) :]
    scripted.boot.flash = scripted.boot.cached = content
    scripted.power_on()
    assert flashed(setup.connected(scripted), new).written == (holds == "old")
    told = {"old": "what it held before", "new": str(new)}[holds]
    assert f"boot holds {told}. Nothing is left to be done." in capsys.readouterr().err
    assert note() is None


# Which backup is restored


def test_the_newest_backup_that_is_no_host_is_restored_by_default(
    phone: Phone, scripted: ScriptedPhone, tmp_path: Path
) -> None:
    images = [NEW, setup.HOST_IMAGE + b"1", setup.HOST_IMAGE + b"2"]
    scripted.boot.flash = scripted.boot.cached = NEW.ljust(setup.SIZE, b"\3")
    stock = scripted.boot.flash
    for number, content in enumerate(images[1:]):
        image = tmp_path / f"{number}.img"
        image.write_bytes(content)
        flashed(phone, image)
        scripted.clock.sleep(100)
    assert [one.host for one in backup.find("HBSCRIPT", "boot")] == [True, False]
    assert flash.default_backup(phone).path.read_bytes() == stock
    restored(phone)
    assert scripted.boot.flash == stock
    assert flash.default_backup(phone).host is True  # the stock image is there already


def test_a_backup_that_is_used_again_is_the_newest(
    phone: Phone, scripted: ScriptedPhone, tmp_path: Path, new: Path
) -> None:
    first = scripted.boot.flash
    flashed(phone, new)
    scripted.clock.sleep(100)
    scripted.boot.flash = scripted.boot.cached = setup.HOST_IMAGE.ljust(setup.SIZE, b"\2")
    flashed(phone, new)
    scripted.clock.sleep(100)
    scripted.boot.flash = scripted.boot.cached = first
    scripted.events.clear()
    done = flashed(phone, new)
    assert scripted.happened("pull *") == []
    newest, _ = backup.find("HBSCRIPT", "boot")
    assert done.backup == newest
    assert newest.path.read_bytes() == first


def test_a_backup_of_another_phone_is_refused(phone: Phone, scripted: ScriptedPhone, new: Path) -> None:
    flashed(phone, new)
    saved = old_backup()
    scripted.events.clear()
    phone.serialno = "ANOTHER"
    with raises(
        RefusedError,
        "this backup is from virt-arm HBSCRIPT, the phone is virt-arm ANOTHER",
        "Nothing was written.",
        "List the backups of this phone: hardboot backups",
    ):
        restored(phone, saved)
    assert scripted.events == []


def test_a_backup_stays_good_when_its_profile_gets_another_name(
    phone: Phone, scripted: ScriptedPhone, new: Path
) -> None:
    before = scripted.boot.flash
    flashed(phone, new)
    saved = old_backup()
    description = saved.path.with_suffix(".json")
    description.write_text(description.read_text().replace("virt-arm", "old-name"))
    restored(phone, old_backup())
    assert scripted.boot.flash == before


@pytest.mark.parametrize(
    "event", [f"sha256sum <{BOOT}", f"dd if={BOOT} *", "pull *", "push */boot-new.img", f"head -c * <{BOOT}"]
)
def test_whatever_fails_before_the_write_says_that_nothing_was_written(
    event: str, phone: Phone, scripted: ScriptedPhone, new: Path
) -> None:
    before = scripted.boot.flash
    scripted.fault(event, drops=True)
    with pytest.raises(DeviceError) as caught:
        flashed(phone, new)
    assert caught.value.state == "Nothing was written to a partition."
    assert scripted.boot.flash == before


def test_a_broken_backup_is_used_again_only_by_request(
    phone: Phone, scripted: ScriptedPhone, new: Path
) -> None:
    good = scripted.boot.flash
    broken = flip(2200)(good)
    flashed(phone, new)
    scripted.boot.flash = scripted.boot.cached = broken
    scripted.clock.sleep(100)
    forced = flashed(phone, new, allow_broken=True).backup
    assert forced is not None
    assert forced.problem is not None
    assert flash.default_backup(phone).path.read_bytes() == good  # though the broken one is newer
    scripted.boot.flash = scripted.boot.cached = broken
    with pytest.raises(RefusedError, match="does not hold a complete boot image"):
        flashed(phone, new)


def test_a_mix_is_no_backup_even_if_nothing_in_it_shows_that(phone: Phone, new: Path) -> None:
    # Images of header v3 and v4 have no id: only the record of the write knows.
    left_behind(phone, one_write(image="other.img"))
    with pytest.raises(RefusedError, match=r"writing other\.img to boot was cut off"):
        flashed(phone, new)
    assert backup.find("HBSCRIPT", "boot") == []

"""Several partitions changed as one, recorded on this computer and the phone, and put back."""

from pathlib import Path

import pytest
from scripted_phone import ScriptedPhone

from hardboot.base.errors import DeviceError, DeviceStateError
from hardboot.base.files import private_copy
from hardboot.device.phone import Phone
from hardboot.flows import backup, transaction, transaction_record, unsettled
from hardboot.flows.transaction import NewBytes
from hardboot.flows.transaction_record import KEPT, Transaction

OLD_MISC = bytes(range(256)) * 16
BCB = NewBytes("misc", 0, b"boot-recovery".ljust(32, b"\0") + bytes(32), "boot-recovery")
RECOVERY = "/dev/block/vda2"


@pytest.fixture
def misc(scripted: ScriptedPhone, phone: Phone) -> bytes:
    """Give the phone a partition that its profile does not know; return what all partitions hold."""
    scripted.partition("misc", OLD_MISC)
    return content(scripted)


def content(scripted: ScriptedPhone) -> bytes:
    """Return what the flash memory holds: boot, recovery, and misc."""
    found = b""
    for name in ("boot", "recovery", "misc"):
        node = scripted.files.find(f"/dev/block/by-name/{name}")
        assert node is not None
        found += getattr(node, "flash", b"")
    return found


def changed(phone: Phone, folder: Path, *names: str, put_back: bool = True) -> Transaction | None:
    """Write another image to partitions, and the BCB to misc."""
    file = folder / "rom.img"
    file.write_bytes(b"a ROM for the test".ljust(9000, b"\7"))
    with private_copy(file, limit=1 << 20) as image:
        return transaction.write(
            phone, "recovery", dict.fromkeys(names, image), put_back=put_back, also=(BCB,)
        )


def test_images_and_bytes_are_one_change_that_is_put_back(
    phone: Phone, scripted: ScriptedPhone, misc: bytes, tmp_path: Path
) -> None:
    changed(phone, tmp_path, "recovery", "boot")
    assert content(scripted) != misc
    node = scripted.files.find("/dev/block/by-name/misc")
    assert getattr(node, "flash", b"") == BCB.data + OLD_MISC[len(BCB.data) :]
    known = transaction_record.find(phone)
    assert known is not None
    assert known.is_complete
    assert [(one.partition, one.state) for one in known.writes] == [
        ("recovery", "written"),
        ("boot", "written"),
        ("misc", "written"),
    ]
    writes = scripted.happened("dd *conv=notrunc,fsync")
    scripted.events.clear()
    done = unsettled.put_back(phone)
    assert [(one.partition, one.held, one.holds) for one in done] == [
        (name, "new", "old") for name in ("recovery", "boot", "misc")
    ]
    assert content(scripted) == misc
    undone = scripted.happened("dd *conv=notrunc,fsync")
    targets = [[word for word in one.split() if word.startswith("of=")] for one in (*writes, *undone)]
    assert targets[:3] == targets[:2:-1]  # undone in the reverse order
    assert transaction_record.find(phone) is None
    assert unsettled.put_back(phone) == []


def test_the_second_of_two_writes_that_fails_undoes_the_first(
    phone: Phone, scripted: ScriptedPhone, misc: bytes, tmp_path: Path
) -> None:
    scripted.fault("dd if=*boot-new.img *", most=4096)
    with pytest.raises(DeviceStateError) as caught:
        changed(phone, tmp_path, "recovery", "boot")
    assert caught.value.state == "All partitions hold what they held before, read back and compared."
    assert content(scripted) == misc
    assert transaction_record.find(phone) is None


def test_a_phone_that_loses_power_as_it_keeps_the_record_holds_what_it_held_and_that_is_told(
    phone: Phone, scripted: ScriptedPhone, misc: bytes, tmp_path: Path
) -> None:
    scripted.fault("*mv *transaction.json*", after=scripted.cut_power)
    with pytest.raises(DeviceError) as caught:
        changed(phone, tmp_path, "recovery")
    assert caught.value.state == "Nothing was written to a partition."
    assert content(scripted) == misc


def test_another_computer_puts_back_from_the_phones_own_record_and_backups(
    phone: Phone, scripted: ScriptedPhone, misc: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed(phone, tmp_path, "recovery")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another"))
    scripted.events.clear()
    done = unsettled.put_back(phone)
    assert [one.partition for one in done] == ["recovery", "misc"]
    assert content(scripted) == misc
    assert f"{KEPT}/recovery.img" in scripted.happened(f"dd *of={RECOVERY} *")[0]


def test_a_computer_that_comes_back_with_an_older_record_learns_that_it_is_settled(
    phone: Phone, misc: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed(phone, tmp_path, "recovery")
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("XDG_STATE_HOME", str(tmp_path / "another"))
        unsettled.put_back(phone)
    assert transaction_record.of_computer(phone.serialno) is not None
    assert transaction_record.find(phone) is None
    assert transaction_record.of_computer(phone.serialno) is None


@pytest.mark.parametrize("ended", [True, False])
def test_what_another_computer_did_after_that_counts(
    ended: bool, phone: Phone, misc: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed(phone, tmp_path, "recovery")
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("XDG_STATE_HOME", str(tmp_path / "another"))
        unsettled.put_back(phone)
        later = changed(phone, tmp_path, "boot")
        if ended:
            unsettled.put_back(phone)
    found = transaction_record.find(phone)
    assert found == (None if ended else later)


def test_a_phone_whose_data_cannot_be_written_leaves_the_record_to_the_computer(
    phone: Phone, scripted: ScriptedPhone, misc: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scripted.fault(f"mkdir -p {KEPT}", nth=0, code=1, says="mkdir: Read-only file system\n")
    changed(phone, tmp_path, "recovery")
    told = capsys.readouterr().err
    assert "warning: the phone has no room for a backup of recovery: it is on this computer only" in told
    assert "warning: the phone cannot keep the record of this write; this computer does" in told
    known = transaction_record.find(phone)
    assert known is not None
    assert not known.on_phone
    unsettled.put_back(phone)
    assert content(scripted) == misc


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("partition", "/dev/block/vda1 changed after its backup was made"),
        ("backup", "reads back damaged"),
    ],
)
def test_what_changes_between_backup_and_write_is_seen_before_the_write(
    what: str, told: str, phone: Phone, scripted: ScriptedPhone, misc: bytes, tmp_path: Path
) -> None:
    def change() -> None:
        if what == "partition":
            scripted.boot.write(0, b"other")
            scripted.boot.flush()
        else:
            backup.find("HBSCRIPT", "boot")[0].path.write_bytes(b"damaged")

    scripted.fault("push */boot-new.img", after=change)
    with pytest.raises(DeviceError, match=told) as caught:
        changed(phone, tmp_path, "boot")
    assert caught.value.state == "Nothing was written to a partition."
    assert scripted.happened("dd *conv=notrunc,fsync") == []
    assert transaction_record.find(phone) is None


def test_without_room_for_a_backup_on_the_phone_this_computer_has_the_only_one(
    phone: Phone, scripted: ScriptedPhone, misc: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scripted.data.capacity = 32 << 20
    changed(phone, tmp_path, "boot")
    told = capsys.readouterr().err
    assert "warning: the phone has no room for a backup of boot: it is on this computer only" in told
    assert scripted.files.find(f"{KEPT}/boot.img") is None
    known = transaction_record.find(phone)
    assert known is not None
    assert known.on_phone
    unsettled.put_back(phone)
    assert content(scripted) == misc

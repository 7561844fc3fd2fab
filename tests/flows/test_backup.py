"""Backups on this computer: how they are kept, found and read."""

import hashlib
import json
from pathlib import Path

import pytest
from told import raises

from hardboot.base.errors import InputError
from hardboot.flows import backup
from hardboot.flows.backup import Backup
from hardboot.flows.partition_content import Content

FIX = "Use a backup that hardboot made: flash-host-kernel prints its path."


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "hardboot" / "backups"


def saved(
    content: bytes = b"content", *, serial: str = "HB1", partition: str = "boot", taken: float = 0
) -> Backup:
    folder = backup.folder(serial)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "part").write_bytes(content)
    made = backup.save(serial, "virt-arm", partition, folder / "part", Content(None, "6.1.0", False))
    if taken:
        text = json.loads(made.path.with_suffix(".json").read_text())
        made.path.with_suffix(".json").write_text(json.dumps({**text, "taken": taken}))
        return Backup(**{**text, "taken": taken})
    return made


def test_a_backup_is_named_after_partition_and_content(state: Path) -> None:
    made = saved()
    digest = hashlib.sha256(b"content").hexdigest()
    assert made.path == state / "HB1" / f"boot-{digest[:16]}.img"
    assert made.path.read_bytes() == b"content"
    assert (made.serial, made.device, made.partition, made.size, made.sha256) == (
        "HB1",
        "virt-arm",
        "boot",
        7,
        digest,
    )
    assert not (state / "HB1" / "part").exists()
    text = made.path.with_suffix(".json").read_text()
    assert text.startswith('{\n  "serial": "HB1",\n')
    assert text.endswith("}\n")
    assert backup.read(made.path) == made
    assert backup.folder("a/b").parent == state
    assert "/" not in backup.folder("a/b").name


def test_backups_are_found_newest_first(state: Path) -> None:
    made = [saved(bytes([number]), taken=time) for number, time in enumerate((20.0, 30.0, 10.0))]
    assert backup.find("HB1", "boot") == [made[1], made[0], made[2]]
    assert backup.find("HB1", "recovery") == []
    assert backup.find("HB2", "boot") == []


def test_what_is_damaged_or_of_another_is_not_found(state: Path) -> None:
    good = saved(b"good")
    saved(b"other phone", serial="HB2")
    saved(b"other partition", partition="boot-b")
    gone = saved(b"gone")
    gone.path.unlink()
    damaged = saved(b"damaged")
    damaged.path.with_suffix(".json").write_bytes(b"\xff{")
    renamed = saved(b"of another serial").path.with_suffix(".json")
    renamed.write_text(renamed.read_text().replace("HB1", "HB3"))
    assert backup.find("HB1", "boot") == [good]


def test_a_file_without_a_description_is_no_backup(tmp_path: Path) -> None:
    path = tmp_path / "rom.img"
    path.write_bytes(b"x")
    with raises(
        InputError,
        f"{path} is not a hardboot backup (rom.json is missing)",
        "Nothing was written.",
        FIX,
    ):
        backup.read(path)


@pytest.mark.parametrize("text", ["no JSON", "{}", "\xff", None])
def test_a_description_of_something_else_is_none(text: str | None, tmp_path: Path) -> None:
    path = tmp_path / "rom.img"
    path.write_bytes(b"content")
    if text is None:
        text = saved().path.with_suffix(".json").read_text()  # right, but of a file elsewhere
    path.with_suffix(".json").write_text(text, encoding="latin-1")
    with raises(
        InputError,
        f"{path} is not a hardboot backup (rom.json does not describe it)",
        "Nothing was written.",
        FIX,
    ):
        backup.read(path)


def test_a_description_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "rom.json").mkdir()
    with pytest.raises(InputError, match=r"rom\.json: "):
        backup.read(tmp_path / "rom.img")


def test_a_backup_reached_by_another_name_is_the_same(tmp_path: Path) -> None:
    made = saved()
    (tmp_path / "link").symlink_to(made.path.parent)
    assert backup.read(tmp_path / "link" / made.path.name) == made


def test_a_backup_knows_the_kernel_in_it(state: Path) -> None:
    made = saved()
    assert (made.release, made.host) == ("6.1.0", False)
    described = json.loads(made.path.with_suffix(".json").read_text())
    assert backup.describe(made) == {**described, "path": str(made.path)}


def test_a_backup_of_an_older_version_has_no_kernel(state: Path) -> None:
    made = saved()
    path = made.path.with_suffix(".json")
    text = json.loads(path.read_text())
    path.write_text(
        json.dumps({name: text[name] for name in text if name not in ("release", "host", "problem")})
    )
    (found,) = backup.find("HB1", "boot")
    assert (found.release, found.host) == (None, None)


def test_a_backup_used_again_becomes_the_newest(state: Path) -> None:
    old = saved(b"old", taken=10.0)
    saved(b"new", taken=20.0)
    renewed = backup.renew(old)
    assert renewed.taken > 20
    assert backup.find("HB1", "boot")[0] == renewed


def test_all_backups_are_found_whichever_phone_they_are_of(state: Path) -> None:
    made = [
        saved(serial="HB1", taken=10.0),
        saved(serial="a/b", taken=20.0),
        saved(partition="recovery", taken=5.0),
    ]
    assert backup.find_all() == [made[1], made[0], made[2]]

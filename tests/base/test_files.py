"""Files on this computer: how they are read and written."""

import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from hardboot.base import files, mapping
from hardboot.base.errors import (
    InputError,
)


@pytest.fixture(params=[0o022, 0o077, 0o002])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_has_the_permissions_that_the_umask_leaves(umask: int, tmp_path: Path) -> None:
    files.write_atomic(tmp_path / "new", [b"a", b"b"])
    assert mode(tmp_path / "new") == 0o666 & ~umask
    assert (tmp_path / "new").read_bytes() == b"ab"


def test_a_file_that_is_replaced_keeps_its_permissions(umask: int, tmp_path: Path) -> None:
    path = tmp_path / "old"
    path.write_bytes(b"old")
    path.chmod(0o640)
    files.write_atomic(path, [b"new"])
    assert mode(path) == 0o640
    assert path.read_bytes() == b"new"


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"old")
    target.chmod(0o640)
    other = tmp_path / "other"
    other.hardlink_to(target)

    def broken() -> Iterator[bytes]:
        yield b"new"
        raise InputError("stop", state="x", fix="y")

    with pytest.raises(InputError, match="stop"):
        files.write_atomic(target, broken())
    assert target.read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "target"]

    files.write_atomic(target, [b"new", b"er"])
    assert target.read_bytes() == b"newer"
    assert target.stat().st_mode & 0o777 == 0o640
    assert other.read_bytes() == b"old"
    with pytest.raises(InputError, match="cannot be written"):
        files.write_atomic(tmp_path / "missing" / "x", [b""])


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    pipe, folder, loop = tmp_path / "pipe", tmp_path / "folder", tmp_path / "loop"
    os.mkfifo(pipe)
    folder.mkdir()
    loop.symlink_to(loop)
    for target in (pipe, folder):
        with pytest.raises(InputError, match="not a regular file"):
            files.write_atomic(target, [b"new"])
    for target in (loop, tmp_path / "file" / "below"):
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(InputError, match="cannot be written"):
            files.write_atomic(target, [b"new"])
    assert pipe.is_fifo()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder", "loop", "pipe"]


def test_a_file_over_the_limit_is_not_read(tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(bytes(11))
    with pytest.raises(InputError, match="11 bytes, the limit is 10"):
        files.read_bytes(large, limit=10)


def test_one_process_at_a_time_makes_a_thing(tmp_path: Path) -> None:
    made = tmp_path / "cache" / "thing-6.1.176"
    beside = tmp_path / "cache" / "thing-6.1.176.lock"
    with files.locked(made), beside.open() as lock, pytest.raises(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with files.locked(made):
        pass


def test_a_file_with_given_permissions_is_never_readable_by_others(tmp_path: Path) -> None:
    with files.atomic_file(tmp_path / "key", mode=0o600):
        (temporary,) = tmp_path.iterdir()
        assert mode(temporary) == 0o600
    assert mode(tmp_path / "key") == 0o600


@pytest.mark.parametrize("durable", [True, False])
def test_content_is_on_the_disk_before_the_file_takes_its_place(
    durable: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []

    def fsync(_file: int) -> None:
        (temporary,) = tmp_path.iterdir()
        synced.append(temporary.stat().st_size)

    monkeypatch.setattr("hardboot.base.files.os.fsync", fsync)
    files.write_atomic(tmp_path / "new", [b"content"], durable=durable)
    assert synced == ([7] if durable else [])


def test_a_folder_is_made_whole_or_not_at_all(tmp_path: Path) -> None:
    def broken(folder: Path) -> None:
        with files.atomic_folder(folder) as made:
            (made / "a").write_text("x")
            raise InputError("stop", state="x", fix="y")

    (tmp_path / "empty").mkdir()
    for name in ("new", "empty"):
        with pytest.raises(InputError, match=r"^stop$"):
            broken(tmp_path / name)
    assert [path.name for path in tmp_path.rglob("*")] == ["empty"]
    with files.atomic_folder(tmp_path / "new") as made:
        (made / "a").write_text("x")
        assert not (tmp_path / "new").exists()
    assert (tmp_path / "new" / "a").read_text() == "x"


def test_the_file_that_marks_a_complete_folder_comes_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out").mkdir()
    moved: list[str] = []
    really = Path.replace

    def replace(self: Path, target: Path) -> Path:
        moved.append(target.name)
        return really(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    with files.atomic_folder(tmp_path / "out", last="b.toml") as made:
        for name in ("c", "b.toml", "a"):
            (made / name).write_text(name)
    assert (sorted(moved), moved[-1]) == (["a", "b.toml", "c"], "b.toml")


def test_an_error_names_its_file_once(tmp_path: Path) -> None:
    with pytest.raises(InputError) as content, files.naming(Path("a.img")):
        raise InputError("damaged", state="Nothing was changed.", fix="Look.")
    assert content.value.what == "a.img: damaged"
    assert content.value.state == "Nothing was changed."
    with pytest.raises(InputError) as missing, files.naming(Path("a.img")):
        files.read_bytes(tmp_path / "b", limit=1)
    assert missing.value.what == f"{tmp_path / 'b'}: no such file"
    with pytest.raises(InputError) as sent, files.naming(Path("a.img"), state="Nothing was sent."):
        raise InputError("damaged", state="Nothing was changed.", fix="Look.")
    assert sent.value.state == "Nothing was sent."


def test_zeros_take_no_room_in_a_mapped_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, size = tmp_path / "temporary", 8 << 20
    monkeypatch.setattr("hardboot.base.mapping.tempfile.TemporaryFile", lambda: path.open("w+b"))
    with mapping.map_chunks([b"a", bytes(size), b"z"]) as mapped:
        assert (len(mapped), mapped[:2], mapped[-2:]) == (size + 2, b"a\0", b"\0z")
    assert path.stat().st_blocks * 512 < size // 2


def test_data_is_found_in_a_checkout_and_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (files.data_dir("devices") / "virt-arm.toml").is_file()
    installed = tmp_path / "hardboot" / "base" / "files.py"
    monkeypatch.setattr(files, "__file__", str(installed))
    assert files.data_dir("devices") == tmp_path / "hardboot" / "_data" / "devices"
    (tmp_path / "devices").mkdir()
    assert files.data_dir("devices") == tmp_path / "devices"


def test_cache_and_state_are_where_xdg_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    for name in ("XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert files.cache_dir() == Path("/home/me/.cache/hardboot")
    assert files.state_dir() == Path("/home/me/.local/state/hardboot")
    monkeypatch.setenv("XDG_STATE_HOME", "/var/mine")
    assert files.state_dir() == Path("/var/mine/hardboot")

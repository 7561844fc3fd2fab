"""Files of the user: read without trusting their size or kind, mapped so that nobody can change them."""

import errno
import os
from pathlib import Path

import pytest

from hardboot.base import files, mapping
from hardboot.base.errors import InputError

ON_DISK = 3 << 20  # bytes


def test_a_mapped_file_that_is_cut_short_keeps_its_content(tmp_path: Path) -> None:
    path = tmp_path / "a.img"
    content = os.urandom(1 << 20)
    path.write_bytes(content)
    mapped = mapping.map_file(path)
    path.write_bytes(b"")  # reading a mapping of the file itself would now end this process by SIGBUS
    assert mapped[:] == content


@pytest.mark.parametrize("in_kernel", [True, False])
def test_holes_stay_holes_in_the_copy(
    in_kernel: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not in_kernel:
        monkeypatch.delattr("os.copy_file_range")
    path = tmp_path / "a.img"
    with path.open("wb") as stream:
        stream.write(b"head")
        stream.seek(ON_DISK)
        stream.write(b"middle")
        stream.truncate(1 << 36)  # more than this computer can store
    mapped = mapping.map_file(path)
    assert len(mapped) == 1 << 36
    assert (mapped[:4], mapped[4:8], mapped[ON_DISK : ON_DISK + 6]) == (b"head", bytes(4), b"middle")


@pytest.mark.parametrize("code", [errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM])
def test_a_kernel_that_cannot_copy_is_no_error(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("os.copy_file_range", refused)
    path = tmp_path / "a.img"
    content = os.urandom(ON_DISK + 5)
    path.write_bytes(content)
    assert mapping.map_file(path)[:] == content


@pytest.mark.parametrize("size", [0, 5, (1 << 20) + 1, 1 << 22])
def test_a_file_that_changes_while_it_is_copied_is_refused(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.img"
    path.write_bytes(bytes(range(256)) * 8192)
    copy = os.copy_file_range

    def cut(source: int, target: int, most: int, *offsets: int) -> int:
        done = copy(source, target, min(most, 1 << 20), *offsets)
        os.truncate(path, size)
        return done

    monkeypatch.setattr("os.copy_file_range", cut)
    with pytest.raises(InputError, match=r"a\.img: the file changed while it was read") as caught:
        mapping.map_file(path)
    assert caught.value.fix == "Try again when nothing else writes to it."


def test_no_room_for_the_copy_names_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.copy_file_range", full)
    (tmp_path / "a.img").write_bytes(b"some")
    with pytest.raises(InputError, match="a temporary file cannot be written: No space left") as caught:
        mapping.map_file(tmp_path / "a.img")
    assert "TMPDIR" in caught.value.fix


def readers() -> dict[str, object]:
    return {
        "read_bytes": lambda path: files.read_bytes(path, limit=1000),
        "map_file": mapping.map_file,
        "map_own_file": mapping.map_own_file,
    }


@pytest.mark.parametrize("name", ["pipe", "zero", "folder"])
@pytest.mark.parametrize("reader", ["read_bytes", "map_file", "map_own_file"])
def test_what_is_no_regular_file_is_refused_at_once(reader: str, name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")  # nobody writes into it: opening it would wait for ever
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "folder").mkdir()
    read = readers()[reader]
    assert callable(read)
    with pytest.raises(InputError, match=f"{name}: not a regular file"):
        read(tmp_path / name)


def test_a_file_that_is_longer_than_it_says_is_read_up_to_the_limit() -> None:
    path = Path("/proc/self/maps")  # a regular file without a size
    assert path.stat().st_size == 0
    assert files.read_bytes(path, limit=1 << 20).startswith(b"")
    assert files.read_bytes(path, limit=1 << 20).count(b"\n") > 5
    with pytest.raises(InputError, match="/proc/self/maps: more than 99 bytes, which is the limit"):
        files.read_bytes(path, limit=99)


def test_the_limit_itself_is_allowed(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"1234")
    assert files.read_bytes(path, limit=4) == b"1234"
    with pytest.raises(InputError, match="4 bytes, the limit is 3"):
        files.read_bytes(path, limit=3)

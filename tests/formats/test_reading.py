"""Views and pieces of bytes in memory and of mapped files, and the errors for malformed input."""

import hashlib
import mmap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hardboot.formats.reading import (
    PIECE,
    WINDOW,
    Data,
    forget,
    malformed,
    pieces,
    sha256,
    truncated,
    u32,
    view,
    windows,
)


@pytest.fixture
def mapped(tmp_path: Path) -> mmap.mmap:
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 40_000)
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def test_a_view_is_read_only_bytes_without_a_copy() -> None:
    data = bytearray(b"abcd")
    seen = view(memoryview(data).cast("I"))
    data[0] = ord("x")
    assert bytes(seen) == b"xbcd"
    assert seen.readonly


@pytest.mark.parametrize("size", [1, 7, PIECE, PIECE + 1])
def test_pieces_are_the_whole_data(mapped: mmap.mmap, size: int) -> None:
    part = view(mapped)[: 3 * PIECE + 5] if size >= PIECE else view(mapped)[:1000]
    found = list(pieces(part, size))
    assert b"".join(found) == bytes(part)
    assert {len(piece) for piece in found[:-1]} == {size}
    assert 0 < len(found[-1]) <= size


def test_windows_are_views_of_the_whole_data(mapped: mmap.mmap) -> None:
    found = list(windows(mapped))
    assert [len(window) for window in found] == [WINDOW, WINDOW, 10_240_000 - 2 * WINDOW]
    assert b"".join(found) == mapped[:]
    assert list(windows(b"")) == []


def test_a_hash_is_over_all_windows(mapped: mmap.mmap) -> None:
    assert sha256(mapped) == hashlib.sha256(mapped[:]).hexdigest()
    assert sha256(b"") == hashlib.sha256().hexdigest()


def resident() -> int:
    """Bytes of mapped files in this process's memory."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("RssFile:"))


@pytest.mark.parametrize("walk", [windows, pieces])
def test_pages_leave_memory_once_they_were_yielded(
    tmp_path: Path, walk: Callable[[mmap.mmap], Iterator[Data]]
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * (64 << 20))
    with path.open("rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    before = resident()
    most = max(resident() - before for part in walk(data) if part[0])
    assert most <= 2 * WINDOW
    assert resident() - before < WINDOW


def test_dropped_pages_can_be_read_again(mapped: mmap.mmap) -> None:
    forget(view(mapped))
    forget(memoryview(b"no file"))
    assert mapped[:4] == b"\0\1\2\3"


def test_a_word_is_little_endian() -> None:
    assert u32(memoryview(b"\xff\1\2\3\4\xff"), 1) == 0x04030201


def test_errors_name_format_field_offset_and_problem() -> None:
    error = malformed("thing", "size", 0x10, "5 bytes, the limit is 4", fix="Shorten it.")
    assert (error.what, error.fix) == ("thing: size at offset 0x10: 5 bytes, the limit is 4", "Shorten it.")
    assert error.state == "Nothing was changed."
    assert "checksum" in malformed("thing", "size", 0, "").fix


@pytest.mark.parametrize(("size", "told"), [(5, 5), (0, 0), (-7, 0)])
def test_truncated_input_is_reported_with_its_size(size: int, told: int) -> None:
    error = truncated("thing", "header", 16, size, 12)
    assert error.what == f"thing: header at offset 0x10: truncated: {told} of 12 bytes"

"""What every format shares: bytes seen without a copy, bounds, and the one error for malformed input."""

from __future__ import annotations

import hashlib
import mmap as _mmap
import struct
from collections.abc import Iterator
from mmap import mmap

from hardboot.base.errors import InputError

Data = bytes | bytearray | memoryview | mmap

PIECE = 256 << 10  # bytes
WINDOW = 4 << 20  # bytes; small ones cost more than they hold: threads that hash wait for each other

_U32 = struct.Struct("<I")


def view(data: Data) -> memoryview:
    """`data` as read-only bytes, without a copy: slices of it read nothing that is not looked at."""
    seen = memoryview(data)
    return seen.cast("B").toreadonly()


def pieces(data: Data, size: int = PIECE) -> Iterator[bytes]:
    """`data` in pieces of `size` bytes, the last one shorter.

    Of a mapped file no more than a piece stays in this process's memory, however large the file is.
    """
    seen = view(data)
    for start in range(0, len(seen), size):
        yield bytes(seen[start : start + size])
        if size >= PIECE or start % PIECE < size:
            forget(seen)


def windows(data: Data) -> Iterator[memoryview]:
    """`data` in views of WINDOW bytes, without a copy; what was seen leaves memory with the next one."""
    seen = view(data)
    for start in range(0, len(seen), WINDOW):
        yield seen[start : start + WINDOW]
        forget(seen)


def sha256(data: Data) -> str:
    """The SHA-256 of `data`, in hex; of a mapped file only a window is in memory."""
    digest = hashlib.sha256()
    for window in windows(data):
        digest.update(window)
    return digest.hexdigest()


def forget(data: memoryview) -> None:
    """Tell the system that what was read of a mapped file is not needed in memory; it stays readable."""
    advice = getattr(_mmap, "MADV_DONTNEED", None)  # Windows has none
    if advice is not None and isinstance(data.obj, mmap):
        data.obj.madvise(advice)


def u32(data: memoryview, offset: int) -> int:
    """The little-endian word at `offset`, which the caller knows to lie inside `data`."""
    value: int = _U32.unpack_from(data, offset)[0]
    return value


def malformed(
    what: str,
    field: str,
    offset: int,
    problem: str,
    *,
    fix: str = "Check that the file is whole: compare its checksum with where it came from.",
) -> InputError:
    """The error for input that breaks its format.

    Args:
        what: The format: "boot image".
        field: The field of the format that is wrong.
        offset: Where the field lies, in bytes from the start of the format's data.
        problem: The value found and the limit it breaks.
        fix: What to do about it.
    """
    return InputError(
        f"{what}: {field} at offset {offset:#x}: {problem}",
        state="Nothing was changed.",
        fix=fix,
    )

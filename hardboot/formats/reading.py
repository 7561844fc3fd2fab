"""Views of bytes without a copy, and the errors for malformed input that every format shares."""

from __future__ import annotations

import hashlib
import mmap as _mmap
import struct
from collections.abc import Iterator
from mmap import mmap

from hardboot.base.errors import InputError

Data = bytes | bytearray | memoryview | mmap

PIECE = 256 << 10  # bytes
WINDOW = 4 << 20  # bytes; with small windows, threads that hash wait for each other longer than they work

_U32 = struct.Struct("<I")
_ZEROS = bytes(PIECE)


def view(data: Data) -> memoryview:
    """Return a read-only view of `data`, without a copy: of a mapped file only what is used gets read."""
    return memoryview(data).cast("B").toreadonly()


def pieces(data: Data, size: int = PIECE) -> Iterator[bytes]:
    """Yield `data` in pieces of `size` bytes, the last one shorter.

    Of a mapped file, at most one piece stays in this process's memory.
    """
    whole = view(data)
    for start in range(0, len(whole), size):
        yield bytes(whole[start : start + size])
        if size >= PIECE or start % PIECE < size:
            forget(whole)


def windows(data: Data) -> Iterator[memoryview]:
    """Yield `data` in views of WINDOW bytes, without a copy.

    Of a mapped file, at most one window stays in this process's memory.
    """
    whole = view(data)
    for start in range(0, len(whole), WINDOW):
        yield whole[start : start + WINDOW]
        forget(whole)


def zeros(size: int) -> Iterator[bytes]:
    """Yield `size` zero bytes in pieces; nothing if it is negative."""
    for start in range(0, size, PIECE):
        yield _ZEROS[: size - start]


def leading_zeros(data: Data) -> int:
    """Count the zero bytes that `data` begins with."""
    zeros = 0
    for piece in pieces(data):
        if piece != _ZEROS[: len(piece)]:  # many times faster than lstrip
            return zeros + len(piece) - len(piece.lstrip(b"\0"))
        zeros += len(piece)
    return zeros


def sha256(data: Data) -> str:
    """Return the SHA-256 of `data`, in hex; of a mapped file only a window is in memory."""
    digest = hashlib.sha256()
    for window in windows(data):
        digest.update(window)
    return digest.hexdigest()


def forget(data: memoryview) -> None:
    """Drop the pages of a mapped file from memory (MADV_DONTNEED); they are read again when needed."""
    advice = getattr(_mmap, "MADV_DONTNEED", None)  # Windows has none
    if advice is not None and isinstance(data.obj, mmap):
        data.obj.madvise(advice)


def u32(data: memoryview, offset: int) -> int:
    """Return the little-endian word at `offset`; the caller has checked that `data` has it."""
    value: int = _U32.unpack_from(data, offset)[0]
    return value


def malformed(
    what: str,
    field: str,
    offset: int | None,
    problem: str,
    *,
    fix: str = "Check that the file is complete: compare its checksum with that of its source.",
) -> InputError:
    """Return the error for input that breaks its format.

    Args:
        what: The format: "boot image".
        field: The field of the format that is wrong.
        offset: Of the field, in bytes from the start of the format's data; None where that tells nobody more.
        problem: The value, and the limit that it breaks.
        fix: What to do about it.
    """
    place = "" if offset is None else f" at offset {offset:#x}"
    return InputError(
        f"{what}: {field}{place}: {problem}",
        state="Nothing was changed.",
        fix=fix,
    )


class LimitError(InputError):
    """Input that exceeds what hardboot reads; it may be right."""


def too_large(what: str, field: str, offset: int | None, problem: str) -> LimitError:
    """Return the error for input that exceeds what hardboot reads; for the arguments see `malformed`."""
    error = malformed(what, field, offset, problem)
    return LimitError(error.what, state=error.state, fix=error.fix)


def truncated(what: str, field: str, offset: int, size: int, needed: int) -> InputError:
    """Return the error for input that ends inside of a field.

    Args:
        what: The format: "boot image".
        field: The field of the format.
        offset: Of the field, in bytes from the start of the format's data.
        size: Bytes that there are from `offset` on.
        needed: Bytes that the field has.
    """
    return malformed(what, field, offset, f"truncated: {max(0, size)} of {needed} bytes")

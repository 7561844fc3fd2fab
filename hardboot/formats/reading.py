"""What every format shares: bytes seen without a copy, bounds, and the one error for malformed input."""

import struct
from typing import TYPE_CHECKING, TypeAlias, Union

from hardboot.errors import InputError

if TYPE_CHECKING:
    from mmap import mmap

Data: TypeAlias = Union[bytes, bytearray, memoryview, "mmap"]

_U32 = struct.Struct("<I")


def view(data: Data) -> memoryview:
    """`data` as read-only bytes, without a copy: slices of it read nothing that is not looked at."""
    seen = memoryview(data)
    return seen.cast("B").toreadonly()


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
        unchanged="Nothing was changed.",
        fix=fix,
    )

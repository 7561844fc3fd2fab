"""EFI zboot kernels: an EFI program around a compressed kernel.

Source: Linux drivers/firmware/efi/libstub/zboot-header.S.
"""

import struct
from dataclasses import dataclass, field

from hardboot.formats.reading import Data, malformed, view

ZBOOT_MAGIC = b"MZ\0\0zimg"

_WHAT = "EFI zboot kernel"
_HEADER = struct.Struct("<8sII8x32s")


@dataclass(frozen=True)
class Zboot:
    """A zboot kernel.

    Attributes:
        offset: Of the compressed kernel, in bytes.
        compression: As its header names it, such as "gzip" or "zstd22".
    """

    offset: int
    payload: memoryview = field(repr=False)
    compression: str


def parse(data: Data) -> Zboot:
    """Take a zboot kernel apart.

    Raises:
        InputError: If it is something else or cut off.
    """
    seen = view(data)
    if len(seen) < _HEADER.size:
        raise malformed(_WHAT, "header", 0, f"{len(seen)} bytes, it has {_HEADER.size}")
    magic, offset, size, name = _HEADER.unpack_from(seen)
    if magic != ZBOOT_MAGIC:
        raise malformed(_WHAT, "magic", 0, f"{magic!r}, not {ZBOOT_MAGIC!r}")
    if offset < _HEADER.size or offset + size > len(seen):
        problem = f"{size} bytes from {offset:#x}, the file ends at {len(seen):#x}"
        raise malformed(_WHAT, "payload", 8, problem)
    text = name.partition(b"\0")[0].decode("ascii", "replace")
    return Zboot(offset, seen[offset : offset + size], text)

"""U-Boot's legacy images (uImage). Source: u-boot include/image.h. All words are big-endian."""

import struct
import zlib
from dataclasses import dataclass, field

from hardboot.base.sizes import align_up
from hardboot.formats.reading import Data, malformed, view

UIMAGE_MAGIC = 0x27051956
HEADER_SIZE = 64  # bytes
TYPE_KERNEL, TYPE_MULTI = 2, 4  # IH_TYPE_KERNEL, IH_TYPE_MULTI
MAX_PARTS = 16  # of a multi-file image; they have kernel, ramdisk, device tree

_WHAT = "U-Boot image"
_HEADER = struct.Struct(">7I4B32s")
_COMPRESSIONS = ("none", "gzip", "bzip2", "lzma", "lzo", "lz4", "zstd")


@dataclass(frozen=True)
class UImage:
    """A uImage taken apart.

    Attributes:
        name: The text in its header.
        type: What it holds, such as TYPE_KERNEL.
        compression: As its header states it; "unknown" if the number is.
        load_addr: Physical address it is to be copied or unpacked to; entry_addr where it starts.
        time: Seconds since 1970.
        parts: Its content; several parts in a multi-file image. Views.
        trailing: What follows it. A view.
    """

    name: str
    type: int
    compression: str
    load_addr: int
    entry_addr: int
    time: int
    parts: tuple[memoryview, ...] = field(repr=False)
    trailing: memoryview = field(repr=False)


def parse(data: Data) -> UImage:
    """Take a uImage apart; the checksum of its header is checked, that of its content is not.

    Raises:
        InputError: If it is something else, damaged or cut off.
    """
    seen = view(data)
    if len(seen) < HEADER_SIZE:
        raise malformed(_WHAT, "header", 0, f"{len(seen)} bytes, it has {HEADER_SIZE}")
    head = bytes(seen[:HEADER_SIZE])
    magic, checksum, time, size, load, entry, _, _, _, kind, packed, name = _HEADER.unpack(head)
    if magic != UIMAGE_MAGIC:
        raise malformed(_WHAT, "magic", 0, f"{magic:#x}, not {UIMAGE_MAGIC:#x}")
    found = zlib.crc32(head[:4] + bytes(4) + head[8:])
    if found != checksum:
        raise malformed(_WHAT, "header checksum", 4, f"{checksum:#x}, the header's is {found:#x}")
    end = HEADER_SIZE + size
    if end > len(seen):
        raise malformed(_WHAT, "size", 12, f"{size} bytes, {len(seen) - HEADER_SIZE} follow the header")
    content = seen[HEADER_SIZE:end]
    return UImage(
        name=name.partition(b"\0")[0].decode("utf-8", "replace"),
        type=kind,
        compression=_COMPRESSIONS[packed] if packed < len(_COMPRESSIONS) else "unknown",
        load_addr=load,
        entry_addr=entry,
        time=time,
        parts=_parts(content) if kind == TYPE_MULTI else (content,),
        trailing=seen[end:],
    )


def _parts(content: memoryview) -> tuple[memoryview, ...]:
    """Of a multi-file image: sizes, ended by 0, then the parts, each padded to a multiple of 4 bytes."""
    sizes: list[int] = []
    at = 0
    while True:
        if at + 4 > len(content) or len(sizes) > MAX_PARTS:
            raise malformed(_WHAT, "part sizes", HEADER_SIZE + at, "the list does not end")
        size = int.from_bytes(content[at : at + 4], "big")
        at += 4
        if not size:
            break
        sizes.append(size)
    parts = []
    for size in sizes:
        if at + size > len(content):
            problem = f"{size} bytes from {HEADER_SIZE + at:#x} do not fit"
            raise malformed(_WHAT, "part size", HEADER_SIZE, problem)
        parts.append(content[at : at + size])
        at += align_up(size, 4)
    return tuple(parts)

"""U-Boot's legacy images (uImage). Source: u-boot include/image.h. All words are big-endian."""

import zlib
from dataclasses import dataclass, field, replace
from typing import Annotated

from construct import Bytes

from hardboot.base.sizes import align_up
from hardboot.formats.binary_record import U8, Be32, BinaryRecord
from hardboot.formats.reading import Data, malformed, view, windows
from hardboot.formats.text_field import read_text

UIMAGE_MAGIC = b"\x27\x05\x19\x56"
TYPE_KERNEL, TYPE_MULTI, TYPE_KERNEL_NOLOAD = 2, 4, 14  # IH_TYPE_KERNEL, …
MAX_PARTS = 16  # of a multi-file image; they have kernel, ramdisk, device tree

_WHAT = "U-Boot image"
_COMPRESSIONS = ("none", "gzip", "bzip2", "lzma", "lzo", "lz4", "zstd")


@dataclass(frozen=True)
class _Header(BinaryRecord, what=_WHAT):
    magic: Annotated[bytes, Bytes(4)]
    header_crc: Be32
    time: Be32
    size: Be32
    load_addr: Be32
    entry_addr: Be32
    data_crc: Be32
    os: U8
    arch: U8
    type: U8
    compression: U8
    name: Annotated[bytes, Bytes(32)]


HEADER_SIZE = _Header.SIZE


@dataclass(frozen=True)
class UImage:
    """A uImage.

    Attributes:
        type: The kind of its content, such as TYPE_KERNEL.
        compression: As its header states it; "unknown" if the number is.
        load_addr: Physical address it is copied or decompressed to.
        entry_addr: Physical address it is started at.
        time: Seconds since 1970.
        data_crc: The checksum of its content, as stored.
        parts: Its content; several parts in a multi-file image. Views.
        trailing: What follows it. A view.
        warnings: What its header states wrongly, one sentence each.
    """

    name: str
    type: int
    compression: str
    load_addr: int
    entry_addr: int
    time: int
    data_crc: int
    parts: tuple[memoryview, ...] = field(repr=False)
    trailing: memoryview = field(repr=False)
    warnings: tuple[str, ...] = ()


def is_uimage(data: Data) -> bool:
    """Return True if `data` begins with the magic of a uImage."""
    return view(data)[: len(UIMAGE_MAGIC)] == UIMAGE_MAGIC


def parse(data: Data) -> UImage:
    """Read a uImage; a wrong checksum of its header is a warning, that of its content is not checked.

    Raises:
        InputError: If it is something else or truncated.
    """
    content = view(data)
    header = _Header.parse(content)
    if header.magic != UIMAGE_MAGIC:
        raise malformed(_WHAT, "magic", 0, f"{header.magic!r}, not {UIMAGE_MAGIC!r}")
    checksum = zlib.crc32(replace(header, header_crc=0).build())
    wrong = f"{_WHAT}: header checksum is {header.header_crc:#x}, that of the header is {checksum:#x}"
    end = HEADER_SIZE + header.size
    if end > len(content):
        problem = f"{header.size} bytes, {len(content) - HEADER_SIZE} follow the header"
        raise malformed(_WHAT, "size", _Header.offset_of("size"), problem)
    body = content[HEADER_SIZE:end]
    known = header.compression < len(_COMPRESSIONS)
    return UImage(
        name=read_text(header.name),
        type=header.type,
        compression=_COMPRESSIONS[header.compression] if known else "unknown",
        load_addr=header.load_addr,
        entry_addr=header.entry_addr,
        time=header.time,
        data_crc=header.data_crc,
        parts=_parts(body) if header.type == TYPE_MULTI else (body,),
        trailing=content[end:],
        warnings=() if checksum == header.header_crc else (wrong,),
    )


def check_content(image: UImage) -> tuple[str, ...]:
    """Return a sentence if the content of a uImage is not what its checksum is over; reads all of it.

    That of a multi-file image is not checked.
    """
    if image.type == TYPE_MULTI:
        return ()
    checksum = 0
    for window in windows(image.parts[0]):
        checksum = zlib.crc32(window, checksum)
    if checksum == image.data_crc:
        return ()
    return (f"{_WHAT}: data checksum is {image.data_crc:#x}, that of the content is {checksum:#x}",)


def kernel_of(image: UImage) -> memoryview:
    """Return the kernel in a uImage: of a multi-file image, the first part.

    Raises:
        InputError: If it holds something else.
    """
    if image.type not in (TYPE_KERNEL, TYPE_MULTI, TYPE_KERNEL_NOLOAD) or not image.parts:
        problem = f"{image.type}: this U-Boot image does not hold a kernel"
        raise malformed(_WHAT, "type", _Header.offset_of("type"), problem, fix="Give a kernel.")
    return image.parts[0]


def with_kernel(data: Data, kernel: bytes, trees: bytes) -> bytes:
    """Return a uImage with another kernel, which is not compressed by U-Boot's means; all else stays.

    Args:
        data: The uImage, with what follows it.
        kernel: The new kernel.
        trees: Device trees for it; they are inside of the image if nothing followed the old one.

    Raises:
        InputError: If `data` is damaged or holds no kernel, or the kernel is too large.
    """
    old = parse(data)
    kernel_of(old)
    inside = b"" if len(old.trailing) else trees
    if old.type == TYPE_MULTI:
        parts = [kernel + inside, *map(bytes, old.parts[1:])]
        sizes = b"".join(len(part).to_bytes(4, "big") for part in [*parts, b""])
        padded = [part.ljust(align_up(len(part), 4), b"\0") for part in parts[:-1]]
        body = sizes + b"".join([*padded, parts[-1]])
    else:
        body = kernel + inside
    header = replace(_Header.parse(view(data)), compression=0)
    return _around(header, body) + (trees if len(old.trailing) else b"")


def with_content(data: Data, content: Data) -> bytes:
    """Return a uImage with another content, without what follows it.

    Args:
        data: Begins with the header of the old one.
        content: The new content, compressed as the header states.

    Raises:
        InputError: If it is too large.
    """
    return _around(_Header.parse(view(data)), content)


def _around(header: _Header, body: Data) -> bytes:
    """Return the image with `header`, whose size and checksums are those of `body`."""
    unchecked = replace(header, header_crc=0, size=len(body), data_crc=zlib.crc32(body))
    checked = replace(unchecked, header_crc=zlib.crc32(unchecked.build()))
    return b"".join((checked.build(), view(body)))


def _parts(body: memoryview) -> tuple[memoryview, ...]:
    """Return the parts of a multi-file image: sizes, ended by 0, then the parts, padded to 4 bytes each."""
    sizes: list[int] = []
    at = 0
    while True:
        if at + 4 > len(body) or len(sizes) > MAX_PARTS:
            raise malformed(_WHAT, "part sizes", HEADER_SIZE + at, "the list does not end")
        size = int.from_bytes(body[at : at + 4], "big")
        at += 4
        if not size:
            break
        sizes.append(size)
    parts = []
    for index, size in enumerate(sizes):
        if at + size > len(body):
            problem = f"{size} bytes from {HEADER_SIZE + at:#x} do not fit"
            raise malformed(_WHAT, "part size", HEADER_SIZE + 4 * index, problem)
        parts.append(body[at : at + size])
        at += align_up(size, 4)
    return tuple(parts)

"""The header of arm64 kernels.

Sources: Linux Documentation/arm64/booting.rst and arch/arm64/kernel/head.S. Before commit 4370eec05a88
(makers' 3.10 trees have it or not) the header has 32 bytes and no magic: a branch to what follows it, and a
TEXT_OFFSET that is fixed. github.com/bmax121/KernelPatch/issues/289 shows a kernel for Samsung's Exynos 7885
with the magic at 0x30, and all other fields where they should be.
"""

import struct
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from construct import Bytes

from hardboot.formats.binary_record import BinaryRecord, Le32, Le64
from hardboot.formats.reading import Data, malformed, view

ARM64_MAGIC = b"ARM\x64"
_MOVED_MAGIC_OFFSET = 0x30
# b stext, reserved, TEXT_OFFSET, reserved twice
_FIRST_HEADER = struct.pack("<IIQQQ", 0x14000008, 0, 0x80000, 0, 0)
PageSize: TypeAlias = Literal["4K", "16K", "64K"]

_WHAT = "arm64 kernel"
_PAGE_SIZES: tuple[PageSize | None, ...] = (None, "4K", "16K", "64K")


@dataclass(frozen=True)
class _Header(BinaryRecord, what=_WHAT):
    code: Annotated[bytes, Bytes(8)]
    text_offset: Le64
    image_size: Le64
    flags: Le64
    reserved: Annotated[bytes, Bytes(24)]
    magic: Annotated[bytes, Bytes(4)]
    pe_header: Le32


@dataclass(frozen=True)
class Arm64Image:
    """The header of an arm64 kernel.

    Attributes:
        text_offset: Bytes from a 2 MiB-aligned physical address to its own.
        image_size: Bytes it needs from there, with its BSS; 0 if it does not state them (before Linux 3.17).
        big_endian: True if it runs big-endian.
        page_size: Of its page tables; None if it does not state it.
        anywhere: True if the 2 MiB-aligned address may be anywhere in RAM.
        efi: True if it is an EFI program, too.
    """

    text_offset: int
    image_size: int
    big_endian: bool
    page_size: PageSize | None
    anywhere: bool
    efi: bool


def is_arm64(data: Data) -> bool:
    """Return True if `data` begins with the header of an arm64 kernel."""
    content = view(data)
    if content[: len(_FIRST_HEADER)] == _FIRST_HEADER:
        return True
    return len(content) >= _Header.SIZE and _has_magic(content)


def _has_magic(content: memoryview) -> bool:
    offsets = (_Header.offset_of("magic"), _MOVED_MAGIC_OFFSET)
    return any(content[at : at + len(ARM64_MAGIC)] == ARM64_MAGIC for at in offsets)


def parse(data: Data) -> Arm64Image:
    """Read the header that `data` begins with.

    Raises:
        InputError: If there is none.
    """
    content = view(data)
    if content[: len(_FIRST_HEADER)] == _FIRST_HEADER:
        content = memoryview(_FIRST_HEADER.ljust(_Header.SIZE, b"\0"))
    elif not _has_magic(content):
        magic = _Header.parse(content).magic
        raise malformed(_WHAT, "magic", _Header.offset_of("magic"), f"{magic!r}, not {ARM64_MAGIC!r}")
    header = _Header.parse(content)
    return Arm64Image(
        text_offset=header.text_offset,
        image_size=header.image_size,
        big_endian=bool(header.flags & 1),
        page_size=_PAGE_SIZES[header.flags >> 1 & 3],
        anywhere=bool(header.flags & 8),
        efi=header.code.startswith(b"MZ"),
    )

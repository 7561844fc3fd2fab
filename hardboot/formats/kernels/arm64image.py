"""The header of arm64 kernels. Source: Linux Documentation/arm64/booting.rst."""

from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from construct import Bytes

from hardboot.formats.binary_record import BinaryRecord, Le32, Le64
from hardboot.formats.reading import Data, malformed, view

ARM64_MAGIC = b"ARM\x64"
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


HEADER_SIZE = _Header.SIZE


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
    return len(content) >= _Header.SIZE and _Header.parse(content).magic == ARM64_MAGIC


def parse(data: Data) -> Arm64Image:
    """Read the header that `data` begins with.

    Raises:
        InputError: If there is none.
    """
    header = _Header.parse(view(data))
    if header.magic != ARM64_MAGIC:
        problem = f"{header.magic!r}, not {ARM64_MAGIC!r}"
        raise malformed(_WHAT, "magic", _Header.offset_of("magic"), problem)
    return Arm64Image(
        text_offset=header.text_offset,
        image_size=header.image_size,
        big_endian=bool(header.flags & 1),
        page_size=_PAGE_SIZES[header.flags >> 1 & 3],
        anywhere=bool(header.flags & 8),
        efi=header.code.startswith(b"MZ"),
    )

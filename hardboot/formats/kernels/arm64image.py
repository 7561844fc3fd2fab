"""The header of arm64 kernels. Source: Linux Documentation/arm64/booting.rst."""

import struct
from dataclasses import dataclass
from typing import Literal, TypeAlias

from hardboot.formats.reading import Data, malformed, view

ARM64_MAGIC = b"ARM\x64"
HEADER_SIZE = 64  # bytes
PageSize: TypeAlias = Literal["4K", "16K", "64K"]

_WHAT = "arm64 kernel"
_HEADER = struct.Struct("<8xQQQ24x4sI")
_PAGE_SIZES: tuple[PageSize | None, ...] = (None, "4K", "16K", "64K")


@dataclass(frozen=True)
class Arm64Image:
    """The header of an arm64 kernel.

    Attributes:
        text_offset: Where it has to lie, in bytes above a 2 MiB-aligned address.
        image_size: Bytes it needs from there, with its BSS; 0 if it does not say (before Linux 3.17).
        big_endian: True if it runs big-endian.
        page_size: Of its page tables; None if it does not say.
        anywhere: True if the 2 MiB-aligned address may be anywhere in RAM.
        efi: True if it is an EFI program too.
    """

    text_offset: int
    image_size: int
    big_endian: bool
    page_size: PageSize | None
    anywhere: bool
    efi: bool


def is_arm64(data: Data) -> bool:
    """True if `data` begins with an arm64 kernel's header."""
    seen = view(data)
    return len(seen) >= HEADER_SIZE and bytes(seen[0x38:0x3C]) == ARM64_MAGIC


def parse(data: Data) -> Arm64Image:
    """Read the header `data` begins with.

    Raises:
        InputError: If there is none.
    """
    seen = view(data)
    if not is_arm64(seen):
        raise malformed(_WHAT, "magic", 0x38, f"{bytes(seen[0x38:0x3C])!r}, not {ARM64_MAGIC!r}")
    text_offset, image_size, flags, _, _ = _HEADER.unpack_from(seen)
    return Arm64Image(
        text_offset=text_offset,
        image_size=image_size,
        big_endian=bool(flags & 1),
        page_size=_PAGE_SIZES[flags >> 1 & 3],
        anywhere=bool(flags & 8),
        efi=bytes(seen[:2]) == b"MZ",
    )

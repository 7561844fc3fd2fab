"""EFI zboot kernels: an EFI program around a compressed kernel.

Source: Linux drivers/firmware/efi/libstub/zboot-header.S.
"""

from dataclasses import dataclass, field
from typing import Annotated

from construct import Bytes

from hardboot.formats.binary_record import BinaryRecord, Le32
from hardboot.formats.reading import Data, malformed, view
from hardboot.formats.text_field import read_text

ZBOOT_MAGIC = b"MZ\0\0zimg"

_WHAT = "EFI zboot kernel"


@dataclass(frozen=True)
class _Header(BinaryRecord, what=_WHAT):
    magic: Annotated[bytes, Bytes(8)]
    offset: Le32
    size: Le32
    reserved: Annotated[bytes, Bytes(8)]
    compression: Annotated[bytes, Bytes(32)]


@dataclass(frozen=True)
class Zboot:
    """A zboot kernel.

    Attributes:
        offset: Of the compressed kernel, in bytes.
        payload: The compressed kernel, as a view.
        compression: As its header names it, such as "gzip" or "zstd22".
    """

    offset: int
    payload: memoryview = field(repr=False)
    compression: str


def is_zboot(data: Data) -> bool:
    """Return True if `data` begins with the magic of a zboot kernel."""
    return view(data)[: len(ZBOOT_MAGIC)] == ZBOOT_MAGIC


def parse(data: Data) -> Zboot:
    """Read a zboot kernel.

    Raises:
        InputError: If it is something else or truncated.
    """
    content = view(data)
    header = _Header.parse(content)
    if header.magic != ZBOOT_MAGIC:
        raise malformed(_WHAT, "magic", 0, f"{header.magic!r}, not {ZBOOT_MAGIC!r}")
    end = header.offset + header.size
    if header.offset < _Header.SIZE or end > len(content):
        problem = f"{header.size} bytes from {header.offset:#x}, the file ends at {len(content):#x}"
        raise malformed(_WHAT, "payload", _Header.offset_of("offset"), problem)
    return Zboot(header.offset, content[header.offset : end], read_text(header.compression))

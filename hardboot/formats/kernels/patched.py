"""Qualcomm's header in front of an uncompressed kernel with device trees behind it: a "patched kernel".

Sources: Code Aurora's lk, app/aboot/aboot.c, and edk2 QcomModulePkg, Library/BootLib/BootLinux.c
(PATCHED_KERNEL_MAGIC). The bootloader skips the header, and looks for device trees where the size says.
"""

from dataclasses import dataclass, field
from typing import Annotated

from construct import Bytes

from hardboot.formats.binary_record import BinaryRecord, Le32
from hardboot.formats.reading import Data, leading_zeros, malformed, view
from hardboot.formats.trees import fdt

PATCHED_KERNEL_MAGIC = b"UNCOMPRESSED_IMG"


@dataclass(frozen=True)
class _Header(BinaryRecord, what="UNCOMPRESSED_IMG header"):
    magic: Annotated[bytes, Bytes(len(PATCHED_KERNEL_MAGIC))]
    size: Le32


HEADER_SIZE = _Header.SIZE


@dataclass(frozen=True)
class PatchedKernel:
    """A kernel behind Qualcomm's header.

    Attributes:
        stated_size: Bytes of the kernel without its device trees, as the header states them.
        content: What follows the header: the kernel and its device trees.
        size: Bytes of the kernel; None if device trees do not begin where the header says, and it is not
            all of the content either.
    """

    stated_size: int
    content: memoryview = field(repr=False)
    size: int | None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the header states wrongly: the bootloader finds no device trees there."""
        if self.size is not None:
            return ()
        return (f"{_Header.WHAT}: size is {self.stated_size} bytes, no device tree follows there",)


def is_patched(data: Data) -> bool:
    """Return True if `data` begins with the magic of Qualcomm's header."""
    return view(data)[: len(PATCHED_KERNEL_MAGIC)] == PATCHED_KERNEL_MAGIC


def parse(data: Data) -> PatchedKernel:
    """Read a kernel behind Qualcomm's header.

    Raises:
        InputError: If it is something else, or truncated.
    """
    whole = view(data)
    header = _Header.parse(whole)
    if header.magic != PATCHED_KERNEL_MAGIC:
        raise malformed(_Header.WHAT, "magic", 0, f"{header.magic!r}, not {PATCHED_KERNEL_MAGIC!r}")
    content = whole[HEADER_SIZE:]
    size = header.size if _is_size(header.size, content) else None
    return PatchedKernel(header.size, content, size)


def _is_size(size: int, content: memoryview) -> bool:
    behind = content[size:]
    if not 0 < size <= len(content):
        return False
    return leading_zeros(behind) == len(behind) or bool(fdt.split(behind)[0])


def build_header(size: int) -> bytes:
    """Return the header for a kernel of `size` bytes, without its device trees.

    Raises:
        InputError: If the size does not fit into 32 bits.
    """
    return _Header(PATCHED_KERNEL_MAGIC, size).build()

"""ARM zImage: its header, its extension table, and the device trees appended to it.

Sources: Linux 6.1 arch/arm/boot/compressed/head.S (header) and 3.4 for the address that kernels without
AUTO_ZRELADDR decompress to.
"""

import struct
from dataclasses import dataclass, field
from typing import Annotated

from construct import Bytes

from hardboot.base.errors import InputError
from hardboot.formats.binary_record import BinaryRecord, Le32
from hardboot.formats.kernels import zimage_tags
from hardboot.formats.kernels.zimage_tags import WHAT, Tags
from hardboot.formats.reading import Data, malformed, u32, view
from hardboot.formats.sniff import described
from hardboot.formats.trees import fdt

ZIMAGE_MAGIC = 0x016F2818
EXTENSION_MAGIC = 0x45454545
BIG_ENDIAN = 0x01020304  # the endian flag 0x04030201 of a big-endian kernel

# How the code at the start finds the address to decompress to. With AUTO_ZRELADDR it clears the low bits of
# its own: and rX, rX, #0xf8000000 (ARM and Thumb-2). Debian's 6.1 has that at 0x1064, behind an EFI header.
# Without, "ldr r4, =zreladdr" loads it: at 0x58 and 0x60 in kernels 3.4 of APQ8064, MSM8974 and Exynos 5.
_AUTO_WITHIN = 0x2000
_FIXED_WITHIN = 0x800
_AUTO_ARM = (0xFFF00FFF, 0xE200033E)
_AUTO_THUMB = (0xF0FFFFF0, 0x4078F000)
_LOAD_R4 = (0xFFFFF000, 0xE59F4000)
_LEAST_TEXT_OFFSET = 0x8000  # textofs-y in arch/arm/Makefile: every one ends in 8000


@dataclass(frozen=True)
class _Header(BinaryRecord, what=WHAT):
    code: Annotated[bytes, Bytes(36)]
    magic: Le32
    start: Le32
    end: Le32
    endian: Le32
    extension_magic: Le32
    extension_offset: Le32


@dataclass(frozen=True, kw_only=True)
class ZImage(Tags):
    """A zImage, with the numbers that the tags of its extension table state. Sizes are in bytes.

    Attributes:
        kernel: The zImage without what is appended: what must be in RAM to start it.
        size: Bytes of `kernel`.
        dtbs: Device trees appended to it, one behind the other.
        padding: What follows the kernel and its device trees.
        relocatable: True if it decompresses relative to its own address (AUTO_ZRELADDR).
        warnings: What is wrong with its extension table, which then counts as missing.
        zreladdr: The physical address it decompresses to wherever it is loaded; None if it is relocatable,
            or if its code could not be read.
    """

    kernel: memoryview = field(repr=False)
    size: int
    dtbs: tuple[memoryview, ...] = field(repr=False, default=())
    padding: memoryview = field(repr=False, default=memoryview(b""))
    relocatable: bool = False
    zreladdr: int | None = None
    warnings: tuple[str, ...] = ()


def is_zimage(data: Data) -> bool:
    """Return True if `data` begins with the header of a 32-bit ARM kernel of either byte order."""
    content = view(data)
    at = _Header.offset_of("magic")
    magics = (ZIMAGE_MAGIC.to_bytes(4, "little"), ZIMAGE_MAGIC.to_bytes(4, "big"))
    return len(content) >= _Header.SIZE and bytes(content[at : at + 4]) in magics


def parse(data: Data) -> ZImage:
    """Read a 32-bit ARM zImage.

    Raises:
        InputError: If it is something else, is big-endian, or truncated.
    """
    content = view(data)
    head = _Header.parse(content)
    if head.magic != ZIMAGE_MAGIC:
        problem = f"{head.magic:#x}, not {ZIMAGE_MAGIC:#x}: this is {described(content)}"
        fix = "Give a 32-bit ARM kernel (zImage)."
        raise malformed(WHAT, "magic", _Header.offset_of("magic"), problem, fix=fix)
    if head.endian == BIG_ENDIAN:
        problem = "the kernel is big-endian, which no phone runs"
        fix = "Give a little-endian ARM kernel."
        raise malformed(WHAT, "endian flag", _Header.offset_of("endian"), problem, fix=fix)
    size = head.end - head.start
    if not _Header.SIZE <= size <= len(content):
        problem = f"the kernel has {size} bytes, there are {len(content)}"
        raise malformed(WHAT, "end", _Header.offset_of("end"), problem)
    kernel = content[:size]
    dtbs, padding = fdt.split(content[size:])
    tags, warnings = _read_tags(head, kernel)
    relocatable = _is_relocatable(bytes(kernel[:_AUTO_WITHIN]))
    return ZImage(
        **vars(tags),
        kernel=kernel,
        size=size,
        dtbs=dtbs,
        padding=padding,
        relocatable=relocatable,
        zreladdr=None if relocatable else _zreladdr(kernel),
        warnings=warnings,
    )


def _read_tags(head: _Header, kernel: memoryview) -> tuple[Tags, tuple[str, ...]]:
    """Return the numbers in the extension table, or what is wrong with it."""
    if head.extension_magic != EXTENSION_MAGIC:
        return Tags(), ()
    try:
        return zimage_tags.read(kernel, head.extension_offset, _Header.SIZE), ()
    except InputError as error:
        return Tags(), (error.what,)


def _is_relocatable(code: bytes) -> bool:
    """Return True if the code takes its own address for the start of RAM."""
    mask, wanted = _AUTO_ARM
    if any(word & mask == wanted for word in _words(code, 0)):
        return True
    mask, wanted = _AUTO_THUMB
    return any(word & mask == wanted for start in (0, 2) for word in _words(code, start))


def _words(code: bytes, start: int) -> tuple[int, ...]:
    count = (len(code) - start) // 4
    return struct.unpack_from(f"<{count}I", code, start)


def _zreladdr(kernel: memoryview) -> int | None:
    """Return the address that the first load into r4 can decompress to; None without such a load."""
    mask, wanted = _LOAD_R4
    for at in range(0, min(_FIXED_WITHIN, len(kernel)) & ~3, 4):
        word = u32(kernel, at)
        place = at + 8 + (word & ~mask)
        if word & mask == wanted and place <= len(kernel) - 4:
            value = u32(kernel, place)
            if value & 0xFFFF == _LEAST_TEXT_OFFSET:
                return value
    return None

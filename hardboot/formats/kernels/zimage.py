"""ARM zImage: its header, its extension table, and what is appended to it.

Sources: Linux 6.1 arch/arm/boot/compressed/head.S (header) and vmlinux.lds.S (extension table); 3.4 for where
kernels without AUTO_ZRELADDR unpack to.
"""

import struct
from dataclasses import dataclass, field

from hardboot.formats.header import Layout
from hardboot.formats.reading import Data, malformed, u32, view
from hardboot.formats.sniff import described
from hardboot.formats.trees import fdt

ZIMAGE_MAGIC = 0x016F2818
EXTENSION_MAGIC = 0x45454545
BIG_ENDIAN = 0x01020304  # the endian flag 0x04030201, read on a big-endian kernel
KLSZ = 0x5A534C4B  # "KLSZ": what the kernel needs once it is decompressed
HBPG = 0x47504248  # "HBPG": hardboot's page and ABI version, from hardboot's kernel patches
MAX_TAGS = 64  # Linux 6.1 has one
# How the code at its start finds the address to unpack to. With AUTO_ZRELADDR it clears the low bits of its
# own: and rX, rX, #0xf8000000 (ARM and Thumb-2). Debian's 6.1 has that at 0x1064, behind an EFI header.
# Without, "ldr r4, =zreladdr" loads it: at 0x58 and 0x60 in kernels 3.4 of APQ8064, MSM8974 and Exynos 5.
_AUTO_WITHIN = 0x2000
_FIXED_WITHIN = 0x800
_AUTO_ARM = (0xFFF00FFF, 0xE200033E)
_AUTO_THUMB = (0xF0FFFFF0, 0x4078F000)
_LOAD_R4 = (0xFFFFF000, 0xE59F4000)
_LEAST_TEXT_OFFSET = 0x8000  # textofs-y in arch/arm/Makefile: every one ends in 8000

_WHAT = "zImage"
_NUMBERS = ("magic", "start", "end", "endian", "extension_magic", "extension_offset")
_HEADER = Layout(_WHAT, "<", ("code", "36s"), *((name, "I") for name in _NUMBERS))


@dataclass(frozen=True)
class ZImage:
    """A zImage taken apart; numbers it does not state are None. Sizes are in bytes.

    Attributes:
        kernel: The zImage proper, without what is appended: what must lie in RAM to start it.
        size: Bytes in `kernel`.
        dtbs: Device trees appended to it, one behind the other.
        padding: What follows the kernel and its device trees.
        payload_end: Offset in `kernel` of the end of the compressed kernel, whose last word is `edata_size`.
        edata_size: Size of the decompressed kernel without its BSS.
        bss_size: Size of the decompressed kernel's BSS.
        text_offset: Where it decompresses to, above the 128 MiB-aligned base of its load address.
        malloc_size: Heap of the decompressor.
        relocatable: True if it unpacks relative to its own address (AUTO_ZRELADDR).
        zreladdr: The physical address it unpacks to wherever it is; None if it is relocatable, or if its
            code could not be read.
        hardboot_page: Physical address of the hardboot page, if the kernel has hardboot support.
        hardboot_version: Version of its hardboot ABI.
    """

    kernel: memoryview = field(repr=False)
    size: int
    dtbs: tuple[memoryview, ...] = field(repr=False, default=())
    padding: memoryview = field(repr=False, default=memoryview(b""))
    payload_end: int | None = None
    edata_size: int | None = None
    bss_size: int | None = None
    text_offset: int | None = None
    malloc_size: int | None = None
    relocatable: bool = False
    zreladdr: int | None = None
    hardboot_page: int | None = None
    hardboot_version: int | None = None


def is_zimage(data: Data) -> bool:
    """True if `data` begins with the header of a 32-bit ARM kernel of either byte order."""
    seen = view(data)
    return len(seen) >= _HEADER.size and ZIMAGE_MAGIC in (
        u32(seen, 0x24),
        int.from_bytes(seen[0x24:0x28], "big"),
    )


def parse(data: Data) -> ZImage:
    """Take a 32-bit ARM zImage apart.

    Raises:
        InputError: If it is something else, is big-endian, or a field points outside of it.
    """
    seen = view(data)
    head = _HEADER.parse(seen)
    if head["magic"] != ZIMAGE_MAGIC:
        problem = f"{head['magic']:#x}, not {ZIMAGE_MAGIC:#x}: this is {described(seen)}"
        raise malformed(_WHAT, "magic", 0x24, problem, fix="Give a 32-bit ARM kernel (zImage).")
    if head["endian"] == BIG_ENDIAN:
        problem = "the kernel is big-endian, which no phone runs"
        raise malformed(_WHAT, "endian flag", 0x30, problem, fix="Give a little-endian ARM kernel.")
    size = head["end"] - head["start"]
    if not _HEADER.size <= size <= len(seen):
        raise malformed(_WHAT, "end", 0x2C, f"the kernel has {size} bytes, there are {len(seen)}")
    kernel = seen[:size]
    dtbs, padding = fdt.split(seen[size:])
    numbers = (
        _extensions(kernel, head["extension_offset"]) if head["extension_magic"] == EXTENSION_MAGIC else {}
    )
    relocatable = _is_relocatable(bytes(kernel[:_AUTO_WITHIN]))
    return ZImage(
        kernel=kernel,
        size=size,
        dtbs=dtbs,
        padding=padding,
        relocatable=relocatable,
        zreladdr=None if relocatable else _zreladdr(kernel),
        **numbers,
    )


def _is_relocatable(code: bytes) -> bool:
    """True if the code takes its own address for the start of RAM."""
    mask, wanted = _AUTO_ARM
    if any(word & mask == wanted for (word,) in struct.iter_unpack("<I", code[: len(code) & ~3])):
        return True
    mask, wanted = _AUTO_THUMB
    return any(
        word & mask == wanted
        for start in (0, 2)
        for (word,) in struct.iter_unpack("<I", code[start : start + (len(code) - start & ~3)])
    )


def _zreladdr(kernel: memoryview) -> int | None:
    """The address in the first load into r4 that can be one a kernel unpacks to."""
    mask, wanted = _LOAD_R4
    for at in range(0, min(_FIXED_WITHIN, len(kernel)) & ~3, 4):
        word = u32(kernel, at)
        place = at + 8 + (word & ~mask)
        if word & mask == wanted and place <= len(kernel) - 4:
            value = u32(kernel, place)
            if value & 0xFFFF == _LEAST_TEXT_OFFSET:
                return value
    return None


def _extensions(kernel: memoryview, offset: int) -> dict[str, int]:
    """The numbers of the extension table: tags of {size in words, tag, values}, ended by size 0."""
    numbers: dict[str, int] = {}
    for _ in range(MAX_TAGS):
        if offset % 4 or not _HEADER.size <= offset <= len(kernel) - 4:
            raise malformed(_WHAT, "extension table", 0x38, f"it reaches {offset:#x}, outside the image")
        words = u32(kernel, offset)
        if words == 0:
            return numbers
        end = offset + 4 * words
        if words < 2 or end > len(kernel):
            raise malformed(_WHAT, "tag", offset, f"{words} words do not fit into the {len(kernel)} bytes")
        tag, *values = (u32(kernel, at) for at in range(offset + 4, min(end, offset + 24), 4))
        if tag == KLSZ:
            numbers |= _kernel_sizes(kernel, offset, values)
        elif tag == HBPG:
            if len(values) < 2:
                raise malformed(_WHAT, "hardboot tag", offset, f"{words} words, it has 4")
            numbers |= {"hardboot_page": values[0], "hardboot_version": values[1]}
        offset = end
    raise malformed(_WHAT, "extension table", 0x38, f"more than {MAX_TAGS} tags")


def _kernel_sizes(kernel: memoryview, offset: int, values: list[int]) -> dict[str, int]:
    """Older kernels write the first two numbers only; 6.1 adds TEXT_OFFSET and MALLOC_SIZE."""
    if len(values) < 2:
        raise malformed(_WHAT, "KLSZ tag", offset, f"{len(values) + 2} words, it has at least 4")
    pointer = values[0]
    if pointer > len(kernel) - 4:
        raise malformed(_WHAT, "KLSZ size pointer", offset + 8, f"{pointer:#x} is outside the image")
    names = ("bss_size", "text_offset", "malloc_size")
    return {
        "payload_end": pointer + 4,
        "edata_size": u32(kernel, pointer),
        **dict(zip(names, values[1:], strict=False)),
    }

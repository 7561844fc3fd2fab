"""The extension table of an ARM zImage: tags of {size in words, tag, values}, ended by size 0.

Source: Linux 6.1 arch/arm/boot/compressed/vmlinux.lds.S; HBPG comes from hardboot's kernel patches.
"""

from dataclasses import dataclass, replace

from hardboot.base.errors import InputError
from hardboot.formats.binary_record import BinaryRecord, Le32
from hardboot.formats.reading import malformed, u32

WHAT = "zImage"
TABLE_FIELD = 0x38  # offset of the word in the header that says where the table begins
KLSZ = 0x5A534C4B  # "KLSZ": sizes of the decompressed kernel
HBPG = 0x47504248  # "HBPG": hardboot page and ABI version
MAX_TAGS = 64  # Linux 6.1 has one


@dataclass(frozen=True)
class _Tag(BinaryRecord, what=WHAT):
    words: Le32
    tag: Le32


@dataclass(frozen=True)
class _KernelSizes(_Tag):
    """KLSZ of older kernels."""

    size_pointer: Le32
    bss_size: Le32


@dataclass(frozen=True)
class _KernelPlace(_KernelSizes):
    """KLSZ of newer kernels, such as 6.1."""

    text_offset: Le32
    malloc_size: Le32


@dataclass(frozen=True)
class _HardbootPage(_Tag):
    page: Le32
    version: Le32


@dataclass(frozen=True, kw_only=True)
class Tags:
    """What the tags state, in bytes; None for what they do not.

    Attributes:
        payload_end: Offset of the end of the compressed kernel, whose last word is `edata_size`.
        edata_size: Size of the decompressed kernel without its BSS.
        bss_size: Size of the decompressed kernel's BSS.
        text_offset: Bytes from the 128 MiB-aligned base of its load address to where it decompresses.
        malloc_size: Heap of the decompressor.
        hardboot_page: Physical address of the hardboot page, if the kernel has hardboot support.
        hardboot_version: Version of its hardboot ABI.
    """

    payload_end: int | None = None
    edata_size: int | None = None
    bss_size: int | None = None
    text_offset: int | None = None
    malloc_size: int | None = None
    hardboot_page: int | None = None
    hardboot_version: int | None = None


def read(kernel: memoryview, offset: int, header_size: int) -> Tags:
    """Read the table at `offset` of a zImage whose header has `header_size` bytes.

    Raises:
        InputError: If the table or a tag reaches outside of the kernel, or there are more than MAX_TAGS.
    """
    tags = Tags()
    for _ in range(MAX_TAGS):
        if offset % 4 or not header_size <= offset <= len(kernel) - 4:
            problem = f"it reaches {offset:#x}, outside the image"
            raise malformed(WHAT, "extension table", TABLE_FIELD, problem)
        words = u32(kernel, offset)
        if not words:
            return tags
        end = offset + 4 * words
        if 4 * words < _Tag.SIZE or end > len(kernel):
            raise malformed(WHAT, "tag", offset, f"{words} words do not fit into the {len(kernel)} bytes")
        tag = _Tag.parse(kernel, offset).tag
        if tag == KLSZ:
            tags = _with_sizes(tags, kernel, offset, 4 * words)
        elif tag == HBPG:
            tags = _with_page(tags, kernel, offset, 4 * words)
        offset = end
    raise malformed(WHAT, "extension table", TABLE_FIELD, f"more than {MAX_TAGS} tags")


def _with_sizes(tags: Tags, kernel: memoryview, offset: int, size: int) -> Tags:
    if size < _KernelSizes.SIZE:
        raise _too_short("KLSZ", offset, size, _KernelSizes.SIZE)
    record = _KernelPlace if size >= _KernelPlace.SIZE else _KernelSizes
    sizes = record.parse(kernel, offset)
    if sizes.size_pointer > len(kernel) - 4:
        at = offset + record.offset_of("size_pointer")
        raise malformed(WHAT, "KLSZ size pointer", at, f"{sizes.size_pointer:#x} is outside the image")
    tags = replace(
        tags,
        payload_end=sizes.size_pointer + 4,
        edata_size=u32(kernel, sizes.size_pointer),
        bss_size=sizes.bss_size,
    )
    if isinstance(sizes, _KernelPlace):
        tags = replace(tags, text_offset=sizes.text_offset, malloc_size=sizes.malloc_size)
    return tags


def _with_page(tags: Tags, kernel: memoryview, offset: int, size: int) -> Tags:
    if size < _HardbootPage.SIZE:
        raise _too_short("hardboot", offset, size, _HardbootPage.SIZE)
    record = _HardbootPage.parse(kernel, offset)
    return replace(tags, hardboot_page=record.page, hardboot_version=record.version)


def _too_short(name: str, offset: int, size: int, needed: int) -> InputError:
    problem = f"{size // 4} words, it has at least {needed // 4}"
    return malformed(WHAT, f"{name} tag", offset, problem)

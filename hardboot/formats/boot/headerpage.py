"""Find and read the header page of a boot image, whatever stands in front of it.

Sources: as bootheader.py; Magisk's bootimg.cpp for Amonet.
"""

from __future__ import annotations

from hardboot.base.errors import InputError
from hardboot.formats.archives import compression
from hardboot.formats.boot import wrappers
from hardboot.formats.boot.bootheader import (
    BOOT_MAGIC,
    LAST_VERSION,
    PAGE_SIZES,
    PXA_UNKNOWN_MIN,
    PXA_UNKNOWN_OFFSET,
    V3_PAGE_SIZE,
    VERSION_OFFSET,
    VERSIONS,
    WHAT,
    BootHeader,
    BootHeaderPxa,
    BootHeaderV0,
    BootHeaderV3,
    read_cmdline,
)
from hardboot.formats.reading import Data, malformed, truncated, u32, view
from hardboot.formats.sniff import (
    BOOT_IMAGE,
    SPARSE_IMAGE,
    VBMETA_IMAGE,
    VENDOR_BOOT_IMAGE,
    described,
    sniff,
)

_IMAGES = (BOOT_IMAGE, VENDOR_BOOT_IMAGE, VBMETA_IMAGE, SPARSE_IMAGE)  # that may come compressed


def parse_cmdline(page: Data) -> str:
    """Return the kernel command line in a header page; the parts of the image are not needed.

    Raises:
        InputError: If `page` is not the header page of a boot image, or is truncated.
    """
    return read_cmdline(parse_header(page))


def parse_header(page: Data) -> BootHeader:
    """Read the header in a header page; the parts of the image are not needed.

    Raises:
        InputError: If `page` is not the header page of a boot image, or is truncated: also if it is the start
            of a loader that has the image farther behind.
    """
    data = view(page)
    loader = wrappers.find_loader(data)
    if loader and len(data) < loader.size + len(BOOT_MAGIC):
        problem = f"the image behind it begins there, {len(data):#x} bytes are known"
        raise malformed(WHAT, loader.name, loader.size, problem)
    lead, header_offset = find_header(data)
    return read_header(data[lead:], header_offset)


def find_header(data: memoryview) -> tuple[int, int]:
    """Return the number of bytes in front of the image, and the offset of the header in its first page.

    Raises:
        InputError: If there is no header.
    """
    lead = wrappers.DHTB_SIZE if wrappers.is_dhtb(data) else 0
    if wrappers.is_amonet(data[lead:]):
        return lead, wrappers.AMONET_SIZE
    leads = [lead for lead in wrappers.leads(data) if data[lead : lead + len(BOOT_MAGIC)] == BOOT_MAGIC]
    if not leads:
        raise _not_a_boot_image(data)
    return next((lead for lead in leads if _is_likely(data[lead:])), leads[0]), 0


def _is_likely(data: memoryview) -> bool:
    """Return whether a header follows the magic: its version is known, and its page size in use."""
    if len(data) < BootHeaderV3.SIZE or BOOT_MAGIC in bytes(data[1 : BootHeaderV0.offset_of("name")]):
        return False
    version = u32(data, VERSION_OFFSET)
    if version in (3, 4):
        return True
    pages = BootHeaderPxa.offset_of("page_size"), BootHeaderV0.offset_of("page_size")
    pxa = u32(data, PXA_UNKNOWN_OFFSET) >= PXA_UNKNOWN_MIN
    known = pxa or version < len(VERSIONS) or version > LAST_VERSION
    return known and u32(data, pages[0] if pxa else pages[1]) in PAGE_SIZES


def read_header(data: memoryview, offset: int) -> BootHeader:
    """Read the header at `offset` in its page.

    Raises:
        InputError: If the header is truncated, its version is unknown, or Loki patched the image.
    """
    wrappers.refuse_loki(data)
    head = bytes(data[offset : offset + V3_PAGE_SIZE])
    if len(head) < BootHeaderV3.SIZE:
        raise truncated(WHAT, "header", offset, len(head), BootHeaderV0.SIZE)
    kind = _header_type(view(head))
    if offset:  # the microloader leaves the header less than its size: the kernel begins where it would end
        head = head[: max(0, _page_size(kind, view(head)) - offset)].ljust(kind.SIZE, b"\0")
    if len(head) < kind.SIZE:
        raise truncated(WHAT, f"v{kind.VERSION} header", offset, len(head), kind.SIZE)
    return kind.parse(view(head))


def _header_type(head: memoryview) -> type[BootHeader]:
    version = u32(head, VERSION_OFFSET)
    if version not in (3, 4) and u32(head, PXA_UNKNOWN_OFFSET) >= PXA_UNKNOWN_MIN:
        return BootHeaderPxa
    if version > LAST_VERSION:
        return BootHeaderV0
    return header_type(version)


def header_type(version: int) -> type[BootHeader]:
    """Return the header of a version.

    Raises:
        InputError: If the version is unknown.
    """
    if not 0 <= version < len(VERSIONS):
        fix = "Give an image with header v0 to v4; later versions are not supported yet."
        raise malformed(WHAT, "header_version", VERSION_OFFSET, f"v{version}", fix=fix)
    return VERSIONS[version]


def _page_size(kind: type[BootHeader], head: memoryview) -> int:
    return V3_PAGE_SIZE if issubclass(kind, BootHeaderV3) else u32(head, kind.offset_of("page_size"))


def _not_a_boot_image(data: memoryview) -> InputError:
    fix = "Give a boot image (boot.img, recovery.img, init_boot.img)."
    if sniff(data) == VENDOR_BOOT_IMAGE:
        fix = (
            "Give the boot image: a vendor_boot image holds the vendor's part of the ramdisk, and no kernel."
        )
    if sniff(data) == SPARSE_IMAGE:
        fix = "Expand it first: simg2img IMAGE OUT"
    content_kind = described(data)
    program, content = _decompressed_start(data)
    if content and sniff(content):
        content_kind += f" with {described(content)} in it"
        if sniff(content) in _IMAGES:
            fix = f"Decompress it first, for example with {program} -d, and give the result."
    return malformed(WHAT, "magic", 0, f"this is {content_kind}, not an {BOOT_IMAGE}", fix=fix)


def _decompressed_start(data: memoryview) -> tuple[str, bytes]:
    """Return the program that decompresses `data`, and the first bytes of the content.

    Both are empty if `data` is damaged or not compressed.
    """
    how = compression.detect(data)
    if how in (None, "lzop"):
        return "", b""
    try:
        return str(how).partition("-")[0], compression.peek(data)
    except InputError:
        return "", b""

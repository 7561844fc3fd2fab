"""The header page of a boot image: found, whatever stands in front of it, and read.

Sources: as bootheader.py; Magisk's bootimg.cpp for Amonet.
"""

from hardboot.base.errors import InputError
from hardboot.formats.boot import wrappers
from hardboot.formats.boot.bootheader import (
    BOOT_MAGIC,
    HEADER_SIZES,
    LAST_VERSION,
    LAYOUTS,
    PXA,
    PXA_UNKNOWN_MIN,
    V3_PAGE_SIZE,
    VERSION_OFFSET,
    WHAT,
)
from hardboot.formats.header import Layout, Values
from hardboot.formats.reading import Data, malformed, u32, view
from hardboot.formats.sniff import (
    BOOT_IMAGE,
    SPARSE_IMAGE,
    VBMETA_IMAGE,
    VENDOR_BOOT_IMAGE,
    described,
    sniff,
)
from hardboot.formats.text_field import read_text

_IMAGES = (BOOT_IMAGE, VENDOR_BOOT_IMAGE, VBMETA_IMAGE, SPARSE_IMAGE)  # that may come compressed


def parse_cmdline(page: Data) -> str:
    """The kernel command line in the header page of an image whose parts are not at hand.

    Raises:
        InputError: If `page` is no boot image header, or cut off.
    """
    seen = view(page)
    lead, header_offset = find_header(seen)
    return cmdline(read_header(seen[lead:], header_offset)[2])


def parse_header(page: Data) -> dict[str, int]:
    """The numbers in the header page of an image whose parts are not at hand, by their names in BootImage.

    Raises:
        InputError: If `page` is no boot image header, or cut off.
    """
    seen = view(page)
    lead, header_offset = find_header(seen)
    _, version, head = read_header(seen[lead:], header_offset)
    numbers = {name: value for name, value in head.items() if isinstance(value, int)}
    return {"page_size": V3_PAGE_SIZE, **numbers, "header_version": version}


def find_header(data: memoryview) -> tuple[int, int]:
    """Bytes in front of the image, and where in its first page the header lies.

    Raises:
        InputError: If there is no header.
    """
    lead = wrappers.lead_size(data)
    if data[lead : lead + len(BOOT_MAGIC)] == BOOT_MAGIC:
        return lead, 0
    if wrappers.is_amonet(data):
        return 0, wrappers.AMONET_SIZE
    raise _not_a_boot_image(data)


def read_header(data: memoryview, offset: int) -> tuple[Layout, int, Values]:
    """The layout, the version and the fields of the header at `offset` in its page.

    Raises:
        InputError: If it is cut off, of an unknown version, or its parts were moved.
    """
    wrappers.refuse_loki(data)
    head = bytes(data[offset : offset + max(PXA.size, *HEADER_SIZES)])
    if len(head) < HEADER_SIZES[3]:
        raise malformed(WHAT, "header", offset, f"{len(head)} bytes, it has {HEADER_SIZES[0]}")
    version = u32(view(head), VERSION_OFFSET)
    pxa = (version > 4 or version < 3) and u32(view(head), 0x24) >= PXA_UNKNOWN_MIN
    if not pxa and len(LAYOUTS) <= version <= LAST_VERSION:
        raise unknown_version(version)
    if pxa or version > LAST_VERSION:
        version = 0
    layout = PXA if pxa else LAYOUTS[version]
    if offset:  # the microloader leaves the header less than its size: the kernel begins where it would end
        page_size = u32(view(head), layout.offsets["page_size"]) if version < 3 else V3_PAGE_SIZE
        head = head[: max(0, page_size - offset)].ljust(layout.size, b"\0")
    if len(head) < layout.size:
        raise malformed(WHAT, "header", offset, f"{len(head)} bytes, v{version} has {layout.size}")
    values = layout.parse(view(head))
    stated = values.get("header_size", layout.size)
    # AOSP's first mkbootimg for v3 wrote 1596; no bootloader looks at it.
    if stated != layout.size and not (version >= 3 and stated <= V3_PAGE_SIZE):
        problem = f"{stated} bytes, v{version} has {layout.size}"
        raise malformed(WHAT, "header_size", layout.offsets["header_size"], problem)
    return layout, version, values


def cmdline(head: Values) -> str:
    """The kernel command line: bootloaders append the extra one directly to the first, wherever that ends."""
    first, extra = head["cmdline"], head.get("extra_cmdline", b"")
    return read_text(first.partition(b"\0")[0] + extra.partition(b"\0")[0])


def _not_a_boot_image(data: memoryview) -> InputError:
    fix = "Give a boot image (boot.img, recovery.img, init_boot.img)."
    if sniff(data) == VENDOR_BOOT_IMAGE:
        fix = "Give the boot image: this one holds the vendor's part of the ramdisk, and no kernel."
    seen = described(data)
    how, content = _inside(data)
    if content and sniff(content):
        seen += f" with {described(content)} in it"
        if sniff(content) in _IMAGES:
            fix = f"Unpack it first, for example with {how} -d, and give what comes out."
    return malformed(WHAT, "magic", 0, f"this is {seen}, not an {BOOT_IMAGE}", fix=fix)


def _inside(data: memoryview) -> tuple[str, bytes]:
    """The program that unpacks `data`, and how its content begins; nothing if it is damaged or not packed."""
    from hardboot.formats.archives import compression  # slow to load

    how = compression.detect(data)
    if how in (None, "lzop"):
        return "", b""
    try:
        return str(how).partition("-")[0], compression.peek(data)
    except InputError:
        return "", b""


def unknown_version(version: int) -> InputError:
    """The error for a header version nobody knows."""
    fix = "Give an image with header v0 to v4; later ones are not known yet."
    return malformed(WHAT, "header_version", VERSION_OFFSET, f"v{version}", fix=fix)

"""Describe vendor_boot images."""

from hardboot.formats.boot import vendorboot
from hardboot.formats.boot.vendorboot import Ramdisk, VendorBoot
from hardboot.images.describe.document import Document, Signed
from hardboot.images.describe.parts import describe_header, describe_part, describe_tail


def describe_vendor_boot(data: memoryview, file: memoryview) -> Document:
    """Describe a vendor_boot image.

    Args:
        data: The image, and all that follows it.
        file: With what is in front of it.

    Raises:
        InputError: If it is something else, or damaged.
    """
    image = vendorboot.parse(data)
    base = len(file) - len(data)
    parts = []
    for index, part in enumerate(image.parts):
        padding = image.paddings.get("ramdisk" if index + 1 == len(image.ramdisks) else part.name, b"")
        parts.append(describe_part(part, base, image.dtb_addr if part.name == "dtb" else None, padding))
        if image.has_entries and index < len(image.ramdisks):
            parts[-1] |= _ramdisk_entry(image.ramdisks[index])
    return {
        "header_version": image.header_version,
        "page_size": image.page_size,
        "name": image.name,
        "cmdline": image.cmdline,
        "kernel_addr": image.kernel_addr,
        "ramdisk_addr": image.ramdisk_addr,
        "tags_addr": image.tags_addr,
        "header": describe_header(image.header, image.header_type),
        "warnings": list(image.warnings),
        "parts": parts,
        **describe_tail(image.tail, base + image.tail_offset, Signed(file, base + _end(image))),
        "padding_missing": image.missing,
    }


def _end(image: VendorBoot) -> int:
    """Return the end of the last part that is not empty."""
    return max((part.offset + len(part.data) for part in image.parts if len(part.data)), default=0)


def _ramdisk_entry(ramdisk: Ramdisk) -> Document:
    types = vendorboot.RAMDISK_TYPES
    return {
        "label": ramdisk.name,
        "type": types[ramdisk.type] if ramdisk.type < len(types) else str(ramdisk.type),
        "board_id": list(ramdisk.board_id),
    }

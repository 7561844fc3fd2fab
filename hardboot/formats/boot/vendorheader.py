"""Headers of vendor_boot images v3 and v4, and the entries of the ramdisk table.

Source: AOSP system/tools/mkbootimg, include/bootimg/bootimg.h, vendor_boot_img_hdr_v3 and _v4,
vendor_ramdisk_table_entry_v4.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from construct import Array, Bytes, Int32ul

from hardboot.formats.binary_record import BinaryRecord, Le32, Le64
from hardboot.formats.reading import malformed

WHAT = "vendor boot image"
VERSION_OFFSET = 8
BOARD_ID_WORDS = 16


@dataclass(frozen=True)
class VendorHeaderV3(BinaryRecord, what=WHAT):
    """Header v3. Addresses are physical, sizes in bytes."""

    WRITTEN_SIZES: ClassVar[tuple[int, ...]] = (2112, 2108)  # Debian's mkbootimg, of Android 10, writes 2108

    magic: Annotated[bytes, Bytes(8)]
    header_version: Le32
    page_size: Le32
    kernel_addr: Le32
    ramdisk_addr: Le32
    vendor_ramdisk_size: Le32
    cmdline: Annotated[bytes, Bytes(2048)]
    tags_addr: Le32
    name: Annotated[bytes, Bytes(16)]
    header_size: Le32
    dtb_size: Le32
    dtb_addr: Le64


@dataclass(frozen=True)
class VendorHeaderV4(VendorHeaderV3):
    """Header v4: a table of ramdisks, and a bootconfig."""

    WRITTEN_SIZES: ClassVar[tuple[int, ...]] = (2128,)

    table_size: Le32
    table_entries: Le32
    table_entry_size: Le32
    bootconfig_size: Le32


@dataclass(frozen=True)
class RamdiskEntry(BinaryRecord, what="vendor ramdisk table"):
    """An entry of the ramdisk table.

    Attributes:
        offset: Of the ramdisk in the section of all ramdisks, in bytes.
        type: Index into vendorboot.RAMDISK_TYPES.
        board_id: Words that the bootloader chooses a ramdisk by.
    """

    size: Le32
    offset: Le32
    type: Le32
    name: Annotated[bytes, Bytes(32)]
    board_id: Annotated[tuple[int, ...], Array(BOARD_ID_WORDS, Int32ul)]


def header_type(version: int) -> type[VendorHeaderV3]:
    """Return the header of a version.

    Raises:
        InputError: If the version is unknown.
    """
    if version == 3:
        return VendorHeaderV3
    if version == 4:
        return VendorHeaderV4
    fix = "Give an image with header v3 or v4; there are no other versions yet."
    raise malformed(WHAT, "header_version", VERSION_OFFSET, f"v{version}", fix=fix)

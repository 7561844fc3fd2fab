"""Headers of Android boot images, v0 to v4 and Samsung's PXA variant.

Sources: AOSP system/tools/mkbootimg, include/bootimg/bootimg.h; Magisk native/src/boot/bootimg.hpp (PXA).
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, TypeAlias

from construct import Bytes

from hardboot.formats.binary_record import BinaryRecord, Le32, Le64
from hardboot.formats.reading import malformed
from hardboot.formats.text_field import read_text

WHAT = "boot image"
BOOT_MAGIC = b"ANDROID!"
BOOT_ARGS_SIZE = 512
BOOT_EXTRA_ARGS_SIZE = 1024
VERSION_OFFSET = 0x28  # in every version
PXA_UNKNOWN_OFFSET = 0x24  # of the page size in AOSP's headers
PXA_UNKNOWN_MIN = 0x02000000  # PXA has an address there, which no page size reaches
LAST_VERSION = 8  # a larger number there is the size of a legacy Qualcomm device tree table
V3_PAGE_SIZE = 4096
# AOSP's mkbootimg writes the first four; DualBootPatcher, libmbbootimg, knows phones with the others.
PAGE_SIZES = (2048, 4096, 8192, 16384, 32768, 65536, 131072)


def check_page_size(what: str, page_size: int, offset: int) -> None:
    """Refuse a page size that no phone uses.

    Args:
        what: The kind of image, for messages.
        page_size: In bytes.
        offset: Of the field that states it.

    Raises:
        InputError: If it is none of PAGE_SIZES.
    """
    if page_size not in PAGE_SIZES:
        raise malformed(what, "page_size", offset, f"{page_size}, it must be one of {PAGE_SIZES}")


@dataclass(frozen=True)
class _AddressedParts(BinaryRecord, what=WHAT):
    """The fields that v0 to v2 and PXA begin with. Addresses are physical, sizes in bytes."""

    magic: Annotated[bytes, Bytes(8)]
    kernel_size: Le32
    kernel_addr: Le32
    ramdisk_size: Le32
    ramdisk_addr: Le32
    second_size: Le32
    second_addr: Le32


@dataclass(frozen=True)
class BootHeaderV0(_AddressedParts):
    """Header v0: struct boot_img_hdr_v0.

    Attributes:
        header_version: 0; or with Qualcomm's legacy device tree table its size, above LAST_VERSION.
    """

    VERSION: ClassVar[int] = 0

    tags_addr: Le32
    page_size: Le32
    header_version: Le32
    os_version: Le32
    name: Annotated[bytes, Bytes(16)]
    cmdline: Annotated[bytes, Bytes(BOOT_ARGS_SIZE)]
    id: Annotated[bytes, Bytes(32)]
    extra_cmdline: Annotated[bytes, Bytes(BOOT_EXTRA_ARGS_SIZE)]

    def part_sizes(self) -> dict[str, int]:
        """Return the size of each part in bytes, in file order."""
        sizes = {"kernel": self.kernel_size, "ramdisk": self.ramdisk_size, "second": self.second_size}
        if self.header_version > LAST_VERSION:
            sizes["dt"] = self.header_version
        return sizes


@dataclass(frozen=True)
class BootHeaderV1(BootHeaderV0):
    """Header v1: struct boot_img_hdr_v1."""

    VERSION: ClassVar[int] = 1
    WRITTEN_SIZES: ClassVar[tuple[int, ...]] = (1648,)  # what mkbootimg writes into header_size

    recovery_dtbo_size: Le32
    recovery_dtbo_offset: Le64
    header_size: Le32

    def part_sizes(self) -> dict[str, int]:
        """Return the size of each part in bytes, in file order."""
        return super().part_sizes() | {"recovery_dtbo": self.recovery_dtbo_size}


@dataclass(frozen=True)
class BootHeaderV2(BootHeaderV1):
    """Header v2: struct boot_img_hdr_v2."""

    VERSION: ClassVar[int] = 2
    WRITTEN_SIZES: ClassVar[tuple[int, ...]] = (1660,)

    dtb_size: Le32
    dtb_addr: Le64

    def part_sizes(self) -> dict[str, int]:
        """Return the size of each part in bytes, in file order."""
        return super().part_sizes() | {"dtb": self.dtb_size}


@dataclass(frozen=True)
class BootHeaderV3(BinaryRecord, what=WHAT):
    """Header v3: struct boot_img_hdr_v3. Addresses are in vendor_boot."""

    VERSION: ClassVar[int] = 3
    WRITTEN_SIZES: ClassVar[tuple[int, ...]] = (1580, 1596)  # Debian's, of Android 10, writes 1596

    magic: Annotated[bytes, Bytes(8)]
    kernel_size: Le32
    ramdisk_size: Le32
    os_version: Le32
    header_size: Le32
    reserved: Annotated[bytes, Bytes(16)]
    header_version: Le32
    cmdline: Annotated[bytes, Bytes(BOOT_ARGS_SIZE + BOOT_EXTRA_ARGS_SIZE)]

    @property
    def page_size(self) -> int:
        """Bytes of a page; the same for every image from v3 on."""
        return V3_PAGE_SIZE

    def part_sizes(self) -> dict[str, int]:
        """Return the size of each part in bytes, in file order."""
        return {"kernel": self.kernel_size, "ramdisk": self.ramdisk_size}


@dataclass(frozen=True)
class BootHeaderV4(BootHeaderV3):
    """Header v4: struct boot_img_hdr_v4."""

    VERSION: ClassVar[int] = 4
    WRITTEN_SIZES: ClassVar[tuple[int, ...]] = (1584,)

    signature_size: Le32

    def part_sizes(self) -> dict[str, int]:
        """Return the size of each part in bytes, in file order."""
        return super().part_sizes() | {"signature": self.signature_size}


@dataclass(frozen=True)
class BootHeaderPxa(_AddressedParts):
    """Samsung's variant of header v0 for Marvell PXA: struct boot_img_hdr_pxa."""

    VERSION: ClassVar[int] = 0

    dt_size: Le32
    unknown: Le32
    tags_addr: Le32
    page_size: Le32
    name: Annotated[bytes, Bytes(24)]
    cmdline: Annotated[bytes, Bytes(BOOT_ARGS_SIZE)]
    id: Annotated[bytes, Bytes(32)]
    extra_cmdline: Annotated[bytes, Bytes(BOOT_EXTRA_ARGS_SIZE)]

    def part_sizes(self) -> dict[str, int]:
        """Return the size of each part in bytes, in file order."""
        sizes = {"kernel": self.kernel_size, "ramdisk": self.ramdisk_size, "second": self.second_size}
        return sizes | {"dt": self.dt_size}


AddressedHeader: TypeAlias = BootHeaderV0 | BootHeaderPxa  # v0 to v2 and PXA
BootHeader: TypeAlias = AddressedHeader | BootHeaderV3
VERSIONS: tuple[type[BootHeader], ...] = (
    *(BootHeaderV0, BootHeaderV1, BootHeaderV2),
    *(BootHeaderV3, BootHeaderV4),
)

# The parts of each version, in file order; an empty dt is left out.
PARTS = (
    ("kernel", "ramdisk", "second", "dt"),
    ("kernel", "ramdisk", "second", "recovery_dtbo"),
    ("kernel", "ramdisk", "second", "recovery_dtbo", "dtb"),
    ("kernel", "ramdisk"),
    ("kernel", "ramdisk", "signature"),
)


def size_field(header: BootHeader, part: str) -> tuple[str, int]:
    """Return the name and the offset of the field that holds the size of `part`."""
    name = f"{part}_size"
    if part == "dt" and not isinstance(header, BootHeaderPxa):
        return name, VERSION_OFFSET
    return name, header.offset_of(name)


def read_cmdline(header: BootHeader) -> str:
    """Return the kernel command line.

    Bootloaders append the extra command line directly to the first one, wherever that ends.
    """
    first = header.cmdline.partition(b"\0")[0]
    extra = b"" if isinstance(header, BootHeaderV3) else header.extra_cmdline
    return read_text(first + extra)

"""Android vendor_boot images v3 and v4: the vendor's ramdisks, device trees and bootconfig.

Source: AOSP system/tools/mkbootimg, include/bootimg/bootimg.h, vendor_boot_img_hdr_v3 and _v4.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from hardboot.base.sizes import align_up
from hardboot.formats.boot.bootheader import check_page_size
from hardboot.formats.boot.paged import PagedImage, Part, PartSize, emit_parts, slice_parts
from hardboot.formats.boot.vendorheader import (
    BOARD_ID_WORDS,
    VERSION_OFFSET,
    WHAT,
    RamdiskEntry,
    VendorHeaderV3,
    VendorHeaderV4,
    header_type,
)
from hardboot.formats.reading import Data, malformed, truncated, u32, view, windows
from hardboot.formats.sniff import VENDOR_BOOT_IMAGE, described, sniff
from hardboot.formats.text_field import kept_text, read_text

VENDOR_BOOT_MAGIC = b"VNDRBOOT"
MAX_RAMDISKS = 256  # mkbootimg writes an entry for each --vendor_ramdisk_fragment; phones have up to five
RAMDISK_TYPES = ("none", "platform", "recovery", "dlkm")
RECOVERY = 2  # in RAMDISK_TYPES: only for the start of recovery


@dataclass(frozen=True)
class Ramdisk:
    """A ramdisk of the vendor.

    Attributes:
        type: Index into RAMDISK_TYPES.
        board_id: 16 words that the bootloader chooses a ramdisk by.
        entry: Its entry in the ramdisk table, as it was read.
    """

    data: Data = field(repr=False)
    type: int = 0
    name: str = ""
    board_id: tuple[int, ...] = (0,) * BOARD_ID_WORDS
    entry: bytes = field(repr=False, compare=False, default=b"")


@dataclass(frozen=True, kw_only=True)
class VendorBoot(PagedImage):
    """A vendor_boot image. Addresses are physical, sizes in bytes; for other fields see `bootimg.BootImage`.

    Attributes:
        ramdisks: v3: one without a name. v4: one for each entry of the ramdisk table, without padding between
            them; if the table does not describe the section, the whole section as one, and `table` as read.
        table: v4: the table as it was read, if `ramdisks` are not its entries; otherwise None.
        warnings: As of `bootimg.BootImage`.
    """

    ramdisks: tuple[Ramdisk, ...]
    dtb: Data = field(repr=False, default=b"")
    table: Data | None = field(repr=False, default=None)
    bootconfig: Data = field(repr=False, default=b"")
    header_version: int = 4
    page_size: int = 4096
    kernel_addr: int = 0
    ramdisk_addr: int = 0
    tags_addr: int = 0
    dtb_addr: int = 0
    name: str = ""
    cmdline: str = ""
    warnings: tuple[str, ...] = field(compare=False, default=())

    @property
    def header_type(self) -> type[VendorHeaderV3]:
        """The header that this image has.

        Raises:
            InputError: If its version is unknown.
        """
        return header_type(self.header_version)

    @property
    def ramdisk_size(self) -> int:
        """Bytes of all ramdisks."""
        return sum(len(ramdisk.data) for ramdisk in self.ramdisks)

    @property
    def table_size(self) -> int:
        """Bytes of the ramdisk table."""
        return RamdiskEntry.SIZE * len(self.ramdisks) if self.table is None else len(self.table)

    @property
    def header_size(self) -> int:
        """Bytes of the header with its padding."""
        return align_up(self.header_type.SIZE, self.page_size)

    @property
    def has_entries(self) -> bool:
        """Whether the ramdisks are entries of a ramdisk table."""
        return self.header_version == 4 and self.table is None

    @property
    def sections(self) -> tuple[Part, ...]:
        """Everything that is padded to whole pages, in file order; all ramdisks are one section."""
        ramdisks = b"".join(bytes(view(ramdisk.data)) for ramdisk in self.ramdisks)
        datas: dict[str, Data] = {"ramdisk": ramdisks, "dtb": self.dtb}
        if self.header_version == 4:
            datas["table"] = _build_table(self.ramdisks) if self.table is None else self.table
            datas["bootconfig"] = self.bootconfig
        return tuple(Part(name, 0, data) for name, data in datas.items())

    @property
    def end(self) -> int:
        """The end of the last section with its padding, in bytes from the start of the file."""
        sizes = [self.ramdisk_size, len(self.dtb)]
        if self.header_version == 4:
            sizes += [self.table_size, len(self.bootconfig)]
        return self.header_size + sum(align_up(size, self.page_size) for size in sizes) - self.missing

    @property
    def parts(self) -> tuple[Part, ...]:
        """Ramdisks, dtb and bootconfig, in file order; the ramdisk table is not a part."""
        parts = []
        offset = self.header_size
        for index, ramdisk in enumerate(self.ramdisks):
            name = f"ramdisk{index}" if self.has_entries else "ramdisk"
            parts.append(Part(name, offset, ramdisk.data))
            offset += len(ramdisk.data)
        offset = self.header_size + align_up(self.ramdisk_size, self.page_size)
        parts.append(Part("dtb", offset, self.dtb))
        offset += align_up(len(self.dtb), self.page_size)
        if self.header_version == 4:
            offset += align_up(self.table_size, self.page_size)
            parts.append(Part("bootconfig", offset, self.bootconfig))
        return tuple(parts)


def parse(data: Data) -> VendorBoot:
    """Read a vendor_boot image; its parts are views into `data`, only the ramdisk table is read.

    Raises:
        InputError: If `data` is something else, has an unknown header version, or is truncated.
    """
    image = view(data)
    header = _checked_header(image)
    start = align_up(header.SIZE, header.page_size)
    sliced = slice_parts(image, WHAT, start, header.page_size, _part_sizes(header))
    section = sliced.parts["ramdisk"]
    ramdisks, table = None, None
    if isinstance(header, VendorHeaderV4):
        ramdisks = _split_ramdisks(section, sliced.parts["table"], header)
        table = bytes(sliced.parts["table"]) if ramdisks is None else None
    return VendorBoot(
        ramdisks=(Ramdisk(section),) if ramdisks is None else ramdisks,
        dtb=sliced.parts["dtb"],
        table=table,
        bootconfig=sliced.parts.get("bootconfig", b""),
        header_version=header.header_version,
        page_size=header.page_size,
        kernel_addr=header.kernel_addr,
        ramdisk_addr=header.ramdisk_addr,
        tags_addr=header.tags_addr,
        dtb_addr=header.dtb_addr,
        name=read_text(header.name),
        cmdline=read_text(header.cmdline),
        header=bytes(image[:start]),
        paddings=sliced.paddings,
        missing=sliced.missing,
        tail=image[sliced.end :],
        tail_offset=sliced.end,
        warnings=tuple(_warnings(header, table)),
    )


def parse_cmdline(page: Data) -> str:
    """Return the kernel command line in a header page; the parts of the image are not needed.

    Raises:
        InputError: If `page` is not the header of a vendor_boot image, or is truncated.
    """
    return read_text(_checked_header(view(page)).cmdline)


def bootconfig_place(page: Data) -> range:
    """Return the offsets of the bootconfig in the image with this header page; an empty range without one.

    Raises:
        InputError: If `page` is not the header of a vendor_boot image, or is truncated.
    """
    header = _checked_header(view(page))
    start = align_up(header.SIZE, header.page_size)
    for size in _part_sizes(header):
        if size.name == "bootconfig":
            return range(start, start + size.size)
        start += align_up(size.size, header.page_size)
    return range(0)


def image_end(page: Data) -> int:
    """Return the end of the image with this header page in bytes, with its padding.

    Raises:
        InputError: If `page` is not the header of a vendor_boot image, or is truncated.
    """
    header = _checked_header(view(page))
    sizes = (header.SIZE, *(size.size for size in _part_sizes(header)))
    return sum(align_up(size, header.page_size) for size in sizes)


def _checked_header(image: memoryview) -> VendorHeaderV3:
    """Read the header of an image.

    Raises:
        InputError: If it is another file, has an unknown header version, or is truncated.
    """
    if sniff(image) != VENDOR_BOOT_IMAGE:
        problem = f"this is {described(image)}, not an {VENDOR_BOOT_IMAGE}"
        raise malformed(WHAT, "magic", 0, problem, fix="Give a vendor_boot.img.")
    return _read_header(image)


def _read_header(image: memoryview) -> VendorHeaderV3:
    if len(image) < VERSION_OFFSET + 4:
        raise truncated(WHAT, "header", 0, len(image), VendorHeaderV3.SIZE)
    header = header_type(u32(image, VERSION_OFFSET)).parse(image)
    check_page_size(WHAT, header.page_size, header.offset_of("page_size"))
    return header


def _warnings(header: VendorHeaderV3, table: Data | None) -> Iterator[str]:
    """Yield what the header states wrongly: parts are found without it."""
    if header.header_size not in header.WRITTEN_SIZES:
        yield f"header_size is {header.header_size} bytes, v{header.header_version} has {header.SIZE}"
    if table is not None and len(table):
        yield "the ramdisk table does not describe the ramdisks; they are kept as one"


def _part_sizes(header: VendorHeaderV3) -> list[PartSize]:
    sizes = [("ramdisk", header.vendor_ramdisk_size, "vendor_ramdisk_size")]
    sizes.append(("dtb", header.dtb_size, "dtb_size"))
    if isinstance(header, VendorHeaderV4):
        sizes.append(("table", header.table_size, "table_size"))
        sizes.append(("bootconfig", header.bootconfig_size, "bootconfig_size"))
    return [PartSize(name, size, field, header.offset_of(field)) for name, size, field in sizes]


def _split_ramdisks(
    section: memoryview, table: memoryview, header: VendorHeaderV4
) -> tuple[Ramdisk, ...] | None:
    """Return the ramdisks of the table; None if the table does not divide the whole section in order."""
    count = header.table_entries
    if not 0 < count <= MAX_RAMDISKS or header.table_entry_size != RamdiskEntry.SIZE:
        return None
    if len(table) != count * RamdiskEntry.SIZE:
        return None
    ramdisks = []
    offset = 0
    for start in range(0, len(table), RamdiskEntry.SIZE):
        entry = RamdiskEntry.parse(table, start)
        end = entry.offset + entry.size
        if entry.offset != offset or end > len(section):
            return None
        raw = bytes(table[start : start + RamdiskEntry.SIZE])
        ramdisks.append(Ramdisk(section[offset:end], entry.type, read_text(entry.name), entry.board_id, raw))
        offset = end
    return tuple(ramdisks) if offset == len(section) else None


def _build_table(ramdisks: tuple[Ramdisk, ...]) -> bytes:
    """Return the ramdisk table for `ramdisks`, which follow each other."""
    table = b""
    offset = 0
    for ramdisk in ramdisks:
        old = RamdiskEntry.parse(view(ramdisk.entry or bytes(RamdiskEntry.SIZE)))
        name_offset = len(table) + RamdiskEntry.offset_of("name")
        name = kept_text(old.name, ramdisk.name, RamdiskEntry.WHAT, "name", name_offset)
        table += RamdiskEntry(len(ramdisk.data), offset, ramdisk.type, name, ramdisk.board_id).build()
        offset += len(ramdisk.data)
    return table


def build(image: VendorBoot) -> Iterator[Data]:
    """Return the file, in chunks; sizes, offsets and the ramdisk table are computed.

    Raises:
        InputError: If a field does not fit into the header or the ramdisk table; before the first chunk.
    """
    return _chunks(_build_header_pages(image), image.sections, image)


def _chunks(header: bytes, sections: tuple[Part, ...], image: VendorBoot) -> Iterator[Data]:
    yield header
    yield from emit_parts(sections, image.paddings, image.missing, image.page_size)
    yield from windows(image.tail)


def _build_header_pages(image: VendorBoot) -> bytes:
    """Return the header pages: the fields over what was read, so that other bytes stay."""
    kind = image.header_type
    check_page_size(WHAT, image.page_size, kind.offset_of("page_size"))
    size = image.header_size
    old = image.header or bytes(size)
    header = _header(image, kind.parse(view(old.ljust(kind.SIZE, b"\0")))).build()
    pages = (header + old[len(header) :]).ljust(size, b"\0")
    truncated = len(old) < size and not any(len(part.data) for part in image.sections)
    return pages[: len(old)] if truncated else pages


def _header(image: VendorBoot, was: VendorHeaderV3) -> VendorHeaderV3:
    header = replace(
        was,
        magic=VENDOR_BOOT_MAGIC,
        header_version=image.header_version,
        page_size=image.page_size,
        kernel_addr=image.kernel_addr,
        ramdisk_addr=image.ramdisk_addr,
        vendor_ramdisk_size=image.ramdisk_size,
        cmdline=kept_text(was.cmdline, image.cmdline, WHAT, "cmdline", was.offset_of("cmdline")),
        tags_addr=image.tags_addr,
        name=kept_text(was.name, image.name, WHAT, "name", was.offset_of("name")),
        header_size=was.header_size if was.magic == VENDOR_BOOT_MAGIC else was.SIZE,
        dtb_size=len(image.dtb),
        dtb_addr=image.dtb_addr,
    )
    if isinstance(header, VendorHeaderV4):
        header = replace(header, bootconfig_size=len(image.bootconfig))
        if image.table is None:
            header = replace(
                header,
                table_size=image.table_size,
                table_entries=len(image.ramdisks),
                table_entry_size=RamdiskEntry.SIZE,
            )
    return header

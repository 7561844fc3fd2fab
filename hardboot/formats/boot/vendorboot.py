"""Android vendor_boot images v3 and v4: the vendor's ramdisks, device trees and bootconfig.

Source: AOSP system/tools/mkbootimg, include/bootimg/bootimg.h, vendor_boot_img_hdr_v3 and _v4.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from hardboot.base.sizes import align_up
from hardboot.formats.boot.paged import Frame, Part, Slot, lay, take
from hardboot.formats.header import Layout
from hardboot.formats.reading import Data, malformed, view, windows
from hardboot.formats.sniff import VENDOR_BOOT_IMAGE, described, sniff
from hardboot.formats.text_field import kept_text, read_text

VENDOR_BOOT_MAGIC = b"VNDRBOOT"
MAX_RAMDISKS = 256  # mkbootimg writes one entry a --vendor_ramdisk_fragment; phones have up to five
MAX_PAGE_SIZE = 64 << 10  # bytes

_WHAT = "vendor boot image"
_V3 = (
    ("magic", "8s"),
    ("header_version", "I"),
    ("page_size", "I"),
    ("kernel_addr", "I"),
    ("ramdisk_addr", "I"),
    ("vendor_ramdisk_size", "I"),
    ("cmdline", "2048s"),
    ("tags_addr", "I"),
    ("name", "16s"),
    ("header_size", "I"),
    ("dtb_size", "I"),
    ("dtb_addr", "Q"),
)
_V4 = (
    *_V3,
    ("table_size", "I"),
    ("table_entries", "I"),
    ("table_entry_size", "I"),
    ("bootconfig_size", "I"),
)
_LAYOUTS = {3: Layout(_WHAT, "<", *_V3), 4: Layout(_WHAT, "<", *_V4)}
_ENTRY = Layout(
    "vendor ramdisk table",
    "<",
    ("size", "I"),
    ("offset", "I"),
    ("type", "I"),
    ("name", "32s"),
    ("board_id", "16I"),
)
RAMDISK_TYPES = ("none", "platform", "recovery", "dlkm")
_COPIED = ("header_version", "page_size", "kernel_addr", "ramdisk_addr", "tags_addr", "dtb_addr")


@dataclass(frozen=True)
class Ramdisk:
    """One entry of the ramdisk table.

    Attributes:
        type: Index into RAMDISK_TYPES.
        board_id: 16 words for the bootloader to choose by.
        entry: The table entry as it was read.
    """

    data: Data = field(repr=False)
    type: int = 0
    name: str = ""
    board_id: tuple[int, ...] = (0,) * 16
    entry: bytes = field(repr=False, compare=False, default=b"")


@dataclass(frozen=True, kw_only=True)
class VendorBoot(Frame):
    """A vendor_boot image. Addresses are physical, sizes in bytes; for the rest see `bootimg.BootImage`.

    Attributes:
        ramdisks: v3: one without a name. v4: one for each table entry, one behind the other without padding;
            without a table that says so, all of them as one, and `table` as it is.
        table: v4: the table as it was read, if `ramdisks` do not stand for it; else None.
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

    @property
    def layout(self) -> Layout:
        """The header's fields.

        Raises:
            InputError: If there is no such header version.
        """
        return _layout(self.header_version)

    @property
    def ramdisk_size(self) -> int:
        """Bytes of all ramdisks."""
        return sum(len(ramdisk.data) for ramdisk in self.ramdisks)

    @property
    def table_size(self) -> int:
        """Bytes of the ramdisk table."""
        return _ENTRY.size * len(self.ramdisks) if self.table is None else len(self.table)

    @property
    def header_size(self) -> int:
        """Bytes of the header with its padding."""
        return align_up(_layout(self.header_version).size, self.page_size)

    @property
    def sections(self) -> tuple[Part, ...]:
        """What is filled up to whole pages, in file order; the ramdisks are one section."""
        ramdisks = b"".join(bytes(view(ramdisk.data)) for ramdisk in self.ramdisks)
        found: list[tuple[str, Data]] = [("ramdisk", ramdisks), ("dtb", self.dtb)]
        if self.header_version == 4:
            found += [
                ("table", _table(self.ramdisks) if self.table is None else self.table),
                ("bootconfig", self.bootconfig),
            ]
        return tuple(Part(name, 0, data) for name, data in found)

    @property
    def end(self) -> int:
        """Where the last section ends with its padding, from the start of the file."""
        sizes = [self.ramdisk_size, len(self.dtb)]
        if self.header_version == 4:
            sizes += [self.table_size, len(self.bootconfig)]
        return self.header_size + sum(align_up(size, self.page_size) for size in sizes) - self.missing

    @property
    def parts(self) -> tuple[Part, ...]:
        """Ramdisks, dtb and bootconfig, in file order; the table is none."""
        found = []
        offset = self.header_size
        for index, ramdisk in enumerate(self.ramdisks):
            name = "ramdisk" if self.header_version == 3 or self.table is not None else f"ramdisk{index}"
            found.append(Part(name, offset, ramdisk.data))
            offset += len(ramdisk.data)
        offset = self.header_size + align_up(self.ramdisk_size, self.page_size)
        found.append(Part("dtb", offset, self.dtb))
        offset += align_up(len(self.dtb), self.page_size)
        if self.header_version == 4:
            offset += align_up(self.table_size, self.page_size)
            found.append(Part("bootconfig", offset, self.bootconfig))
        return tuple(found)


def _layout(version: int) -> Layout:
    if version not in _LAYOUTS:
        fix = "Give an image with header v3 or v4; there are no others yet."
        raise malformed(_WHAT, "header_version", 8, f"v{version}", fix=fix)
    return _LAYOUTS[version]


def parse(data: Data) -> VendorBoot:
    """Read a vendor_boot image; its parts are views into `data`, only the ramdisk table is read.

    Raises:
        InputError: If it is something else, a version hardboot does not read, or cut off.
    """
    seen = view(data)
    if sniff(seen) != VENDOR_BOOT_IMAGE:
        problem = f"this is {described(seen)}, not an {VENDOR_BOOT_IMAGE}"
        raise malformed(_WHAT, "magic", 0, problem, fix="Give a vendor_boot.img.")
    layout = _layout(int.from_bytes(seen[8:12], "little"))
    head = layout.parse(seen)
    page_size = head["page_size"]
    if not 2048 <= page_size <= MAX_PAGE_SIZE or page_size & (page_size - 1):
        problem = f"{page_size}, it must be a power of two up to {MAX_PAGE_SIZE}"
        raise malformed(_WHAT, "page_size", layout.offsets["page_size"], problem)
    start = align_up(layout.size, page_size)
    if not 0 < head["header_size"] <= start:  # AOSP's first mkbootimg for v3 wrote 2108
        problem = f"{head['header_size']} bytes, v{head['header_version']} has {layout.size}"
        raise malformed(_WHAT, "header_size", layout.offsets["header_size"], problem)
    names = [("ramdisk", "vendor_ramdisk_size"), ("dtb", "dtb_size")]
    if head["header_version"] == 4:
        names += [("table", "table_size"), ("bootconfig", "bootconfig_size")]
    slots = [Slot(name, head[entry], entry, layout.offsets[entry]) for name, entry in names]
    taken = take(seen, _WHAT, start, page_size, slots)
    section, table = taken.parts["ramdisk"], taken.parts.get("table", memoryview(b""))
    ramdisks = _fragments(section, table, head) if head["header_version"] == 4 else None
    return VendorBoot(
        ramdisks=(Ramdisk(section),) if ramdisks is None else ramdisks,
        dtb=taken.parts["dtb"],
        table=bytes(table) if ramdisks is None and head["header_version"] == 4 else None,
        bootconfig=taken.parts.get("bootconfig", b""),
        **{name: head[name] for name in _COPIED},
        name=read_text(head["name"]),
        cmdline=read_text(head["cmdline"]),
        header=bytes(seen[:start]),
        paddings=taken.paddings,
        missing=taken.missing if any(len(part) for part in taken.parts.values()) else 0,
        tail=seen[taken.end :],
        tail_offset=taken.end,
    )


def _fragments(section: memoryview, table: memoryview, head: dict[str, Any]) -> tuple[Ramdisk, ...] | None:
    """The ramdisks of the table; None if the table does not cut the section into pieces without rest."""
    count = head["table_entries"]
    if not 0 < count <= MAX_RAMDISKS or head["table_entry_size"] != _ENTRY.size:
        return None
    if len(table) != count * _ENTRY.size:
        return None
    found = []
    offset = 0
    for start in range(0, len(table), _ENTRY.size):
        entry = _ENTRY.parse(table, start)
        end = entry["offset"] + entry["size"]
        if entry["offset"] != offset or end > len(section):
            return None
        found.append(
            Ramdisk(
                data=section[offset:end],
                type=entry["type"],
                name=read_text(entry["name"]),
                board_id=entry["board_id"],
                entry=bytes(table[start : start + _ENTRY.size]),
            )
        )
        offset = end
    return tuple(found) if offset == len(section) else None


def _table(ramdisks: tuple[Ramdisk, ...]) -> bytes:
    """The table for `ramdisks` as they follow each other."""
    out = b""
    offset = 0
    for ramdisk in ramdisks:
        old = ramdisk.entry[12:44] or bytes(32)
        name = kept_text(old, ramdisk.name, "vendor ramdisk table", "name", len(out) + 12)
        out += _ENTRY.build(
            {
                "size": len(ramdisk.data),
                "offset": offset,
                "type": ramdisk.type,
                "name": name,
                "board_id": ramdisk.board_id,
            }
        )
        offset += len(ramdisk.data)
    return out


def build(image: VendorBoot) -> Iterator[Data]:
    """The file, in chunks; sizes, offsets and the ramdisk table are computed.

    Raises:
        InputError: If a field does not fit into the header; before the first chunk.
    """
    return _chunks(_header(image), image)


def _chunks(header: bytes, image: VendorBoot) -> Iterator[Data]:
    yield header
    yield from lay(image.sections, image.paddings, image.missing, image.page_size)
    yield from windows(image.tail)


def _header(image: VendorBoot) -> bytes:
    layout = _layout(image.header_version)
    size = image.header_size
    old = image.header or bytes(size)
    was = layout.parse(view(old.ljust(layout.size, b"\0")))
    fields = {**was, **{name: getattr(image, name) for name in _COPIED}}
    fields |= {"magic": VENDOR_BOOT_MAGIC, "header_size": was["header_size"] or layout.size}
    fields |= {"vendor_ramdisk_size": image.ramdisk_size, "dtb_size": len(image.dtb)}
    fields |= {"bootconfig_size": len(image.bootconfig)}
    if image.table is None:
        count = len(image.ramdisks)
        fields |= {"table_entries": count, "table_entry_size": _ENTRY.size, "table_size": count * _ENTRY.size}
    for name in ("name", "cmdline"):
        fields[name] = kept_text(was[name], getattr(image, name), _WHAT, name, layout.offsets[name])
    header = layout.build({name: fields[name] for name in layout.names})
    whole = (header + old[len(header) :]).ljust(size, b"\0")
    cut = len(old) < size and not any(len(part.data) for part in image.sections)
    return whole[: len(old)] if cut else whole

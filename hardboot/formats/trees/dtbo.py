"""Tables of device tree overlays (dt_table, the dtbo partition) of version 0 and 1.

Sources: AOSP system/libufdt, utils/src/dt_table.h and mkdtboimg.py. All words are big-endian.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal, TypeAlias

from construct import Array, Int32ub

from hardboot.formats.binary_record import Be32, BinaryRecord
from hardboot.formats.reading import Data, malformed, view
from hardboot.formats.trees import stored_trees
from hardboot.formats.trees.stored_trees import Fill, StoredTree

DT_TABLE_MAGIC = 0xD7B7AB1E
Compression: TypeAlias = Literal["zlib", "gzip", "unknown"]

_WHAT = "device tree overlay table"
_COMPRESSION_MASK = 0xF  # of the first custom word, from version 1 on
_COMPRESSIONS: dict[int, Compression] = {1: "zlib", 2: "gzip"}


@dataclass(frozen=True)
class OverlayTableHeader(BinaryRecord, what=_WHAT):
    """struct dt_table_header.

    Attributes:
        total_size: Bytes of the table.
        entry_size: Bytes from one entry to the next.
        entries_offset: Offset of the first entry.
        page_size: As stated; nothing is aligned to it.
    """

    magic: Be32
    total_size: Be32
    header_size: Be32
    entry_size: Be32
    entry_count: Be32
    entries_offset: Be32
    page_size: Be32
    version: Be32


@dataclass(frozen=True)
class OverlayEntry(BinaryRecord, what=_WHAT):
    """struct dt_table_entry: the boards an overlay is for, as raw words whose meaning is the bootloader's.

    Attributes:
        custom: From version 1 on, the first one holds flags.
    """

    size: Be32
    offset: Be32
    id: Be32
    rev: Be32
    custom: Annotated[tuple[int, ...], Array(4, Int32ub)]


@dataclass(frozen=True)
class OverlayTable:
    """A table. Several entries may name one tree.

    Attributes:
        trees: In the order in which entries first name them.
        tail: What follows the table, such as padding and a footer.
    """

    header: OverlayTableHeader
    entries: tuple[OverlayEntry, ...]
    trees: tuple[StoredTree, ...] = field(repr=False)
    fill: Fill = field(repr=False, default=())
    tail: Data = field(repr=False, default=b"")

    def compression(self, entry: OverlayEntry) -> Compression | None:
        """Return the compression of the tree of `entry`; None if it is not compressed."""
        flags = entry.custom[0] & _COMPRESSION_MASK if self.header.version >= 1 else 0
        return _COMPRESSIONS.get(flags, "unknown") if flags else None


def parse(data: Data) -> OverlayTable:
    """Read a table; its trees are views into `data` and are not read.

    Raises:
        InputError: If it is something else, or an entry points outside of it.
    """
    content = view(data)
    head = OverlayTableHeader.parse(content)
    if head.magic != DT_TABLE_MAGIC:
        raise malformed(_WHAT, "magic", 0, f"{head.magic:#x}, not {DT_TABLE_MAGIC:#x}")
    if not OverlayTableHeader.SIZE <= head.total_size <= len(content):
        problem = f"{head.total_size} bytes, the file has {len(content)}"
        raise malformed(_WHAT, "total_size", OverlayTableHeader.offset_of("total_size"), problem)
    if head.entry_size < OverlayEntry.SIZE or head.entries_offset < OverlayTableHeader.SIZE:
        problem = f"{head.entry_size} bytes from {head.entries_offset:#x}, an entry has {OverlayEntry.SIZE}"
        raise malformed(_WHAT, "dt_entry_size", OverlayTableHeader.offset_of("entry_size"), problem)
    end = head.entries_offset + head.entry_count * head.entry_size
    if head.entry_count > stored_trees.MAX_ENTRIES or end > head.total_size:
        problem = f"{head.entry_count} entries do not fit into {head.total_size} bytes"
        raise malformed(_WHAT, "dt_entry_count", OverlayTableHeader.offset_of("entry_count"), problem)
    table = content[: head.total_size]
    entries = {at: OverlayEntry.parse(table, at) for at in range(head.entries_offset, end, head.entry_size)}
    trees = stored_trees.read_trees(_WHAT, table, entries)
    known = [range(OverlayTableHeader.SIZE), *(range(at, at + OverlayEntry.SIZE) for at in entries)]
    return OverlayTable(
        header=head,
        entries=tuple(entries.values()),
        trees=trees,
        fill=stored_trees.read_fill(table, known, trees),
        tail=content[head.total_size :],
    )


def build(table: OverlayTable) -> bytes:
    """Return the file.

    Raises:
        InputError: If a number does not fit into its field.
    """
    head = table.header
    heads = {0: head.build()}
    for index, entry in enumerate(table.entries):
        heads[head.entries_offset + index * head.entry_size] = entry.build()
    return stored_trees.write(heads, table.trees, table.fill, head.total_size) + bytes(table.tail)


def with_trees(table: OverlayTable, contents: Sequence[Data]) -> OverlayTable:
    """Return `table` with these contents of its trees, placed as mkdtboimg does: without alignment."""
    start = OverlayTableHeader.SIZE + len(table.entries) * OverlayEntry.SIZE
    trees = stored_trees.place(contents, start, 1)
    header = replace(
        table.header,
        total_size=start + sum(map(len, contents)),
        header_size=OverlayTableHeader.SIZE,
        entry_size=OverlayEntry.SIZE,
        entries_offset=OverlayTableHeader.SIZE,
    )
    entries = stored_trees.moved(table.entries, table.trees, trees)
    return replace(table, header=header, entries=entries, trees=trees, fill=())

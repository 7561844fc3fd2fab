"""Tables of device tree overlays (dt_table, the dtbo partition) of version 0 and 1: read, write.

Sources: AOSP system/libufdt, utils/src/dt_table.h and mkdtboimg.py. All words are big-endian.
"""

import struct
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from hardboot.formats.reading import Data, malformed, view
from hardboot.formats.trees import dttable
from hardboot.formats.trees.dttable import Fill, Place, Slot

DT_TABLE_MAGIC = 0xD7B7AB1E
Compression: TypeAlias = Literal["zlib", "gzip"]
IDS = ("id", "rev", "custom")

_WHAT = "device tree overlay table"
_HEADER = struct.Struct(">8I")
_ENTRY = struct.Struct(">8I")
_COMPRESSION_MASK = 0xF  # of the first custom word, from version 1 on
_COMPRESSIONS: dict[int, Compression] = {1: "zlib", 2: "gzip"}


@dataclass(frozen=True)
class Entry:
    """Which boards an overlay is for, as raw words whose meaning is the bootloader's.

    Attributes:
        custom: Four words; from version 1 on the first one holds flags.
        tree: Index of its tree in the table.
    """

    id: int = 0
    rev: int = 0
    custom: tuple[int, int, int, int] = (0, 0, 0, 0)
    tree: int = 0


@dataclass(frozen=True)
class Dtbo:
    """A table. Several entries may name one tree.

    Attributes:
        page_size: As the header states it; nothing is aligned to it.
        entry_size: Bytes from one entry to the next.
        header_size: Bytes of the header; both 32 in every known table.
        entries_offset: Where the entries begin, in bytes.
        total_size: Bytes of the table as the header states them.
        fill: Bytes that are neither table nor tree, nor zero.
        tail: What follows the table, such as padding and a footer.
    """

    entries: tuple[Entry, ...]
    trees: tuple[Slot, ...] = field(repr=False)
    version: int = 0
    page_size: int = 2048
    entry_size: int = _ENTRY.size
    header_size: int = _HEADER.size
    entries_offset: int = _HEADER.size
    total_size: int = 0
    fill: Fill = field(repr=False, default=())
    tail: Data = field(repr=False, default=b"")

    def compression(self, entry: Entry) -> Compression | None:
        """How the tree of `entry` is compressed; None if it is not.

        Raises:
            InputError: If its flags name an unknown compression.
        """
        flags = entry.custom[0] & _COMPRESSION_MASK if self.version >= 1 else 0
        if flags and flags not in _COMPRESSIONS:
            raise malformed(_WHAT, "flags", self.entries_offset, f"unknown compression {flags}")
        return _COMPRESSIONS.get(flags)


def parse(data: Data) -> Dtbo:
    """Read a table; its trees are views into `data`, nothing of them is read.

    Raises:
        InputError: If it is something else, or an entry points outside of it.
    """
    seen = view(data)
    if len(seen) < _HEADER.size:
        raise malformed(_WHAT, "header", 0, f"{len(seen)} bytes, it has {_HEADER.size}")
    magic, total, header_size, entry_size, count, start, page_size, version = _HEADER.unpack_from(seen)
    if magic != DT_TABLE_MAGIC:
        raise malformed(_WHAT, "magic", 0, f"{magic:#x}, not {DT_TABLE_MAGIC:#x}")
    if not _HEADER.size <= total <= len(seen):
        raise malformed(_WHAT, "total_size", 4, f"{total} bytes, the file has {len(seen)}")
    if entry_size < _ENTRY.size or start < _HEADER.size:
        problem = f"{entry_size} bytes from {start:#x}, an entry has {_ENTRY.size}"
        raise malformed(_WHAT, "dt_entry_size", 12, problem)
    if count > dttable.MAX_ENTRIES or start + count * entry_size > total:
        raise malformed(_WHAT, "dt_entry_count", 16, f"{count} entries do not fit into {total} bytes")
    table = seen[:total]
    starts = range(start, start + count * entry_size, entry_size)
    rows = [_ENTRY.unpack_from(table, at) for at in starts]
    places = [Place(row[1], row[0], at) for row, at in zip(rows, starts, strict=True)]
    slots, indices = dttable.read_slots(_WHAT, table, places)
    known = [range(_HEADER.size), *(range(at, at + _ENTRY.size) for at in starts)]
    return Dtbo(
        entries=tuple(
            Entry(number, rev, (first, second, third, fourth), tree)
            for (_, _, number, rev, first, second, third, fourth), tree in zip(rows, indices, strict=True)
        ),
        trees=slots,
        version=version,
        page_size=page_size,
        entry_size=entry_size,
        header_size=header_size,
        entries_offset=start,
        total_size=total,
        fill=dttable.read_fill(table, known, slots),
        tail=seen[total:],
    )


def build(table: Dtbo) -> bytes:
    """The file; offsets are written as they stand (see `renew`).

    Raises:
        InputError: If a tree has no place yet, trees lie on each other, or a number does not fit.
    """
    heads: list[tuple[int, bytes]] = []
    try:
        for index, entry in enumerate(table.entries):
            offset, size = dttable.slot_of(_WHAT, table.trees, entry.tree)
            row = _ENTRY.pack(size, offset, entry.id, entry.rev, *entry.custom)
            heads.append((table.entries_offset + index * table.entry_size, row))
        head = _HEADER.pack(
            *(DT_TABLE_MAGIC, table.total_size, table.header_size, table.entry_size, len(table.entries)),
            *(table.entries_offset, table.page_size, table.version),
        )
    except struct.error as error:
        raise malformed(_WHAT, "field", 0, str(error), fix="Check its numbers.") from error
    out = dttable.write(_WHAT, [(0, head), *heads], table.trees, table.fill, table.total_size)
    if len(out) != table.total_size:
        problem = f"{table.total_size} bytes, the table has {len(out)}"
        raise malformed(_WHAT, "total_size", 4, problem, fix="Use renew().")
    return out + bytes(table.tail)


def renew(table: Dtbo) -> Dtbo:
    """`table` with places for all trees as mkdtboimg chooses them: one behind the other, not aligned."""
    start = _HEADER.size + len(table.entries) * _ENTRY.size
    slots = dttable.place(table.trees, start, 1)
    return replace(
        table,
        trees=slots,
        entry_size=_ENTRY.size,
        header_size=_HEADER.size,
        entries_offset=_HEADER.size,
        total_size=start + sum(len(slot.data) for slot in slots),
        fill=(),
    )

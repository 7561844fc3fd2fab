"""Spreadtrum device tree tables (SPRD, "dt.img") of version 1: read, write.

Source: dtbtool in Spreadtrum's device folders, whose entries are sprd,sc-id of each tree.
"""

import struct
from dataclasses import dataclass
from typing import TypeAlias

from hardboot.formats import dttable
from hardboot.formats.dttable import Place, Table
from hardboot.formats.reading import Data, view

SPRD_MAGIC = b"SPRD"
IDS = ("chip", "platform", "revision")

_WHAT = "Spreadtrum device tree table"
_ENTRIES = {1: struct.Struct("<5I")}


@dataclass(frozen=True)
class Entry:
    """Which boards a tree is for, as raw words.

    Attributes:
        chip: The number in the chip's name, such as 8830.
        platform: The kind of board.
        revision: Of the chip, such as 0x20000.
        tree: Index of its tree in the table.
    """

    chip: int
    platform: int
    revision: int
    tree: int = 0


Sprd: TypeAlias = Table[Entry]


def parse(data: Data) -> Sprd:
    """Read a table; its trees are views into `data`, nothing of them is read.

    Raises:
        InputError: If it is something else, of an unknown version, or an entry points outside of it.
    """
    seen = view(data)
    version, rows, end = dttable.read_rows(_WHAT, seen, SPRD_MAGIC, _ENTRIES)
    slots, indices = dttable.read_slots(
        _WHAT, seen, [Place(row.values[3], row.values[4], row.at) for row in rows]
    )
    entries = [
        Entry(chip, platform, revision, tree)
        for ((chip, platform, revision, _, _), _), tree in zip(rows, indices, strict=True)
    ]
    return dttable.read(version, seen, entries, slots, end)


def build(table: Sprd) -> bytes:
    """The file; offsets are written as they stand (see `renew`).

    Raises:
        InputError: If a tree has no place yet, trees lie on each other, or a number does not fit.
    """
    return dttable.write(_WHAT, [(0, _head(table))], table.trees, table.fill, table.size)


def renew(table: Sprd) -> Sprd:
    """`table` with places for all trees, as the makers' tools choose them, and nothing else."""
    return table.renewed(len(_head(table)))


def _head(table: Sprd) -> bytes:
    rows = []
    for entry in table.entries:
        place = dttable.slot_of(_WHAT, table.trees, entry.tree)
        rows.append((entry.chip, entry.platform, entry.revision, *place))
    return dttable.build_rows(_WHAT, SPRD_MAGIC, table.version, _ENTRIES, rows)

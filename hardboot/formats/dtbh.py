"""Samsung Exynos device tree tables (DTBH, "dt.img") of version 2: read, write.

Source: Samsung's dtbtool in its kernels' scripts; boot-deploy and pmbootstrap read platform and subtype.
"""

import struct
from dataclasses import dataclass
from typing import TypeAlias

from hardboot.formats import dttable
from hardboot.formats.dttable import Place, Table
from hardboot.formats.reading import Data, view

DTBH_MAGIC = b"DTBH"
IDS = ("chip", "platform", "subtype", "hw_rev", "hw_rev_end", "space")

_WHAT = "Samsung device tree table"
_ENTRIES = {2: struct.Struct("<8I")}


@dataclass(frozen=True)
class Entry:
    """Which boards a tree is for, as raw words.

    Attributes:
        chip: The number in the chip's name, such as 7870.
        platform: Samsung's constant 0x50a6; other makers' differ.
        subtype: Samsung's constant 0x217584da; other makers' differ.
        hw_rev: The first hardware revision it is for.
        hw_rev_end: The last one.
        space: Always 0x20: the tables' tool writes a space.
        tree: Index of its tree in the table.
    """

    chip: int
    platform: int
    subtype: int
    hw_rev: int
    hw_rev_end: int
    space: int = 0x20
    tree: int = 0


Dtbh: TypeAlias = Table[Entry]


def parse(data: Data) -> Dtbh:
    """Read a table; its trees are views into `data`, nothing of them is read.

    Raises:
        InputError: If it is something else, of an unknown version, or an entry points outside of it.
    """
    seen = view(data)
    version, rows, end = dttable.read_rows(_WHAT, seen, DTBH_MAGIC, _ENTRIES)
    slots, indices = dttable.read_slots(
        _WHAT, seen, [Place(row.values[5], row.values[6], row.at) for row in rows]
    )
    entries = [
        Entry(chip, platform, subtype, first, last, space, tree)
        for ((chip, platform, subtype, first, last, _, _, space), _), tree in zip(rows, indices, strict=True)
    ]
    return dttable.read(version, seen, entries, slots, end)


def build(table: Dtbh) -> bytes:
    """The file; offsets are written as they stand (see `renew`).

    Raises:
        InputError: If a tree has no place yet, trees lie on each other, or a number does not fit.
    """
    return dttable.write(_WHAT, [(0, _head(table))], table.trees, table.fill, table.size)


def renew(table: Dtbh) -> Dtbh:
    """`table` with places for all trees, as the makers' tools choose them, and nothing else."""
    return table.renewed(len(_head(table)))


def _head(table: Dtbh) -> bytes:
    rows = []
    for entry in table.entries:
        place = dttable.slot_of(_WHAT, table.trees, entry.tree)
        rows.append(
            (entry.chip, entry.platform, entry.subtype, entry.hw_rev, entry.hw_rev_end, *place, entry.space)
        )
    return dttable.build_rows(_WHAT, DTBH_MAGIC, table.version, _ENTRIES, rows)

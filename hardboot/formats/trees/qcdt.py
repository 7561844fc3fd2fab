"""Qualcomm device tree tables (QCDT, "dt.img") of version 1, 2 and 3, and Motorola's 0x101 to 0x103.

Sources: lk2nd platform/msm_shared/include/dev_tree.h and dev_tree.c; skales' dtbtool; dtbtool.c in the
device folders of Motorola's phones, whose entries end with the name of a board.
"""

import struct
from dataclasses import dataclass
from typing import Any, TypeAlias

from hardboot.formats.reading import Data, view
from hardboot.formats.trees import dttable
from hardboot.formats.trees.dttable import Place, Table

QCDT_MAGIC = b"QCDT"
MOTOROLA = 0x100  # set in the version: each entry ends with a model
MODEL_SIZE = 32  # bytes

_WHAT = "Qualcomm device tree table"
_WORDS = {1: 5, 2: 6, 3: 10}  # in an entry
_ENTRIES = {version: struct.Struct(f"<{words}I") for version, words in _WORDS.items()} | {
    version | MOTOROLA: struct.Struct(f"<{words}I{MODEL_SIZE}s") for version, words in _WORDS.items()
}


@dataclass(frozen=True)
class Entry:
    """Which boards a tree is for, as raw words: no bit of them is interpreted.

    Attributes:
        platform_id: The chip in the low 16 bits; the rest may name its foundry or packaging.
        variant_id: The kind of board.
        subtype: From version 2 on.
        soc_rev: The lowest revision of the chip the tree is for.
        pmic: Of version 3: the revisions of the power chips.
        model: Of Motorola's versions: the name of the board, padded as stored.
        tree: Index of its tree in the table.
    """

    platform_id: int
    variant_id: int
    subtype: int = 0
    soc_rev: int = 0
    pmic: tuple[int, int, int, int] = (0, 0, 0, 0)
    model: bytes = bytes(MODEL_SIZE)
    tree: int = 0


Qcdt: TypeAlias = Table[Entry]


def parse(data: Data) -> Qcdt:
    """Read a table; its trees are views into `data`, nothing of them is read.

    Raises:
        InputError: If it is something else, of an unknown version, or an entry points outside of it.
    """
    seen = view(data)
    version, rows, end = dttable.read_rows(_WHAT, seen, QCDT_MAGIC, _ENTRIES)
    last = _WORDS[version & 0xFF]
    places = [Place(row.values[last - 2], row.values[last - 1], row.at) for row in rows]
    slots, indices = dttable.read_slots(_WHAT, seen, places)
    entries = [_entry(version, row.values, tree) for row, tree in zip(rows, indices, strict=True)]
    return dttable.read(version, seen, entries, slots, end)


def _entry(version: int, row: tuple[Any, ...], tree: int) -> Entry:
    model = row[-1] if version & MOTOROLA else bytes(MODEL_SIZE)
    base = version & 0xFF
    if base == 1:
        return Entry(row[0], row[1], soc_rev=row[2], model=model, tree=tree)
    pmic = (row[4], row[5], row[6], row[7]) if base == 3 else (0, 0, 0, 0)
    return Entry(row[0], row[1], row[2], row[3], pmic, model, tree)


def build(table: Qcdt) -> bytes:
    """The file; offsets are written as they stand (see `renew`).

    Raises:
        InputError: If a tree has no place yet, trees lie on each other, or a number does not fit.
    """
    return dttable.write(_WHAT, [(0, _head(table))], table.trees, table.fill, table.size)


def stored_ids(version: int) -> tuple[str, ...]:
    """The names of the ids that entries of a version have."""
    names = ["platform_id", "variant_id", "soc_rev"]
    if version & 0xFF > 1:
        names.insert(2, "subtype")
    if version & 0xFF > 2:
        names.append("pmic")
    return (*names, "model") if version & MOTOROLA else tuple(names)


def renew(table: Qcdt) -> Qcdt:
    """`table` with places for all trees, as the makers' tools choose them, and nothing else.

    Raises:
        InputError: If its version is unknown.
    """
    return table.renewed(len(_head(table)))


def _head(table: Qcdt) -> bytes:
    rows = [_row(table, entry) for entry in table.entries]
    return dttable.build_rows(_WHAT, QCDT_MAGIC, table.version, _ENTRIES, rows)


def _row(table: Qcdt, entry: Entry) -> tuple[int | bytes, ...]:
    base = table.version & 0xFF
    words: tuple[int, ...] = (entry.platform_id, entry.variant_id)
    words += (entry.soc_rev,) if base == 1 else (entry.subtype, entry.soc_rev)
    words += entry.pmic if base == 3 else ()
    words += dttable.slot_of(_WHAT, table.trees, entry.tree)
    return (*words, entry.model) if table.version & MOTOROLA else words

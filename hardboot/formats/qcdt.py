"""Qualcomm device tree tables (QCDT, "dt.img") of version 1, 2 and 3, and Motorola's 0x101 to 0x103.

Sources: lk2nd platform/msm_shared/include/dev_tree.h and dev_tree.c; skales' dtbtool; dtbtool.c in the
device folders of Motorola's phones, whose entries end with the name of a board.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from hardboot.formats import dttable
from hardboot.formats.dttable import Fill, Place, Slot
from hardboot.formats.reading import Data, malformed, view

QCDT_MAGIC = b"QCDT"
MOTOROLA = 0x100  # set in the version: each entry ends with a model
PAGE_SIZES = (4096, 2048)
MODEL_SIZE = 32  # bytes

_WHAT = "Qualcomm device tree table"
_HEADER = struct.Struct("<4sII")
_WORDS = {1: 5, 2: 6, 3: 10}  # in an entry
_ENTRIES = {version: struct.Struct(f"<{words}I") for version, words in _WORDS.items()} | {
    version | MOTOROLA: struct.Struct(f"<{words}I{MODEL_SIZE}s") for version, words in _WORDS.items()
}
_TERMINATOR = 4  # bytes of zeros behind the entries, from which the makers' tools count the padding


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


@dataclass(frozen=True)
class Qcdt:
    """A table. Several entries may name one tree.

    Attributes:
        trees: In the order in which entries first mention them.
        page_size: What the trees are aligned to, in bytes.
        size: Bytes of the file, with what follows the last tree.
        fill: Bytes that are neither table nor tree, nor zero.
    """

    version: int
    entries: tuple[Entry, ...]
    trees: tuple[Slot, ...]
    page_size: int = 2048
    size: int = 0
    fill: Fill = field(repr=False, default=())


def parse(data: Data) -> Qcdt:
    """Read a table; its trees are views into `data`, nothing of them is read.

    Raises:
        InputError: If it is something else, of an unknown version, or an entry points outside of it.
    """
    seen = view(data)
    if len(seen) < _HEADER.size:
        raise malformed(_WHAT, "header", 0, f"{len(seen)} bytes, it has {_HEADER.size}")
    magic, version, count = _HEADER.unpack_from(seen)
    if magic != QCDT_MAGIC:
        raise malformed(_WHAT, "magic", 0, f"{magic!r}, not {QCDT_MAGIC!r}")
    layout = _layout(version)
    end = _HEADER.size + count * layout.size
    if count > dttable.MAX_ENTRIES or end > len(seen):
        raise malformed(_WHAT, "entries", 8, f"{count} entries do not fit into {len(seen)} bytes")
    starts = range(_HEADER.size, end, layout.size)
    rows = [layout.unpack_from(seen, at) for at in starts]
    last = _WORDS[version & 0xFF]
    places = [Place(row[last - 2], row[last - 1], at) for row, at in zip(rows, starts, strict=True)]
    slots, indices = dttable.read_slots(_WHAT, seen, places)
    return Qcdt(
        version=version,
        entries=tuple(_entry(version, row, tree) for row, tree in zip(rows, indices, strict=True)),
        trees=slots,
        page_size=_page_size(slots),
        size=len(seen),
        fill=dttable.read_fill(seen, [range(end)], slots),
    )


def _layout(version: int) -> struct.Struct:
    if version not in _ENTRIES:
        problem = f"{version:#x}, known are {', '.join(map(hex, _ENTRIES))}"
        raise malformed(_WHAT, "version", 4, problem)
    return _ENTRIES[version]


def _entry(version: int, row: tuple[Any, ...], tree: int) -> Entry:
    model = row[-1] if version & MOTOROLA else bytes(MODEL_SIZE)
    base = version & 0xFF
    if base == 1:
        return Entry(row[0], row[1], soc_rev=row[2], model=model, tree=tree)
    pmic = (row[4], row[5], row[6], row[7]) if base == 3 else (0, 0, 0, 0)
    return Entry(row[0], row[1], row[2], row[3], pmic, model, tree)


def _page_size(slots: Iterable[Slot]) -> int:
    offsets = [slot.offset or 0 for slot in slots]
    return next((size for size in PAGE_SIZES if all(offset % size == 0 for offset in offsets)), 2048)


def build(table: Qcdt) -> bytes:
    """The file; offsets are written as they stand (see `renew`).

    Raises:
        InputError: If a tree has no place yet, trees lie on each other, or a number does not fit.
    """
    layout = _layout(table.version)
    head = bytearray(_HEADER.pack(QCDT_MAGIC, table.version, len(table.entries)))
    for index, entry in enumerate(table.entries):
        try:
            head += layout.pack(*_row(table, entry))
        except (struct.error, IndexError) as error:
            raise malformed(
                _WHAT, f"entry {index}", len(head), str(error), fix="Check its numbers."
            ) from error
    heads = [(0, bytes(head))]
    return dttable.write(_WHAT, heads, table.trees, table.fill, table.size)


def _row(table: Qcdt, entry: Entry) -> tuple[int | bytes, ...]:
    slot = table.trees[entry.tree]
    where = slot.offset or 0, slot.stated_size
    base = table.version & 0xFF
    words: tuple[int, ...] = (entry.platform_id, entry.variant_id)
    words += (entry.soc_rev,) if base == 1 else (entry.subtype, entry.soc_rev)
    words += entry.pmic if base == 3 else ()
    return (*words, *where, entry.model) if table.version & MOTOROLA else (*words, *where)


def renew(table: Qcdt) -> Qcdt:
    """`table` with places for all trees, as the makers' tools choose them: page after page, nothing else."""
    end = _HEADER.size + len(table.entries) * _layout(table.version).size + _TERMINATOR
    slots = dttable.place(table.trees, end, table.page_size)
    return replace(table, trees=slots, fill=(), size=0)

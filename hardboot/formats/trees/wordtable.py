"""Tables of device trees whose entries are words in one order: what DTBH, SPRD and PXA share."""

import struct
from collections.abc import Callable
from typing import Generic, TypeVar

from hardboot.formats.reading import Data, view
from hardboot.formats.trees import dttable
from hardboot.formats.trees.dttable import Place, Table

E = TypeVar("E")


class WordTable(Generic[E]):
    """Reads and writes one format of one version.

    Args:
        what: The format, for errors.
        magic: What files begin with.
        version: The only one there is.
        entry: Makes an entry of its words and of `tree`, the index of its tree.
        words: The words of an entry in file order: attributes of `entry`, and its tree's "offset", "size".
    """

    def __init__(
        self, what: str, magic: bytes, version: int, entry: Callable[..., E], words: tuple[str, ...]
    ) -> None:
        self.ids = tuple(word for word in words if word not in ("offset", "size"))
        self._what, self._magic, self._entry, self._words = what, magic, entry, words
        self._layouts = {version: struct.Struct(f"<{len(words)}I")}

    def parse(self, data: Data) -> Table[E]:
        """Read a table; its trees are views into `data`, nothing of them is read.

        Raises:
            InputError: If it is something else, of an unknown version, or an entry points outside of it.
        """
        seen = view(data)
        version, rows, end = dttable.read_rows(self._what, seen, self._magic, self._layouts)
        named = [dict(zip(self._words, row.values, strict=True)) for row in rows]
        places = [Place(one["offset"], one["size"], row.at) for one, row in zip(named, rows, strict=True)]
        slots, indices = dttable.read_slots(self._what, seen, places)
        entries = [
            self._entry(**{name: one[name] for name in self.ids}, tree=tree)
            for one, tree in zip(named, indices, strict=True)
        ]
        return dttable.read(version, seen, entries, slots, end)

    def build(self, table: Table[E]) -> bytes:
        """The file; offsets are written as they stand (see `renew`).

        Raises:
            InputError: If a tree has no place yet, trees lie on each other, or a number does not fit.
        """
        return dttable.write(self._what, [(0, self._head(table))], table.trees, table.fill, table.size)

    def renew(self, table: Table[E]) -> Table[E]:
        """`table` with places for all trees, as the makers' tools choose them, and nothing else."""
        return table.renewed(len(self._head(table)))

    def _head(self, table: Table[E]) -> bytes:
        rows = []
        for entry in table.entries:
            words = vars(entry)
            offset, size = dttable.slot_of(self._what, table.trees, words["tree"])
            words = {**words, "offset": offset, "size": size}
            rows.append(tuple(words[name] for name in self._words))
        return dttable.build_rows(self._what, self._magic, table.version, self._layouts, rows)

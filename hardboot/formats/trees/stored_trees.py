"""Device trees stored in a table: found through its entries, moved, written back byte for byte.

Trees are not parsed: a table of two hundred takes as long to read as its entries.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import Field, dataclass, field, replace
from typing import Any, ClassVar, Protocol, Self, TypeAlias, TypeVar

from hardboot.base.sizes import align_up
from hardboot.formats.reading import Data, malformed, view

MAX_ENTRIES = 4096  # in one table; the largest known has 200
_LAST_PADDING = 16384  # bytes; the padding of the last tree may be missing: a page of the largest size

Fill: TypeAlias = tuple[tuple[int, memoryview], ...]
"""Bytes of a table that are neither table nor tree, nor zero: offset and bytes."""


class TableEntry(Protocol):
    """A stored entry: its fields are raw ids, and where its tree is, in bytes from the start of the table."""

    SIZE: ClassVar[int]
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def offset(self) -> int:
        """Offset of the tree."""

    @property
    def size(self) -> int:
        """Size of the tree, with padding if the format counts that."""

    @classmethod
    def parse(cls, data: memoryview, offset: int = 0) -> Self:
        """Read the entry at `offset`."""

    def build(self) -> bytes:
        """Return the entry as stored."""

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of its fields."""


E = TypeVar("E", bound=TableEntry)


@dataclass(frozen=True)
class StoredTree:
    """A tree in a table, which several entries may name.

    Attributes:
        data: The tree and the padding its entries count with it; shorter than `size` if the file ends before.
        offset: In bytes from the start of the table.
        size: Bytes as its entries state them.
    """

    data: Data = field(repr=False)
    offset: int
    size: int

    @property
    def span(self) -> range:
        """The offsets of `data`."""
        return range(self.offset, self.offset + len(self.data))


def read_trees(what: str, data: memoryview, entries: Mapping[int, TableEntry]) -> tuple[StoredTree, ...]:
    """Return the trees that entries name, in the order in which they are first named.

    Args:
        what: The format, for errors.
        data: The table.
        entries: By their offsets in the table.

    Raises:
        InputError: If an entry points outside of `data`, or the trees overlap so much that work has no bound.
    """
    trees: dict[tuple[int, int], StoredTree] = {}
    total = 0
    for at, entry in entries.items():
        key = entry.offset, entry.size
        if key in trees:
            continue
        end = entry.offset + entry.size
        missing = end - len(data)
        if entry.offset > len(data) or missing >= min(_LAST_PADDING, max(entry.size, 1)):
            problem = f"{entry.size} bytes from {entry.offset:#x}, the table ends at {len(data):#x}"
            raise malformed(what, "entry", at, problem)
        total += entry.size
        if total > 4 * len(data) + _LAST_PADDING:
            raise malformed(what, "entry", at, "too many trees overlap")
        trees[key] = StoredTree(data[entry.offset : end], *key)
    return tuple(trees.values())


def trees_of(entries: Iterable[TableEntry], trees: Iterable[StoredTree]) -> list[StoredTree]:
    """Return the tree of each entry; `trees` are those of their table."""
    known = {(tree.offset, tree.size): tree for tree in trees}
    return [known[entry.offset, entry.size] for entry in entries]


def place(contents: Iterable[Data], start: int, alignment: int) -> tuple[StoredTree, ...]:
    """Return trees one behind the other from `start`, each aligned and padded with zeros."""
    placed = []
    for content in contents:
        data = view(content)
        padding = -len(data) % alignment
        offset = align_up(start, alignment)
        padded = bytes(data) + bytes(padding) if padding else data
        placed.append(StoredTree(padded, offset, len(padded)))
        start = offset + len(padded)
    return tuple(placed)


def moved(entries: Iterable[E], old: Sequence[StoredTree], new: Sequence[StoredTree]) -> tuple[E, ...]:
    """Return entries that name the `new` trees where they named the `old` ones."""
    places = {(before.offset, before.size): after for before, after in zip(old, new, strict=True)}
    return tuple(
        replace(entry, offset=tree.offset, size=tree.size)
        for entry in entries
        for tree in (places[entry.offset, entry.size],)
    )


def read_fill(data: memoryview, known: Iterable[range], trees: Iterable[StoredTree]) -> Fill:
    """Return the bytes that are neither in `known` ranges nor in trees, nor zero."""
    fill = []
    at = 0
    spans = sorted((span.start, span.stop) for span in (*known, *(tree.span for tree in trees)))
    for start, end in (*spans, (len(data), len(data))):
        if start > at and bytes(data[at:start]).strip(b"\0"):
            fill.append((at, data[at:start]))
        at = max(at, end)
    return tuple(fill)


def write(heads: Mapping[int, bytes], trees: Iterable[StoredTree], fill: Fill, size: int) -> bytes:
    """Return the table: pieces at their offsets with zeros between them, `size` bytes or more."""
    pieces = (*fill, *heads.items(), *((tree.offset, tree.data) for tree in trees))
    out = bytearray(max(size, *(offset + len(piece) for offset, piece in pieces)))
    for offset, piece in pieces:
        out[offset : offset + len(piece)] = piece
    return bytes(out)

"""What the tables of device trees share: entries that name a place in the file, and trees at those places.

Trees are not looked into: a table of two hundred is read in no time, and written back byte for byte.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, NamedTuple, TypeVar

from hardboot.base.sizes import align_up
from hardboot.formats.reading import Data, malformed, view

MAX_ENTRIES = 4096  # in one table; the largest seen has 200
_LAST_PADDING = 16384  # bytes; the padding of the last tree may be missing: a page of the largest size

TERMINATOR = 4  # bytes
PAGE_SIZES = (4096, 2048)

_NUMBERS = struct.Struct("<II")  # version, number of entries; in front of them the magic

Fill = tuple[tuple[int, memoryview], ...]
E = TypeVar("E")


@dataclass(frozen=True)
class Slot:
    """A tree in a table, which several entries may name.

    Attributes:
        data: The tree and the padding its entries count with it.
        offset: Where it lies, in bytes from the start of the table; None lets `place` decide.
        size: What its entries state, if that is not the length of `data`: the file ended before it.
    """

    data: Data = field(repr=False)
    offset: int | None = None
    size: int | None = None

    @property
    def stated_size(self) -> int:
        """Bytes, as its entries say."""
        return len(self.data) if self.size is None else self.size


@dataclass(frozen=True)
class Table(Generic[E]):
    """A table. Several entries may name one tree.

    Attributes:
        trees: In the order in which entries first mention them.
        page_size: What the trees are aligned to, in bytes.
        size: Bytes of the file, with what follows the last tree.
        fill: Bytes that are neither table nor tree, nor zero.
    """

    version: int
    entries: tuple[E, ...]
    trees: tuple[Slot, ...]
    page_size: int = PAGE_SIZES[-1]
    size: int = 0
    fill: Fill = field(repr=False, default=())

    def renewed(self, table_size: int) -> "Table[E]":
        """The table with places for all trees, page after page behind its `table_size` bytes; nothing else.

        As the makers' tools do it: the padding counts from a word of zeros behind the entries.
        """
        slots = place(self.trees, table_size + TERMINATOR, self.page_size)
        return replace(self, trees=slots, fill=(), size=0)


@dataclass(frozen=True)
class Place:
    """What an entry says of its tree, and where it says it; in bytes from the start of the table."""

    offset: int
    size: int
    field_at: int


class Row(NamedTuple):
    """The fields of an entry as stored, and where it lies."""

    values: tuple[Any, ...]
    at: int


def read_rows(
    what: str, data: memoryview, magic: bytes, layouts: Mapping[int, struct.Struct]
) -> tuple[int, tuple[Row, ...], int]:
    """The version of a little-endian table, its entries, and where they end; `layouts` is by version.

    Raises:
        InputError: If the magic or version is another, or the entries do not fit.
    """
    start = len(magic) + _NUMBERS.size
    if len(data) < start:
        raise malformed(what, "header", 0, f"{len(data)} bytes, it has {start}")
    found = bytes(data[: len(magic)])
    if found != magic:
        raise malformed(what, "magic", 0, f"{found!r}, not {magic!r}")
    version, count = _NUMBERS.unpack_from(data, len(magic))
    layout = _layout(what, version, layouts, len(magic))
    end = start + count * layout.size
    if count > MAX_ENTRIES or end > len(data):
        problem = f"{count} entries do not fit into {len(data)} bytes"
        raise malformed(what, "entries", len(magic) + 4, problem)
    rows = tuple(Row(layout.unpack_from(data, at), at) for at in range(start, end, layout.size))
    return version, rows, end


def build_rows(
    what: str,
    magic: bytes,
    version: int,
    layouts: Mapping[int, struct.Struct],
    rows: Sequence[tuple[int | bytes, ...]],
) -> bytes:
    """Header and entries.

    Raises:
        InputError: If the version is unknown or a number does not fit.
    """
    layout = _layout(what, version, layouts, len(magic))
    head = magic + _NUMBERS.pack(version, len(rows))
    try:
        return head + b"".join(layout.pack(*row) for row in rows)
    except struct.error as error:
        raise malformed(what, "entry", len(head), str(error), fix="Check its numbers.") from error


def _layout(what: str, version: int, layouts: Mapping[int, struct.Struct], at: int) -> struct.Struct:
    if version not in layouts:
        raise malformed(what, "version", at, f"{version:#x}, known are {', '.join(map(hex, layouts))}")
    return layouts[version]


def read(version: int, data: memoryview, entries: Iterable[E], slots: tuple[Slot, ...], end: int) -> Table[E]:
    """The table whose entries end at `end`; the page size is the largest that all offsets and sizes fit."""
    numbers = [number for slot in slots for number in (slot.offset or 0, slot.stated_size)]
    pages = [size for size in PAGE_SIZES if not any(number % size for number in numbers)]
    return Table(
        version=version,
        entries=tuple(entries),
        trees=slots,
        page_size=pages[0] if pages else PAGE_SIZES[-1],
        size=len(data),
        fill=read_fill(data, [range(end)], slots),
    )


def slot_of(what: str, slots: Sequence[Slot], index: int) -> tuple[int, int]:
    """Offset and size for the entry of the tree at `index`.

    Raises:
        InputError: If there is no such tree.
    """
    if not 0 <= index < len(slots):
        raise malformed(what, "entry", 0, f"tree {index}, there are {len(slots)}", fix="Check it.")
    return slots[index].offset or 0, slots[index].stated_size


def read_slots(
    what: str, data: memoryview, places: Sequence[Place]
) -> tuple[tuple[Slot, ...], tuple[int, ...]]:
    """The trees that entries name, in the order of first mention, and for each entry the index of its tree.

    Raises:
        InputError: If an entry points outside of `data`.
    """
    slots: dict[tuple[int, int], Slot] = {}
    total = 0
    for place in places:
        key = place.offset, place.size
        if key in slots:
            continue
        end = place.offset + place.size
        missing = end - len(data)
        if place.offset > len(data) or missing >= min(_LAST_PADDING, max(place.size, 1)):
            problem = f"{place.size} bytes from {place.offset:#x}, the table ends at {len(data):#x}"
            raise malformed(what, "entry", place.field_at, problem)
        total += place.size
        if total > 4 * len(data) + _LAST_PADDING:
            raise malformed(what, "entry", place.field_at, "the trees overlap each other many times")
        held = data[place.offset : end]
        slots[key] = Slot(held, place.offset, place.size if missing > 0 else None)
    order = {key: index for index, key in enumerate(slots)}
    return tuple(slots.values()), tuple(order[place.offset, place.size] for place in places)


def read_fill(data: memoryview, known: Iterable[range], slots: Iterable[Slot]) -> Fill:
    """What lies neither in `known` ranges nor in slots and is not zero: offset and bytes."""
    covered = [(part.start, part.stop) for part in known]
    covered += [(slot.offset or 0, (slot.offset or 0) + len(slot.data)) for slot in slots]
    found = []
    at = 0
    for start, end in [*sorted(covered), (len(data), len(data))]:
        if start > at and bytes(data[at:start]).strip(b"\0"):
            found.append((at, data[at:start]))
        at = max(at, end)
    return tuple(found)


def place(slots: Sequence[Slot], start: int, alignment: int) -> tuple[Slot, ...]:
    """The trees one behind the other from `start`, each aligned and padded with zeros."""
    placed = []
    for slot in slots:
        offset = align_up(start, alignment)
        data = view(slot.data)
        padding = -len(data) % alignment
        placed.append(Slot(bytes(data) + bytes(padding) if padding else data, offset))
        start = offset + len(data) + padding
    return tuple(placed)


def write(
    what: str, heads: Iterable[tuple[int, bytes]], slots: Sequence[Slot], fill: Fill, size: int
) -> bytes:
    """The table: `heads` and trees at their offsets, what else was read, zeros between, `size` bytes or more.

    Raises:
        InputError: If a tree has no offset, lies on the table, or on another tree with other content.
    """
    pieces: list[tuple[int, Data]] = [*heads]
    for index, slot in enumerate(slots):
        if slot.offset is None:
            raise malformed(what, f"tree {index}", 0, "it has no place yet", fix="Use renew().")
        pieces.append((slot.offset, slot.data))
    out = bytearray(max([size, *(offset + len(piece) for offset, piece in pieces)]))
    for offset, piece in (*fill, *pieces):
        out[offset : offset + len(piece)] = piece
    for offset, piece in pieces:
        if out[offset : offset + len(piece)] != piece:
            fix = "Use renew(), which gives every tree a place of its own."
            raise malformed(what, "trees", offset, "they lie on each other", fix=fix)
    return bytes(out)

"""What the tables of device trees share: entries that name a place in the file, and trees at those places.

Trees are not looked into: a table of two hundred is read in no time, and written back byte for byte.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from hardboot.formats.reading import Data, malformed, view
from hardboot.memory import align_up

MAX_ENTRIES = 4096  # in one table; the largest seen has 200
_LAST_PADDING = 16384  # bytes; the padding of the last tree may be missing: a page of the largest size

Fill = tuple[tuple[int, memoryview], ...]


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
class Place:
    """What an entry says of its tree, and where it says it; in bytes from the start of the table."""

    offset: int
    size: int
    field_at: int


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


def replace_data(slots: Sequence[Slot], index: int, data: Data) -> tuple[Slot, ...]:
    """`slots` with another tree at `index`; `place` has to follow."""
    return tuple(replace(slot, data=data, size=None) if i == index else slot for i, slot in enumerate(slots))

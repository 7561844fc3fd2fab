"""Parts one behind the other, each filled up to whole pages: so boot and vendor_boot images are laid out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from hardboot.base.sizes import align_up
from hardboot.formats.reading import Data, malformed, view, windows


@dataclass(frozen=True)
class Part:
    """One part of an image: where it lies in the file, and its bytes."""

    name: str
    offset: int
    data: Data


@dataclass(frozen=True, kw_only=True)
class Frame:
    """What an image has besides its parts and fields: `build` keeps it, and no comparison counts it.

    Attributes:
        header: The pages of the header as they were read, with what no field says, such as vendor marks.
        paddings: By part: what fills the last page behind it, where that is not zeros.
        missing: Bytes of the last padding that the file did not have.
        tail: What follows the last part: signatures, vendor marks, zeros up to the partition's size.
        tail_offset: Where the tail lies in the file.
    """

    header: bytes = field(repr=False, compare=False, default=b"")
    paddings: Mapping[str, bytes] = field(repr=False, compare=False, default_factory=dict)
    missing: int = field(compare=False, default=0)
    tail: Data = field(repr=False, compare=False, default=b"")
    tail_offset: int = field(compare=False, default=0)


@dataclass(frozen=True)
class Slot:
    """What a header says of a part: its size in bytes, and the field that says so."""

    name: str
    size: int
    field: str
    field_offset: int


@dataclass(frozen=True)
class Taken:
    """Parts cut out of an image.

    Attributes:
        parts: By name.
        paddings: What fills the page behind a part, where it is not zeros.
        missing: Bytes of the last padding that the file does not have.
        end: Offset of what follows the last part and its padding.
    """

    parts: dict[str, memoryview]
    paddings: dict[str, bytes]
    missing: int
    end: int


def take(data: memoryview, what: str, offset: int, page_size: int, slots: Iterable[Slot]) -> Taken:
    """Cut parts out of `data`, the first one at `offset`; only paddings are read.

    Raises:
        InputError: If a part does not lie inside `data`.
    """
    parts: dict[str, memoryview] = {}
    paddings: dict[str, bytes] = {}
    for slot in slots:
        name, size = slot.name, slot.size
        end = offset + size
        if end > len(data) and size:
            problem = f"{size} bytes from {offset:#x}, the file ends at {len(data):#x}"
            raise malformed(what, slot.field, slot.field_offset, problem)
        parts[name] = data[offset:end]
        if size:
            offset = align_up(end, page_size)
            padding = bytes(data[end:offset]).ljust(offset - end, b"\0")
            if any(padding):
                paddings[name] = padding
    return Taken(parts, paddings, max(0, offset - len(data)), min(offset, len(data)))


def lay(parts: Sequence[Part], paddings: Mapping[str, bytes], missing: int, page_size: int) -> Iterator[Data]:
    """The parts with their paddings, in pieces; a padding kept for another size becomes zeros."""
    filled = [part for part in parts if len(view(part.data))]
    for part in filled:
        yield from windows(part.data)
        wanted = -len(view(part.data)) % page_size
        padding = paddings.get(part.name, b"")
        if len(padding) != wanted:
            padding = bytes(wanted)
        yield padding[: max(0, wanted - missing)] if part is filled[-1] else padding

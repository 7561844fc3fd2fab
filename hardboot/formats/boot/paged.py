"""Images whose parts follow each other, each padded to whole pages: boot and vendor_boot images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from hardboot.base.sizes import align_up
from hardboot.formats.reading import Data, malformed, view, windows


@dataclass(frozen=True)
class Part:
    """One part of an image: its offset in the file, and its bytes."""

    name: str
    offset: int
    data: Data


@dataclass(frozen=True, kw_only=True)
class PagedImage:
    """The bytes of an image that are in no part and no field: `build` writes them, comparisons ignore them.

    Attributes:
        header: The header's pages as they were read, with bytes outside its fields, such as vendor marks.
        paddings: By part: the padding behind it, where that is not zeros.
        missing: Bytes of the last padding that the file did not have.
        tail: The bytes behind the last part: signatures, vendor marks, zeros up to the partition's size.
        tail_offset: Offset of the tail in the file.
    """

    header: bytes = field(repr=False, compare=False, default=b"")
    paddings: Mapping[str, bytes] = field(repr=False, compare=False, default_factory=dict)
    missing: int = field(compare=False, default=0)
    tail: Data = field(repr=False, compare=False, default=b"")
    tail_offset: int = field(compare=False, default=0)


@dataclass(frozen=True)
class PartSize:
    """The size of a part in bytes, and the name and offset of the header field that states it."""

    name: str
    size: int
    field: str
    field_offset: int


@dataclass(frozen=True)
class SlicedParts:
    """The parts of an image, sliced out of its file.

    Attributes:
        parts: By name.
        paddings: By part: the padding behind it, where that is not zeros.
        missing: Bytes of the last padding that the file does not have; 0 if every part is empty.
        end: Offset of what follows the last part and its padding.
    """

    parts: dict[str, memoryview]
    paddings: dict[str, bytes]
    missing: int
    end: int


def slice_parts(
    data: memoryview, what: str, offset: int, page_size: int, sizes: Iterable[PartSize]
) -> SlicedParts:
    """Slice the parts out of `data`, the first one from `offset` on; only paddings are read.

    Raises:
        InputError: If a part does not lie inside `data`.
    """
    parts: dict[str, memoryview] = {}
    paddings: dict[str, bytes] = {}
    for part in sizes:
        end = offset + part.size
        if end > len(data) and part.size:
            problem = f"{part.size} bytes from {offset:#x}, the file ends at {len(data):#x}"
            raise malformed(what, part.field, part.field_offset, problem)
        parts[part.name] = data[offset:end]
        if part.size:
            offset = align_up(end, page_size)
            padding = bytes(data[end:offset]).ljust(offset - end, b"\0")
            if any(padding):
                paddings[part.name] = padding
    missing = max(0, offset - len(data)) if any(len(part) for part in parts.values()) else 0
    return SlicedParts(parts, paddings, missing, min(offset, len(data)))


def emit_parts(
    parts: Sequence[Part], paddings: Mapping[str, bytes], missing: int, page_size: int
) -> Iterator[Data]:
    """Yield the parts with their paddings, in pieces; a padding of another size than needed becomes zeros."""
    filled = [part for part in parts if len(view(part.data))]
    for part in filled:
        yield from windows(part.data)
        needed = -len(view(part.data)) % page_size
        padding = paddings.get(part.name, b"")
        if len(padding) != needed:
            padding = bytes(needed)
        yield padding[: max(0, needed - missing)] if part is filled[-1] else padding

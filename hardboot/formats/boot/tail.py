"""The bytes behind the last part of an image: signatures, vendor marks, zeros up to the partition's size."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hardboot.base.sizes import align_up
from hardboot.formats.avb.records import Footer
from hardboot.formats.avb.vbmeta import avb1_signature_size, has_footer, parse_footer
from hardboot.formats.reading import Data, forget, leading_zeros, view

# Samsung's and LG's bootloaders look for these behind the last page (Magisk, magiskboot.hpp).
SAMSUNG_MARK = b"SEANDROIDENFORCE"
LG_MARK = bytes.fromhex("41a9e467744d1d1ba429f2ecea655279")
_MARKS = {SAMSUNG_MARK: "SEANDROIDENFORCE mark", LG_MARK: "LG bump mark"}
_SIGNATURE = "AVB 1.0 signature"
_LOST_FOOTER = "AVB footer that points outside of the file"
_PAGE = 4096  # bytes; avbtool puts vbmeta at a multiple of a block
_ZEROS = bytes(1 << 20)


@dataclass(frozen=True)
class Item:
    """A mark, a signature or other bytes in a tail; `offset` from the start of the tail, in bytes."""

    name: str
    offset: int
    size: int


def items(tail: Data, tail_offset: int) -> tuple[Item, ...]:
    """Divide a tail into its items, in order; zeros and unknown bytes are items too.

    Args:
        tail: The bytes behind the last part.
        tail_offset: Of the tail in the file: an AVB footer counts from the file's start.
    """
    data = view(tail)
    divided: list[Item] = []
    offset = 0
    for item in _footer_items(data, tail_offset):
        divided += _plain_items(data, offset, item.offset)
        divided.append(item)
        offset = item.offset + item.size
    return (*divided, *_plain_items(data, offset, len(data)))


def _footer_items(tail: memoryview, tail_offset: int) -> list[Item]:
    if not has_footer(tail):
        return []
    offset = len(tail) - Footer.SIZE
    footer = parse_footer(tail, tail_offset)
    if footer is None:
        return [Item(_LOST_FOOTER, offset, Footer.SIZE)]
    start = footer.vbmeta_offset - tail_offset
    vbmeta = [Item("AVB vbmeta", start, footer.vbmeta_size)] if start >= 0 and footer.vbmeta_size else []
    return [*vbmeta, Item("AVB footer", offset, Footer.SIZE)]


def _plain_items(tail: memoryview, start: int, end: int) -> list[Item]:
    """Divide the bytes between two offsets: marks, a signature, zeros, and unknown bytes up to zeros."""
    divided = []
    while start < end:
        size, name = _first_item(tail[start:end])
        divided.append(Item(name, start, size))
        start += size
    return divided


def _first_item(data: memoryview) -> tuple[int, str]:
    for mark, name in _MARKS.items():
        if data[: len(mark)] == mark:
            return len(mark), name
    signature = avb1_signature_size(data)
    if signature:
        return signature, _SIGNATURE
    zeros = leading_zeros(data)
    if zeros:
        return zeros, "zeros"
    return len(data) - trailing_zeros(data), "unknown data"


def trailing_zeros(data: memoryview) -> int:
    """Count the zero bytes that `data` ends with."""
    left = len(data)
    while left:
        start = max(0, left - len(_ZEROS))
        piece = bytes(data[start:left])
        forget(data)
        if piece != _ZEROS[: len(piece)]:
            return len(data) - left + len(piece) - len(piece.rstrip(b"\0"))
        left = start
    return len(data)


def is_signed(tail: Data, tail_offset: int) -> bool:
    """Return whether the tail holds a signature over the parts, which is invalid when they change."""
    if parse_footer(tail, tail_offset):
        return True
    return any(item.name == _SIGNATURE for item in items(tail, tail_offset))


def renew(tail: Data, old_offset: int, new_offset: int) -> Data:
    """Return the tail for an image whose last part now ends at another offset.

    A file as large as its partition keeps its size: zeros make room. An AVB footer stays at the end, its
    vbmeta moves behind the last part, and the footer's fields follow.

    Args:
        tail: As it was read.
        old_offset: Of the tail in the file it was read from.
        new_offset: Of the tail in the new file.
    """
    data = view(tail)
    grown = new_offset - old_offset
    if not grown or not len(data):
        return tail
    footer = parse_footer(data, old_offset)
    if footer is not None and footer.vbmeta_offset >= old_offset:
        return _moved_footer(data, footer, old_offset, new_offset)
    zeros = trailing_zeros(data)
    if zeros < _PAGE:
        return tail
    return bytes(data[: len(data) - zeros]) + bytes(max(0, zeros - grown))


def _moved_footer(tail: memoryview, footer: Footer, old_offset: int, new_offset: int) -> bytes:
    start = footer.vbmeta_offset - old_offset
    vbmeta = bytes(tail[start : start + footer.vbmeta_size])
    marks = bytes(tail[:start]).rstrip(b"\0")  # between the last part and vbmeta
    vbmeta_offset = align_up(new_offset + len(marks), _PAGE)
    body = marks.ljust(vbmeta_offset - new_offset, b"\0") + vbmeta
    footer = replace(footer, original_image_size=new_offset + len(marks), vbmeta_offset=vbmeta_offset)
    end = max(old_offset + len(tail), align_up(vbmeta_offset + len(vbmeta) + footer.SIZE, _PAGE))
    return body.ljust(end - new_offset - footer.SIZE, b"\0") + footer.build()

"""What follows the last part of an image: signatures, marks of makers, zeros up to the partition's size."""

from __future__ import annotations

from dataclasses import dataclass

from hardboot.base.sizes import align_up
from hardboot.formats.avb.vbmeta import Footer
from hardboot.formats.reading import Data, forget, pieces, view

# Samsung's and LG's bootloaders look for these behind the last page (Magisk, magiskboot.hpp).
SAMSUNG_MARK = b"SEANDROIDENFORCE"
LG_MARK = bytes.fromhex("41a9e467744d1d1ba429f2ecea655279")
_MARKS = {SAMSUNG_MARK: "SEANDROIDENFORCE mark", LG_MARK: "LG bump mark"}
_SIGNATURE = "AVB 1.0 signature"
_LOST_FOOTER = "AVB footer that points outside of the file"
_PAGE = 4096  # bytes; avbtool puts vbmeta at a multiple of a block
_ZEROS = bytes(1 << 20)
_FOOTER_SIZE = 64


@dataclass(frozen=True)
class Item:
    """One thing in a tail; `offset` from the start of the tail, in bytes."""

    name: str
    offset: int
    size: int


def items(tail: Data, tail_offset: int) -> tuple[Item, ...]:
    """All of a tail, in order, zeros and unknown bytes too.

    Args:
        tail: The bytes behind the last part.
        tail_offset: Where they lie in the file: an AVB footer counts from the file's start.
    """
    seen = view(tail)
    known = _footer_items(seen, tail_offset)
    found: list[Item] = []
    offset = 0
    for item in known:
        found += _plain_items(seen, offset, item.offset)
        found.append(item)
        offset = item.offset + item.size
    return (*found, *_plain_items(seen, offset, len(seen)))


def _seems_footed(tail: Data) -> bool:
    return bytes(view(tail)[-_FOOTER_SIZE:][:4]) == b"AVBf"


def _footer(tail: Data, tail_offset: int) -> Footer | None:
    """The AVB footer of a tail; the module that reads it is loaded for images that seem to have one."""
    if not _seems_footed(tail):
        return None
    from hardboot.formats.avb import vbmeta as avb

    return avb.parse_footer(tail, tail_offset)


def _signature_size(data: Data) -> int | None:
    if bytes(view(data)[:2]) != b"\x30\x82":
        return None
    from hardboot.formats.avb import vbmeta as avb

    return avb.avb1_signature_size(data)


def _footer_items(tail: memoryview, tail_offset: int) -> list[Item]:
    at = len(tail) - _FOOTER_SIZE
    footer = _footer(tail, tail_offset)
    if footer is None:
        return [Item(_LOST_FOOTER, at, _FOOTER_SIZE)] if at >= 0 and _seems_footed(tail) else []
    found = []
    start = footer.vbmeta_offset - tail_offset
    if start >= 0 and footer.vbmeta_size:
        found.append(Item("AVB vbmeta", start, footer.vbmeta_size))
    return [*found, Item("AVB footer", at, _FOOTER_SIZE)]


def _plain_items(tail: memoryview, start: int, end: int) -> list[Item]:
    """Marks, a signature, then bytes nobody knows, then zeros, between two offsets."""
    found = []
    while start < end:
        size, name = _at(tail[start:end])
        found.append(Item(name, start, size))
        start += size
    return found


def _at(data: memoryview) -> tuple[int, str]:
    for mark, name in _MARKS.items():
        if data[: len(mark)] == mark:
            return len(mark), name
    signature = _signature_size(data)
    if signature:
        return signature, _SIGNATURE
    zeros = leading_zeros(data)
    if zeros:
        return zeros, "zeros"
    return len(data) - trailing_zeros(data), "unknown data"


def leading_zeros(data: memoryview) -> int:
    """How many zero bytes `data` begins with."""
    done = 0
    for piece in pieces(data):
        if piece != _ZEROS[: len(piece)]:
            return done + len(piece) - len(piece.lstrip(b"\0"))
        done += len(piece)
    return done


def trailing_zeros(data: memoryview) -> int:
    """How many zero bytes `data` ends with."""
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
    """True if the tail holds a signature over the parts: changing them makes it worthless."""
    if _footer(tail, tail_offset):
        return True
    return any(item.name == _SIGNATURE for item in items(tail, tail_offset))


def renew(tail: Data, old_offset: int, new_offset: int) -> Data:
    """The tail for an image whose last part now ends elsewhere.

    A file that was as large as its partition stays so: zeros make room. An AVB footer stays at the end, its
    vbmeta moves behind the last part, and both say so.

    Args:
        tail: As it was read.
        old_offset: Where it lay in the file.
        new_offset: Where it will lie.
    """
    seen = view(tail)
    grown = new_offset - old_offset
    if not grown or not len(seen):
        return tail
    footer = _footer(seen, old_offset)
    if footer is not None and footer.vbmeta_offset >= old_offset:
        return _moved_footer(seen, footer, old_offset, new_offset)
    zeros = trailing_zeros(seen)
    if zeros < _PAGE:
        return tail
    return bytes(seen[: len(seen) - zeros]) + bytes(max(0, zeros - grown))


def _moved_footer(tail: memoryview, footer: Footer, old_offset: int, new_offset: int) -> bytes:
    start = footer.vbmeta_offset - old_offset
    vbmeta = bytes(tail[start : start + footer.vbmeta_size])
    lost = bytes(tail[:start]).rstrip(b"\0")  # marks between the last part and vbmeta
    at = align_up(new_offset + len(lost), _PAGE)
    body = lost.ljust(at - new_offset, b"\0") + vbmeta
    from hardboot.formats.avb import vbmeta as avb

    values = avb.FOOTER.parse(tail, len(tail) - _FOOTER_SIZE)
    values |= {"original_image_size": new_offset + len(lost), "vbmeta_offset": at}
    end = max(old_offset + len(tail), align_up(at + len(vbmeta) + _FOOTER_SIZE, _PAGE))
    return body.ljust(end - new_offset - _FOOTER_SIZE, b"\0") + avb.FOOTER.build(values)

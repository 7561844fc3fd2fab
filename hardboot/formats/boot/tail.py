"""The bytes behind the last part of an image: signatures, vendor marks, zeros up to the partition's size."""

from __future__ import annotations

from dataclasses import dataclass

from hardboot.formats.avb.records import Footer
from hardboot.formats.avb.vbmeta import avb1_signature_size, has_footer, parse_footer, vbmeta_size
from hardboot.formats.reading import Data, forget, leading_zeros, view

# Samsung's and LG's bootloaders look for these behind the last page (Magisk, magiskboot.hpp).
SAMSUNG_MARK = b"SEANDROIDENFORCE"
LG_MARK = bytes.fromhex("41a9e467744d1d1ba429f2ecea655279")
_MARKS = {SAMSUNG_MARK: "SEANDROIDENFORCE mark", LG_MARK: "LG bump mark"}
VBMETA = "AVB vbmeta"
_SIGNATURE = "AVB 1.0 signature"
_UNKNOWN, _ZEROS_NAME = "unknown data", "zeros"
_MOVED = (*_MARKS.values(), _SIGNATURE, VBMETA)  # stand right behind the last part
_LOST_FOOTER = "AVB footer that points outside of the file"
_MAX_CERTIFICATES = 8  # certify_bootimg.py writes two
_CERTIFICATE_AREA = 16 << 10  # bytes
_PAGE = 4096  # bytes; more is no padding, and no suffix of a mark
_GAP = bytes(16)  # no signature has so many zeros in a row
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
    named = _footer_items(data, tail_offset)
    for item in (*_certificates(data[: named[0].offset] if named else data), *named):
        divided += _plain_items(data, offset, item.offset)
        divided.append(item)
        offset = item.offset + item.size
    return (*divided, *_plain_items(data, offset, len(data)))


def certificate_area(tail: memoryview, tail_offset: int) -> int:
    """Return the bytes that a GKI's certificates and the zeros behind them take; 0 if there are none.

    Source: as `_certificates`, BOOT_SIGNATURE_SIZE; it is looked for in the last 16 KiB of the image.
    """
    named = _footer_items(tail, tail_offset)
    unnamed = tail[: named[0].offset] if named else tail
    found, area = _certificates(unnamed), unnamed[:_CERTIFICATE_AREA]
    if not found or len(area) < _CERTIFICATE_AREA:
        return 0
    return 0 if bytes(area[found[-1].offset + found[-1].size :]).strip(b"\0") else len(area)


def _certificates(tail: memoryview) -> list[Item]:
    """Return the vbmeta images right behind the parts: a GKI's, which no footer names.

    Source: AOSP system/tools/mkbootimg, gki/certify_bootimg.py, add_certificate().
    """
    found: list[Item] = []
    at = 0
    while len(found) < _MAX_CERTIFICATES and (size := vbmeta_size(tail[at:])):
        found.append(Item(VBMETA, at, size))
        at += size
    return found


def _footer_items(tail: memoryview, tail_offset: int) -> list[Item]:
    if not has_footer(tail):
        return []
    offset = len(tail) - Footer.SIZE
    footer = parse_footer(tail, tail_offset)
    if footer is None:
        return [Item(_LOST_FOOTER, offset, Footer.SIZE)]
    start = footer.vbmeta_offset - tail_offset
    vbmeta = [Item(VBMETA, start, footer.vbmeta_size)] if start >= 0 and footer.vbmeta_size else []
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
        return zeros, _ZEROS_NAME
    return len(data) - trailing_zeros(data), _UNKNOWN


def known_size(tail: Data, tail_offset: int) -> int:
    """Return the bytes up to the end of the marks and signatures that a tail begins with.

    Args:
        tail: The bytes behind the last part.
        tail_offset: Of the tail in the file.
    """
    size = 0
    for item in items(tail, tail_offset):
        if item.name in _MOVED:
            size = item.offset + item.size
        elif item.name == _UNKNOWN and 0 < size == item.offset:
            in_partition = (tail_offset + len(tail)) % _PAGE == 0
            return size + _suffix_size(view(tail)[size : size + item.size], in_partition=in_partition)
        elif item.name != _ZEROS_NAME or item.size >= _PAGE:
            break
    return size


def _suffix_size(data: memoryview, *, in_partition: bool) -> int:
    """Return the bytes that a maker's tool wrote behind its own mark, such as Samsung's ff ff ff ff.

    Args:
        data: Unknown bytes behind a mark.
        in_partition: Bytes up to the end may be from an earlier image.
    """
    end = bytes(data[:_PAGE]).find(_GAP)
    if end < 0:
        return len(data) if len(data) < _PAGE and not in_partition else 0
    return end


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
    return any(item.name in (_SIGNATURE, VBMETA) for item in items(tail, tail_offset))

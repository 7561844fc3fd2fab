"""Move what follows the last part of an image when the parts grow or shrink.

A file read from a partition keeps its size: zeros make room, then what an earlier image left there.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hardboot.base.errors import RefusedError
from hardboot.base.sizes import align_up, human_size
from hardboot.formats.avb.records import Footer
from hardboot.formats.avb.vbmeta import parse_footer
from hardboot.formats.boot.tail import certificate_area, known_size, trailing_zeros
from hardboot.formats.reading import Data, view

_PAGE = 4096  # bytes; partitions have whole ones, and avbtool puts vbmeta at a multiple of it


@dataclass(frozen=True)
class Renewed:
    """A tail for an image whose last part ends elsewhere.

    Attributes:
        data: The tail.
        overwritten: Bytes of unknown data that are no longer in it, because the image needs their place.
    """

    data: Data = field(repr=False)
    overwritten: int = 0


def renew(tail: Data, old_offset: int, new_offset: int, *, grow: bool = False) -> Renewed:
    """Return the tail for an image whose last part now ends at another offset.

    Marks and signatures move with the last part. An AVB footer stays at the end, its vbmeta moves behind the
    last part, and the footer's fields follow. Unknown data moves if zeros make room, and otherwise keeps its
    place in the partition, as when only the image is flashed.

    Args:
        tail: As it was read.
        old_offset: Of the tail in the file it was read from.
        new_offset: Of the tail in the new file.
        grow: Keep all of the tail but zeros where the file cannot keep its size.

    Raises:
        RefusedError: If the file fills its partition and would outgrow it, without `grow`.
    """
    data = view(tail)
    grown = new_offset - old_offset
    if not grown or not len(data):
        return Renewed(tail)
    area = certificate_area(data, old_offset)
    if area:
        rest = renew(data[area:], old_offset + area, new_offset + area, grow=grow)
        return Renewed(bytes(data[:area]) + bytes(rest.data), rest.overwritten)
    size = old_offset + len(data)
    footer = parse_footer(data, old_offset)
    if footer is not None and footer.vbmeta_offset >= old_offset:
        return _with_footer(data, footer, old_offset, new_offset, grow=grow)
    zeros = trailing_zeros(data)
    content = bytes(data[: len(data) - zeros])
    if zeros >= max(_PAGE, grown):
        return Renewed(content + bytes(zeros - grown))
    known = known_size(data, old_offset)
    room = data[known:]
    if not _fills_partition(room, zeros, size):
        return Renewed(tail)
    if grown <= len(room):
        lost = bytes(room[: max(0, grown)])
        kept = bytes(max(0, -grown)) + bytes(room[len(lost) :])
        return Renewed(bytes(data[:known]) + kept, len(lost.strip(b"\0")))
    if grow:
        return Renewed(content)
    raise _too_large(new_offset + known - size)


def _fills_partition(room: memoryview, zeros: int, size: int) -> bool:
    """Return whether `room`, which ends with a number of `zeros`, reaches to the end of a partition.

    Args:
        room: The bytes behind the image, its marks and its signatures.
        zeros: Bytes at the end of the file.
        size: Of the file.
    """
    if zeros >= len(room):
        return len(room) >= _PAGE  # fewer are the padding of a sparse image's last block
    return len(room) >= _PAGE or size % _PAGE == 0


def _with_footer(
    tail: memoryview, footer: Footer, old_offset: int, new_offset: int, *, grow: bool
) -> Renewed:
    size = old_offset + len(tail)
    start = footer.vbmeta_offset - old_offset
    vbmeta = bytes(tail[start : start + footer.vbmeta_size])
    between = bytes(tail[:start]).rstrip(b"\0")  # between the last part and vbmeta
    marks = between
    if not grow and _footer_end(new_offset + len(marks), vbmeta) > size:
        marks = marks[: known_size(tail[:start], old_offset)]
    end = _footer_end(new_offset + len(marks), vbmeta)
    if end > size and not grow:
        raise _too_large(end - size)
    vbmeta_offset = align_up(new_offset + len(marks), _PAGE)
    body = marks.ljust(vbmeta_offset - new_offset, b"\0") + vbmeta
    footer = replace(footer, original_image_size=new_offset + len(marks), vbmeta_offset=vbmeta_offset)
    data = body.ljust(max(size, end) - new_offset - footer.SIZE, b"\0") + footer.build()
    return Renewed(data, len(between) - len(marks))


def _footer_end(image_end: int, vbmeta: bytes) -> int:
    return align_up(align_up(image_end, _PAGE) + len(vbmeta) + Footer.SIZE, _PAGE)


def _too_large(excess: int) -> RefusedError:
    return RefusedError(
        f"the image is {human_size(excess)} too large for the partition it was read from",
        state="Nothing was written.",
        fix="Use smaller parts (compress them better). If the partition is larger: hardboot pack --grow",
    )

"""Images split into several sparse ones, as simg2simg splits them: NAME.img_sparsechunk.0 and so on."""

import re
from collections.abc import Iterator, Sequence
from functools import partial

from hardboot.base.errors import InputError
from hardboot.downloads.found import Member
from hardboot.downloads.image_source import MAX_IMAGE, ImageSource
from hardboot.formats.archives import sparse, sparse_stream
from hardboot.formats.archives.piece_reader import PieceReader
from hardboot.formats.reading import malformed, too_large

_PART = re.compile(r"([A-Za-z0-9_-]{1,64})\.img(?:_sparsechunk)?\.(\d{1,3})")
_WHAT = "split image"


def part_of(file: str) -> str | None:
    """Return the name of the partition that a file holds a part of; None for another file."""
    match = _PART.fullmatch(file)
    return match[1] if match else None


def read(name: str, parts: Sequence[Member]) -> ImageSource:
    """Return the image that all its parts make.

    Args:
        name: Of the partition.
        parts: All files of it, in any order.

    Raises:
        InputError: If one is missing or not sparse, or the image exceeds MAX_IMAGE.
    """
    ordered = sorted(parts, key=_number)
    first = min(_number(ordered[0]), 1)
    for number, part in enumerate(ordered, first):
        if _number(part) != number:
            raise malformed(_WHAT, "parts", None, f"part {number} of {name}.img is missing")
    size = max(map(_size, ordered))
    if not 0 < size <= MAX_IMAGE:
        raise too_large(f"image {name}", "size", None, f"{size} bytes, it must have 1 to {MAX_IMAGE}")
    return ImageSource(name, (f"{len(ordered)} sparse images",), size, partial(_joined, ordered))


def _number(part: Member) -> int:
    return int(part.file.rpartition(".")[2])


def _size(part: Member) -> int:
    head = part.head or PieceReader(part.opened(), _WHAT).peek(sparse.HEADER_SIZE)
    try:
        return sparse_stream.expanded_size(head)
    except InputError as error:
        raise malformed(_WHAT, part.file, None, error.what) from error


def _joined(parts: Sequence[Member]) -> Iterator[bytes]:
    return sparse_stream.join_pieces(part.opened() for part in parts)

"""The image in a block-based OTA: its transfer list, and the new data, plain or compressed."""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import BinaryIO

from hardboot.base.errors import InputError
from hardboot.downloads.found import Member
from hardboot.downloads.image_source import ImageSource
from hardboot.downloads.layers import COMPRESSED
from hardboot.downloads.spooling import spooled
from hardboot.formats.archives import decoders
from hardboot.formats.archives.decoders import Streamed
from hardboot.formats.archives.piece_reader import PieceReader
from hardboot.formats.ota import transfer_list
from hardboot.formats.ota.transfer_list import BLOCK, TransferList
from hardboot.formats.reading import malformed, too_large, zeros

# Files with the new data: whole, compressed, or in parts numbered from 0 on.
_DATA = re.compile(r".*\.new\.dat(\.\d{1,3}|\.[a-z]\w+)?")
_WHAT = "new data"


def is_data(file: str) -> bool:
    """Return whether a file of this name has new data."""
    match = _DATA.fullmatch(file)
    return match is not None and (match[1] is None or match[1] in COMPRESSED or match[1][1:].isdigit())


def read(name: str, listed: Member, data: Sequence[Member]) -> ImageSource:
    """Return the image that a transfer list and its data make.

    Args:
        name: Of the partition.
        listed: The transfer list.
        data: The files with the new data: one, or its parts.

    Raises:
        InputError: If the list is damaged or needs the partition's old content, or the data does not fit it.
    """
    if listed.size > transfer_list.MAX_LIST:
        problem = f"{listed.size} bytes, the limit is {transfer_list.MAX_LIST}"
        raise too_large("transfer list", "file", None, problem)
    transfers = transfer_list.parse(b"".join(listed.opened()))
    if transfers.needs:
        raise InputError(
            f"it is an incremental update ({', '.join(transfers.needs)}) of an image that is not in it",
            state="Nothing was changed.",
            fix="Use a full OTA package.",
        )
    if not data:
        raise malformed("transfer list", "file", None, f"its data, {name}.new.dat, is missing")
    ordered, kind = _ordered(data)
    size = sum(part.size for part in ordered)
    if kind is None and size != transfers.new_size:
        raise malformed(_WHAT, "file", None, f"{size} bytes, the transfer list writes {transfers.new_size}")
    return ImageSource(
        name,
        packing=("block-based OTA", *([kind] if kind else [])),
        stated_size=transfers.size,
        opened=partial(_in_order if transfers.in_order else _scattered, transfers, _new(ordered, kind)),
        note="dm-verity's hash tree in it is zeros: the phone computes it"
        if transfers.has_hash_tree
        else None,
    )


def _ordered(data: Sequence[Member]) -> tuple[Sequence[Member], Streamed | None]:
    """Return the file to read, the whole one before a compressed one, and its compression; or all parts."""
    ends = {member.file.partition(".new.dat")[2]: member for member in data}
    for end, kind in (("", None), *COMPRESSED.items()):
        if end in ends:
            return [ends[end]], kind
    parts = sorted(ends, key=lambda end: int(end[1:]))
    missing = next((at for at, end in enumerate(parts) if int(end[1:]) != at), None)
    if missing is not None:
        raise malformed(_WHAT, "parts", None, f"part {missing} is missing")
    return [ends[end] for end in parts], None


def _new(stored: Sequence[Member], kind: Streamed | None) -> Callable[[], Iterator[bytes]]:
    def pieces() -> Iterator[bytes]:
        whole = chain.from_iterable(part.opened() for part in stored)
        return decoders.decompress_pieces(kind, whole) if kind else whole

    return pieces


def _in_order(transfers: TransferList, new: Callable[[], Iterator[bytes]]) -> Iterator[bytes]:
    reader = PieceReader(new(), _WHAT)
    end = 0
    for blocks in transfers.new:
        yield from zeros((blocks.start - end) * BLOCK)
        yield from reader.take("blocks", (blocks.end - blocks.start) * BLOCK)
        end = blocks.end
    _check_end(reader, transfers)
    yield from zeros((transfers.blocks - end) * BLOCK)


def _scattered(transfers: TransferList, new: Callable[[], Iterator[bytes]]) -> Iterator[bytes]:
    """Yield the image from a temporary file: its blocks come in another order."""

    def write(stream: BinaryIO) -> None:
        reader = PieceReader(new(), _WHAT)
        for blocks in transfers.new:
            stream.seek(blocks.start * BLOCK)
            stream.writelines(reader.take("blocks", (blocks.end - blocks.start) * BLOCK))
        _check_end(reader, transfers)
        stream.truncate(transfers.size)

    yield from spooled(write)


def _check_end(reader: PieceReader, transfers: TransferList) -> None:
    if reader.peek(1):
        problem = f"more than the {transfers.new_size} bytes that the transfer list writes"
        raise malformed(_WHAT, "file", None, problem)

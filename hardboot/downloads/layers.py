"""Images that are compressed by their file name's end, sparse, or both."""

import re
from collections.abc import Callable, Iterator

import lz4.frame

from hardboot.base.errors import InputError
from hardboot.downloads.image_source import MAX_IMAGE, ImageSource
from hardboot.formats.archives import compression, decoders, sparse_stream
from hardboot.formats.archives.decoders import Streamed
from hardboot.formats.archives.piece_reader import PieceReader
from hardboot.formats.reading import malformed, too_large
from hardboot.formats.sniff import SPARSE_IMAGE, sniff

# Ends of file names, and what they are compressed with.
COMPRESSED: dict[str, Streamed] = {
    ".lz4": "lz4",
    ".gz": "gzip",
    ".xz": "xz",
    ".zst": "zstd",
    ".bz2": "bzip2",
    ".br": "brotli",
}
_IMAGE = re.compile(r"([A-Za-z0-9_-]{1,64})\.img(?:\.ext4)?(\.lz4|\.gz|\.xz|\.zst|\.bz2|\.br)?")
_HEAD = 8 << 10  # bytes that tell the kind of an image, and what sizes it states

Opened = Callable[[], Iterator[bytes]]


def image_name(file: str) -> tuple[str, Streamed | None] | None:
    """Return the partition that a file name is for, and its compression; None for another file.

    Samsung's images of file systems end in ".img.ext4".
    """
    match = _IMAGE.fullmatch(file)
    return (match[1], COMPRESSED[match[2]] if match[2] else None) if match else None


def image(
    name: str, opened: Opened, size: int, kind: Streamed | None = None, head: bytes = b""
) -> ImageSource:
    """Return the image in a file.

    Args:
        name: Of the partition.
        opened: Yields the file's content, each time from its start.
        size: Bytes of the file.
        kind: What it is compressed with.
        head: The first bytes of the file, if that is read already.

    Raises:
        InputError: If it is damaged, or exceeds MAX_IMAGE.
    """
    packing: tuple[str, ...] = ()
    stated: int | None = size
    if kind:
        packing, stated = (kind,), _stated_size(kind, opened)
        opened, head = _decompressed(kind, opened), b""
    head = head or _head(opened)
    if sniff(head) == SPARSE_IMAGE:
        packing, stated = (*packing, "sparse image"), sparse_stream.expanded_size(head)
        opened, head = _expanded(opened), b""
    if stated is not None and not 0 < stated <= MAX_IMAGE:
        raise too_large(f"image {name}", "size", None, f"{stated} bytes, it must have 1 to {MAX_IMAGE}")
    return ImageSource(name, packing, stated, opened, head=head or _head(opened))


def _decompressed(kind: Streamed, opened: Opened) -> Opened:
    return lambda: decoders.decompress_pieces(kind, opened())


def _expanded(opened: Opened) -> Opened:
    return lambda: sparse_stream.expand_pieces(opened())


def _head(opened: Opened) -> bytes:
    return PieceReader(opened(), "image").peek(_HEAD)


def _stated_size(kind: Streamed, opened: Opened) -> int | None:
    """Return the bytes that a compressed file states for its content; None if it does not.

    Raises:
        InputError: If it is compressed with something else than `kind`.
    """
    head = _head(opened)
    if kind == "brotli":  # which has no magic
        return None
    if compression.detect_streamed(head) != kind:
        raise _mislabelled(kind)
    if kind != "lz4":  # others may be several frames, of which each states its own size
        return None
    try:
        stated: int = lz4.frame.get_frame_info(head)["content_size"]
    except RuntimeError as error:
        raise malformed(f"{kind} data", "header", 0, str(error)) from error
    return stated or None


def _mislabelled(kind: Streamed) -> InputError:
    return malformed(f"{kind} data", "magic", 0, f"the file is not compressed with {kind}, as its name says")

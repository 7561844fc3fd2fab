"""Open what people download: find out what it is by its content, and what is in it."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from hardboot.base.errors import InputError
from hardboot.base.files import naming, open_regular, unreadable
from hardboot.downloads import folders, layers, members, tars, zips
from hardboot.downloads.content import FileContent
from hardboot.downloads.found import Found
from hardboot.formats.archives import compression, decoders
from hardboot.formats.archives.decoders import Streamed
from hardboot.formats.archives.piece_reader import PieceReader
from hardboot.formats.sniff import ARM64_IMAGE, CPIO, EMPTY, OTA_PAYLOAD, ZIMAGE, sniff

_ZIP_MAGICS = (b"PK\3\4", b"PK\5\6")  # the second of an archive without files
_HEAD = 512  # bytes
_PACKED_IN_IMAGES = (CPIO, ZIMAGE, ARM64_IMAGE)  # compressed on their partition, too


@dataclass(frozen=True)
class Download(Found):
    """What is in a download; it can be read as long as it is open.

    Attributes:
        path: What the user named.
    """

    path: Path = Path()


@contextmanager
def open_download(path: Path) -> Iterator[Download]:
    """Open a folder, an archive, an OTA, or a single image, and find what is in it.

    Raises:
        InputError: If it cannot be read, or is damaged.
    """
    with ExitStack() as keep:
        with naming(path):
            found = _found(path, keep)
        yield Download(found.kind, found.images, found.refused, found.trees, path)


def is_collection(path: Path) -> bool:
    """Return whether `path` is a folder, archive, OTA or compressed image, and not an image as it is.

    Raises:
        InputError: If it cannot be read, or is in a maker's own format.
    """
    if _is_folder(path):
        return True
    with open_regular(path) as stream:
        head = stream.read(_HEAD)
        if head.startswith(_ZIP_MAGICS) or sniff(head) == OTA_PAYLOAD or tars.is_tar(head):
            return True
        content = FileContent(path, stream, 0, os.fstat(stream.fileno()).st_size)
        if _packed_tar(content) or _is_packed_image(path, content):
            return True
    refused = members.other_format(path.name)
    if refused and sniff(head) is None:
        raise refused
    return False


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError as error:  # of a name that no file can have
        raise unreadable(path, error) from error


def _found(path: Path, keep: ExitStack) -> Found:
    if _is_folder(path):
        return folders.read(path, keep)
    content = folders.opened(path, keep)
    head = content.head(_HEAD)
    if head.startswith(_ZIP_MAGICS):
        return zips.read(content, keep)
    if sniff(head) == OTA_PAYLOAD:
        from hardboot.downloads import payloads  # protobuf takes longer to import than all else here

        return payloads.read(content)
    if tars.is_tar(head):
        return tars.read(content, None)
    kind = _packed_tar(content)
    return tars.read(content, kind) if kind else _single(path, content)


def _packed_tar(content: FileContent) -> Streamed | None:
    """Return what a tar archive is compressed with; None for another file."""
    kind = compression.detect_streamed(content.head(_HEAD))
    return kind if kind and tars.is_tar(_unpacked_head(content, kind)) else None


def _is_packed_image(path: Path, content: FileContent) -> bool:
    """Return whether a file is an image in a compression that images have only for the download."""
    named = layers.image_name(path.name)
    if not named or not named[1]:
        return False
    return sniff(_unpacked_head(content, named[1])) not in (EMPTY, *_PACKED_IN_IMAGES)


def _unpacked_head(content: FileContent, kind: Streamed) -> bytes:
    """Return the first bytes of the content of a compressed file; nothing if it is damaged."""
    try:
        return PieceReader(decoders.decompress_pieces(kind, content.pieces()), "file").peek(_HEAD)
    except InputError:
        return b""


def _single(path: Path, content: FileContent) -> Found:
    named = layers.image_name(path.name)
    name, kind = named or (path.stem, None)
    try:
        image = layers.image(name, content.pieces, content.size, kind)
    except InputError as error:
        return Found("single image", {}, {name: error})
    return Found("single image", {name: image}, {})

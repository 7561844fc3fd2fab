"""Open what people download: find out what it is by its content, and what is in it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from hardboot.base.errors import InputError
from hardboot.base.files import naming, open_regular, unreadable
from hardboot.downloads import folders, layers, tars, zips
from hardboot.downloads.content import FileContent
from hardboot.downloads.found import Found
from hardboot.formats.archives import compression, decoders
from hardboot.formats.archives.decoders import Streamed
from hardboot.formats.archives.piece_reader import PieceReader
from hardboot.formats.sniff import OTA_PAYLOAD, sniff

_ZIP_MAGICS = (b"PK\3\4", b"PK\5\6")  # the second of an archive without files
_HEAD = 512  # bytes


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
    """Return whether `path` is a folder, archive or OTA, and not a single image.

    Raises:
        InputError: If it cannot be read.
    """
    if _is_folder(path):
        return True
    with open_regular(path) as stream:
        head = stream.read(_HEAD)
        if head.startswith(_ZIP_MAGICS) or sniff(head) == OTA_PAYLOAD or tars.is_tar(head):
            return True
        size = path.stat().st_size
        return _packed_tar(FileContent(path, stream, 0, size)) is not None


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError) as error:  # of a name that no file can have
        raise unreadable(path, OSError(str(error)) if isinstance(error, ValueError) else error) from error


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
    if kind is None:
        return None
    try:
        head = PieceReader(decoders.decompress_pieces(kind, content.pieces()), "tar archive").peek(_HEAD)
    except InputError:
        return None
    return kind if tars.is_tar(head) else None


def _single(path: Path, content: FileContent) -> Found:
    named = layers.image_name(path.name)
    name, kind = named or (path.stem, None)
    try:
        image = layers.image(name, content.pieces, content.size, kind)
    except InputError as error:
        return Found("single image", {}, {name: error})
    return Found("single image", {name: image}, {})

"""tarfile on hostile archives: what its headers make it read and how far it goes back is bounded."""

from __future__ import annotations

import struct
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from hardboot.base.errors import InputError
from hardboot.base.files import naming
from hardboot.downloads.content import PIECE, FileContent
from hardboot.downloads.pieces_file import PiecesFile
from hardboot.formats.archives import decoders
from hardboot.formats.archives.decoders import Streamed

MAX_HEADER = 64 << 10  # bytes of a pax header or long name, which tarfile reads whole; xattrs have 64 KiB
MAX_MEMBERS = 1 << 21  # a root file system with a desktop has 300,000
_EXTENDED = (
    *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
)
# tarfile does not check all that an archive states; RecursionError, of headers in a row, is a RuntimeError.
_DAMAGES = (
    *(tarfile.TarError, EOFError, OSError, RuntimeError, ValueError, OverflowError),
    *(IndexError, KeyError, struct.error),
)


class LimitedTarInfo(tarfile.TarInfo):
    """The header of a member, refused where tarfile would read too much, or go backwards."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Read a header.

        Raises:
            ReadError: If an extended header exceeds MAX_HEADER, or a size is negative.
        """
        info = super().frombuf(buf, encoding, errors)
        if info.size < 0 or (info.type in _EXTENDED and info.size > MAX_HEADER):
            raise tarfile.ReadError(f"a header of {info.size} bytes, the limit is {MAX_HEADER}")
        return info


@contextmanager
def opened(content: FileContent, kind: Streamed | None) -> Iterator[tarfile.TarFile]:
    """Open a tar archive.

    Args:
        content: The archive.
        kind: What it is compressed with; then it can only be read from start to end.

    Raises:
        InputError: If it is damaged, also from within the block.
    """
    with errors(content.path), _open(content, kind) as archive:
        yield archive


def _open(content: FileContent, kind: Streamed | None) -> tarfile.TarFile:
    if kind is None:
        return tarfile.open(
            fileobj=content.file(), mode="r:", tarinfo=LimitedTarInfo, errors="surrogateescape"
        )
    stream = PiecesFile(decoders.decompress_pieces(kind, content.pieces()), "tar archive")
    return tarfile.open(
        fileobj=stream, mode="r|", bufsize=PIECE, tarinfo=LimitedTarInfo, errors="surrogateescape"
    )


def infos(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yield the headers of all members; tarfile keeps none of them.

    Raises:
        ReadError: If the archive leads back to where it was read already, or has more than MAX_MEMBERS.
    """
    last = -1
    for number in range(MAX_MEMBERS + 1):
        info = archive.next()
        if info is None:
            return
        if number == MAX_MEMBERS:
            break
        if info.size < 0 or archive.offset <= last:
            raise tarfile.ReadError(f"member {number + 1} has {info.size} bytes")
        last = archive.offset
        forget_members(archive)
        yield info
    raise tarfile.ReadError(f"more than {MAX_MEMBERS} members")


def forget_members(archive: tarfile.TarFile) -> None:
    """Drop what tarfile keeps of each member, read or written: 1 KiB, and there may be millions."""
    vars(archive)["members"].clear()


@contextmanager
def errors(path: Path) -> Iterator[None]:
    """Let errors of an archive name its file."""
    try:
        with naming(path):
            yield
    except _DAMAGES as error:
        raise InputError(
            f"the archive cannot be read: {error}",
            file=str(path),
            state="Nothing was changed.",
            fix="Download it again: compare its checksum with that of its source.",
        ) from error

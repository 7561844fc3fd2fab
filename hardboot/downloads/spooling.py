"""Temporary files for what must be read in another order than it comes in."""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from hardboot.base import log
from hardboot.base.temporary import cannot_make
from hardboot.downloads.content import PIECE, FileContent

SLOW = 64 << 20  # bytes from which on progress is shown


def spooled(write: Callable[[BinaryIO], None]) -> Iterator[bytes]:
    """Yield the content of a temporary file that `write` writes.

    Raises:
        InputError: If it cannot be written.
    """
    try:
        with tempfile.TemporaryFile() as stream:
            write(stream)
            stream.seek(0)
            while piece := stream.read(PIECE):
                yield piece
    except OSError as error:
        raise cannot_make(None, error) from error


def copied(title: str, path: Path, size: int, pieces: Iterable[bytes], keep: ExitStack) -> FileContent:
    """Copy a member of an archive into a temporary file, to read anywhere in it.

    Args:
        title: For the progress: "Unpacking payload.bin".
        path: The file that the user named.
        size: Bytes that there will be.
        pieces: The content.
        keep: Removes the file when it is closed.

    Raises:
        InputError: If it cannot be written, or `pieces` is damaged.
    """
    try:
        stream = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  # `keep` closes it
        keep.push(stream)
        done = 0
        with log.progress(title, size, quiet=size < SLOW) as advance:
            for piece in pieces:
                _write(stream, piece)
                done += len(piece)
                advance(len(piece))
    except OSError as error:
        raise cannot_make(None, error) from error
    return FileContent(path, stream, 0, done)


def _write(stream: BinaryIO, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[stream.write(left) :]

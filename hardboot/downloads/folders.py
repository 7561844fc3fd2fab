"""Images in a folder, which are its files; what is in folders below is left alone."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

from hardboot.base.files import open_regular, unreadable
from hardboot.downloads import members
from hardboot.downloads.content import FileContent
from hardboot.downloads.found import Found, Member


def read(folder: Path, keep: ExitStack) -> Found:
    """Find the images in a folder.

    Args:
        folder: With files named as in an OTA or a factory archive.
        keep: Closes a payload in it.

    Raises:
        InputError: If the folder, or a payload in it, cannot be read.
    """
    try:
        files = sorted(entry.name for entry in os.scandir(folder) if members.is_wanted(entry.name))
    except OSError as error:
        raise unreadable(folder, error) from error
    return members.find([_member(folder / file, keep) for file in files], "folder", {})


def _member(path: Path, keep: ExitStack) -> Member:
    size = 0  # of a file that is gone or no regular one, which is told when it is opened
    with suppress(OSError):
        size = path.stat().st_size
    return Member(path.name, size, partial(_pieces, path), partial(opened, path, keep))


def _pieces(path: Path) -> Iterator[bytes]:
    with open_regular(path) as stream:
        yield from FileContent(path, stream, 0, os.fstat(stream.fileno()).st_size).pieces()


def opened(path: Path, keep: ExitStack) -> FileContent:
    """Open a file for reading anywhere in it.

    Args:
        path: The file.
        keep: Closes it.

    Raises:
        InputError: If it cannot be read, or is no regular file.
    """
    stream = keep.enter_context(open_regular(path))
    return FileContent(path, stream, 0, os.fstat(stream.fileno()).st_size)

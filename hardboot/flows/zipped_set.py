"""Images in a zip archive, or in the archive of images inside of a factory archive."""

import lzma
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import IO

from hardboot.base.errors import InputError
from hardboot.base.files import naming, open_regular
from hardboot.base.mapping import map_chunks
from hardboot.base.temporary import cannot_make, temporary_folder
from hardboot.formats.archives.compression import ZstdError
from hardboot.formats.reading import Data

MAX_IMAGE = 256 << 20  # bytes; far above every partition for boot images known
MAX_INNER = 16 << 30  # bytes; the largest factory archives have 4 GiB
MAX_MEMBERS = 65536
_INNER = "image-*.zip"  # in factory archives
_PIECE = 1 << 20  # bytes
# zipfile does not check all that an archive states. What it calls raises then: decompressors (that of bzip2
# OSError), seek (OSError, or OverflowError from 2^63 on), and decode for a name that is not UTF-8. zipfile
# raises EOFError for a file that ends early, RuntimeError for an encrypted one, and for what it does not know
# NotImplementedError, which is a RuntimeError.
_DAMAGES = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, ZstdError),
    *(EOFError, OSError, OverflowError, RuntimeError, UnicodeDecodeError),
)


def read(path: Path, files: Mapping[str, str]) -> dict[str, Data]:
    """Return images of a zip archive, by name; no path in it is used.

    Args:
        path: The archive. If it holds none of the files, the one archive image-*.zip in it counts.
        files: Names of images by their file names.

    Raises:
        InputError: If it is damaged, a file is in it twice, or is larger than MAX_IMAGE.
    """
    with open_regular(path) as stream, _errors(path), zipfile.ZipFile(stream) as outer:
        found = _members(outer, path, files)
        if found:
            return _read(outer, found, files, path)
        with _inner(outer, path) as archive:
            return _read(archive, _members(archive, path, files), files, path) if archive else {}


def _members(archive: zipfile.ZipFile, path: Path, files: Mapping[str, str]) -> list[zipfile.ZipInfo]:
    """Return the members with the names wanted, in whatever folder of the archive.

    Raises:
        InputError: If there are too many members, or two with one name.
    """
    if len(archive.infolist()) > MAX_MEMBERS:
        raise _wrong(path, f"more than {MAX_MEMBERS} files in the archive")
    found = [one for one in archive.infolist() if _name(one) in files and not one.is_dir()]
    names = [_name(one) for one in found]
    for name in names:
        if names.count(name) > 1:
            raise _wrong(path, f"{name} is in the archive {names.count(name)} times")
    return found


def _name(member: zipfile.ZipInfo) -> str:
    return PurePosixPath(member.filename).name


@contextmanager
def _inner(outer: zipfile.ZipFile, path: Path) -> Iterator[zipfile.ZipFile | None]:
    """Open the archive of images in a factory archive; None if there is none.

    It is copied into a temporary file: an archive is read from its end.
    """
    members = [one for one in outer.infolist() if fnmatchcase(_name(one), _INNER)]
    if len(members) != 1:
        if members:
            raise _wrong(path, f"{len(members)} archives {_INNER} are in the archive")
        yield None
        return
    with temporary_folder() as folder:
        copy = folder / "inner.zip"
        with outer.open(_sized(members[0], MAX_INNER)) as source:
            _write(copy, _pieces(source, path))
        with zipfile.ZipFile(copy) as archive:
            yield archive


def _write(copy: Path, pieces: Iterator[bytes]) -> None:
    try:
        with copy.open("wb") as stream:
            stream.writelines(pieces)
    except OSError as error:
        raise cannot_make(None, error) from error


def _read(
    archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], files: Mapping[str, str], path: Path
) -> dict[str, Data]:
    images: dict[str, Data] = {}
    for member in members:
        with archive.open(_sized(member, MAX_IMAGE)) as stream:
            images[files[_name(member)]] = map_chunks(_pieces(stream, path))
    return images


def _pieces(stream: IO[bytes], path: Path) -> Iterator[bytes]:
    while True:
        with _errors(path):  # here: who writes the pieces would take an OSError for its own
            piece = stream.read(_PIECE)
        if not piece:
            return
        yield piece


def _sized(member: zipfile.ZipInfo, limit: int) -> zipfile.ZipInfo:
    """Return `member`, of which zipfile reads no more bytes than its entry states.

    Raises:
        InputError: If that is nothing, or more than `limit`.
    """
    if not 0 < member.file_size <= limit:
        raise InputError(
            f"{_name(member)} in it has {member.file_size} bytes, it must have 1 to {limit}",
            state="Nothing was changed.",
            fix="Extract the image, and give the file.",
        )
    return member


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    """Let errors of an archive name its file."""
    try:
        with naming(path):
            yield
    except _DAMAGES as error:
        raise _wrong(path, f"the archive cannot be read: {error}") from error


def _wrong(path: Path, problem: str) -> InputError:
    return InputError(
        problem,
        file=str(path),
        state="Nothing was changed.",
        fix="Extract the images into a folder, and give the folder.",
    )

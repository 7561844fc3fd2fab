"""Images in a zip archive: an OTA, a factory archive with an archive of images in it, or just images."""

import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path, PurePosixPath

from hardboot.base.errors import InputError
from hardboot.base.files import naming
from hardboot.downloads import members, system_folder, tars
from hardboot.downloads.content import PIECE, FileContent
from hardboot.downloads.found import Found, Member
from hardboot.downloads.image_source import MAX_IMAGE
from hardboot.downloads.spooling import copied
from hardboot.formats.archives.decoders import ZstdError

MAX_MEMBERS = 65536
MAX_DEFLATE = 1032  # bytes that one byte of deflated data can stand for; zlib.net/zlib_tech.html
_INNER = "image-*.zip"  # in factory archives
_SAMSUNG = (
    "AP_*.tar.md5"  # in Samsung's archives, beside those of bootloader (BL), modem (CP) and region (CSC)
)
_LOCAL_MAGIC, _LOCAL_SIZE = b"PK\3\4", 30  # of a member's own header; PKWARE APPNOTE, 4.3.7
_LOCAL_LENGTHS = struct.Struct("<HH")  # of name and extra field, at the header's end
_ENCRYPTED = 1  # in the flags
# zipfile does not check all that an archive states. What it calls raises then: decompressors (that of bzip2
# OSError), seek OSError, and decode ValueError for a name that is not UTF-8. zipfile raises EOFError for a
# file that ends early, and RuntimeError for what it does not know.
_DAMAGES = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, ZstdError, struct.error),
    *(EOFError, OSError, OverflowError, RuntimeError, ValueError),
)


def read(content: FileContent, keep: ExitStack) -> Found:
    """Find the images in a zip archive; no path in it is used.

    Args:
        content: The archive. Without a boot image or payload, image-*.zip or AP_*.tar.md5 in it counts, too.
        keep: Closes the archive.

    Raises:
        InputError: If it is damaged, or has more than MAX_MEMBERS files.
    """
    archive, infos = _opened(content, keep)
    tree = system_folder.find(infos, partial(_pieces, content, archive))
    outside = [info for info in infos if not tree or not info.filename.startswith(system_folder.FOLDER)]
    wanted = [_member(content, archive, info, keep) for info in outside if members.is_wanted(_name(info))]
    trees = {"system": tree} if tree else {}
    if any(member.file in ("boot.img", members.PAYLOAD) for member in wanted):
        return members.find(wanted, "zip archive", trees)
    samsung, inner = _named(infos, _SAMSUNG, content.path), _named(infos, _INNER, content.path)
    if samsung:
        return tars.read(_content(content, archive, samsung, keep), None)
    if not inner:
        return members.find(wanted, "zip archive", trees)
    inside = _content(content, archive, inner, keep)
    archive, infos = _opened(inside, keep)
    wanted += [_member(inside, archive, info, keep) for info in infos if members.is_wanted(_name(info))]
    return members.find(wanted, "factory archive", trees)


def _named(infos: Sequence[zipfile.ZipInfo], pattern: str, path: Path) -> zipfile.ZipInfo | None:
    """Return the one member of a name; None if there is none.

    Raises:
        InputError: If there are several.
    """
    found = [info for info in infos if fnmatchcase(_name(info), pattern)]
    if len(found) > 1:
        raise _wrong(path, f"{len(found)} archives {pattern} are in the archive")
    return found[0] if found else None


def _opened(content: FileContent, keep: ExitStack) -> tuple[zipfile.ZipFile, list[zipfile.ZipInfo]]:
    with _errors(content.path):
        archive = keep.enter_context(zipfile.ZipFile(content.file()))
    infos = [info for info in archive.infolist() if info.filename and not info.is_dir()]
    if len(infos) > MAX_MEMBERS:
        raise _wrong(content.path, f"more than {MAX_MEMBERS} files in the archive")
    return archive, infos


def _name(info: zipfile.ZipInfo) -> str:
    return PurePosixPath(info.filename).name


def _member(content: FileContent, archive: zipfile.ZipFile, info: zipfile.ZipInfo, keep: ExitStack) -> Member:
    return Member(
        _name(info),
        info.file_size,
        opened=partial(_pieces, content, archive, info),
        content=partial(_content, content, archive, info, keep),
    )


def _pieces(content: FileContent, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield a member; zipfile reads no more bytes than its entry states, and checks its CRC.

    Raises:
        InputError: If it is damaged or encrypted, or states a size that it cannot have.
    """
    _check(content.path, info)
    with _errors(content.path):
        stream = archive.open(info)
    with stream:
        while True:
            with _errors(content.path):  # here: who writes the pieces would take an OSError for its own
                piece = stream.read(PIECE)
            if not piece:
                return
            yield piece


def _check(path: Path, info: zipfile.ZipInfo) -> None:
    name = _name(info)
    if info.flag_bits & _ENCRYPTED:
        raise InputError(
            f"{name} is encrypted with a password",
            file=str(path),
            state="Nothing was changed.",
            fix="Extract it with its password (7z x), and give the images.",
        )
    if not 0 < info.file_size <= MAX_IMAGE:
        raise InputError(
            f"{name} in it has {info.file_size} bytes, it must have 1 to {MAX_IMAGE}",
            file=str(path),
            state="Nothing was changed.",
            fix="Extract the image, and give the file.",
        )
    if info.compress_type == zipfile.ZIP_DEFLATED and info.file_size > info.compress_size * MAX_DEFLATE:
        problem = f"{info.file_size} bytes, which {info.compress_size} compressed bytes cannot hold"
        raise _wrong(path, f"the archive cannot be read: {name} states {problem}")


def _content(
    content: FileContent, archive: zipfile.ZipFile, info: zipfile.ZipInfo, keep: ExitStack
) -> FileContent:
    """Return a member to read anywhere in it: where it lies, if it is stored, else a copy.

    Raises:
        InputError: See `_pieces`.
    """
    _check(content.path, info)
    if info.compress_type != zipfile.ZIP_STORED:
        pieces = _pieces(content, archive, info)
        return copied(f"Unpacking {_name(info)}", content.path, info.file_size, pieces, keep)
    with _errors(content.path):
        header = content.part(info.header_offset, _LOCAL_SIZE).head(_LOCAL_SIZE)
    if not header.startswith(_LOCAL_MAGIC):
        raise _wrong(content.path, f"the archive cannot be read: {_name(info)} is not where it should be")
    start = info.header_offset + _LOCAL_SIZE + sum(_LOCAL_LENGTHS.unpack(header[-_LOCAL_LENGTHS.size :]))
    return content.part(start, info.compress_size)


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

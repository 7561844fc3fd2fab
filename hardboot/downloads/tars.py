"""Images in a tar archive, also compressed, and Samsung's with an MD5 at their end; or a root file system."""

import hashlib
import re
import tarfile
from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath
from typing import NoReturn

from hardboot.base import log
from hardboot.base.errors import InputError
from hardboot.downloads import limited_tar, members, tar_tree
from hardboot.downloads.content import FileContent
from hardboot.downloads.found import Found, Member
from hardboot.downloads.spooling import SLOW
from hardboot.formats.archives import decoders
from hardboot.formats.archives.decoders import Streamed
from hardboot.formats.archives.piece_reader import PieceReader

_BLOCK = 512  # bytes
_HEAD = 8 << 10  # bytes kept of each image
# As md5sum writes it: Samsung's tools append the line to the archive.
_MD5_LINE = re.compile(rb"([0-9a-fA-F]{32})[ \t]+\*?[^\n]{1,255}\n?")
_LONGEST_MD5_LINE = 300  # bytes


def is_tar(head: bytes) -> bool:
    """Return whether `head` begins a tar archive: its first header has the right checksum."""
    try:
        tarfile.TarInfo.frombuf(head[:_BLOCK], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def read(content: FileContent, kind: Streamed | None) -> Found:
    """Find the images in a tar archive, or the root file system that it is; no path in it is used.

    Args:
        content: The archive.
        kind: What it is compressed with.

    Raises:
        InputError: If it is damaged, or does not match the MD5 at its end.
    """
    checked = "" if kind else _check_md5(content)
    found: list[Member] = []
    totals = tar_tree.Totals()
    with (
        log.progress(f"Reading {content.path.name}", content.size, quiet=content.size < SLOW) as advance,
        limited_tar.opened(content, kind) as archive,
    ):
        last = 0
        for info in limited_tar.infos(archive):
            totals.add(info)
            file = PurePosixPath(info.name).name
            if info.isreg() and members.is_wanted(file):
                found.append(_member(content, kind, archive, info, file))
            advance(max(0, min(archive.offset, content.size) - last))
            last = max(last, min(archive.offset, content.size))
    if totals.is_root:
        return Found("root file system", {}, {}, {"rootfs": tar_tree.source(content, kind, totals)})
    return members.find(found, checked or "tar archive", {})


def _member(
    content: FileContent, kind: Streamed | None, archive: tarfile.TarFile, info: tarfile.TarInfo, file: str
) -> Member:
    if info.issparse():
        refused = partial(_refuse, content, f"{file} is a sparse file of GNU tar")
        return Member(file, info.size, refused, refused)
    start, size = info.offset_data, info.size
    if kind is None:
        part = content.part(start, size)
        return Member(file, size, part.pieces, lambda: part, part.head(_HEAD))
    stream = archive.extractfile(info)
    head = stream.read(_HEAD) if stream else b""
    alone = partial(_refuse, content, f"{file} is in a compressed archive")
    return Member(file, size, partial(_skipped, content, kind, start, size), alone, head)


def _skipped(content: FileContent, kind: Streamed, start: int, size: int) -> Iterator[bytes]:
    reader = PieceReader(decoders.decompress_pieces(kind, content.pieces()), "tar archive")
    for _ in reader.take("member", start):
        pass
    yield from reader.take("member", size)


def _refuse(content: FileContent, problem: str) -> NoReturn:
    raise InputError(
        problem,
        file=str(content.path),
        state="Nothing was changed.",
        fix="Extract the archive into a folder, and give the folder.",
    )


def _check_md5(content: FileContent) -> str:
    """Return the kind of an archive with a right MD5 at its end; nothing if it has none.

    Raises:
        InputError: If the MD5 is that of something else.
    """
    size = min(_LONGEST_MD5_LINE, content.size)
    end = content.part(content.size - size, size).head(size)
    start = end.rfind(b"\0") + 1
    match = _MD5_LINE.fullmatch(end[start:])
    if not match:
        return ""
    stated = match[1].decode().lower()
    archive = content.part(0, content.size - len(end) + start)
    digest = hashlib.md5(usedforsecurity=False)
    with log.progress(f"Checking {content.path.name}", archive.size, quiet=archive.size < SLOW) as advance:
        for piece in archive.pieces():
            digest.update(piece)
            advance(len(piece))
    if digest.hexdigest() != stated:
        raise InputError(
            f"its MD5 is {digest.hexdigest()}, {stated} is stated at its end",
            file=str(content.path),
            state="Nothing was changed.",
            fix="Download it again. If you changed it on purpose, cut off the line with the MD5 at its end.",
        )
    return "Samsung firmware (tar.md5, its MD5 matches)"

"""A root file system in a tar archive: Debian's, Ubuntu Touch's, Halium's."""

import tarfile
from collections.abc import Iterator
from functools import partial

from hardboot.downloads import limited_tar
from hardboot.downloads.content import PIECE, FileContent
from hardboot.downloads.tree_source import Kind, TreeEntry, TreeSource, safe_parts
from hardboot.formats.archives.decoders import Streamed

_ROOT_FOLDERS = frozenset(("bin", "dev", "etc", "lib", "proc", "sbin", "usr", "var"))
_NEEDED_FOLDERS = 3
_XATTR = "SCHILY.xattr."
_KINDS: dict[bytes, Kind] = {
    tarfile.DIRTYPE: "folder",
    tarfile.SYMTYPE: "link",
    tarfile.LNKTYPE: "hard link",
    tarfile.CHRTYPE: "character device",
    tarfile.BLKTYPE: "block device",
    tarfile.FIFOTYPE: "pipe",
}


class Totals:
    """What the members of an archive are, together.

    Attributes:
        count: Of members.
        size: Bytes of the files' contents.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.count = self.size = 0
        self._folders: set[str] = set()

    def add(self, info: tarfile.TarInfo) -> None:
        """Count a member."""
        self.count += 1
        self.size += info.size if info.isreg() else 0
        first, _, rest = info.name.removeprefix("./").lstrip("/").partition("/")
        if first in _ROOT_FOLDERS and (rest or not info.isreg()):
            self._folders.add(first)

    @property
    def is_root(self) -> bool:
        """Whether they are a root file system, by the folders in it."""
        return len(self._folders) >= _NEEDED_FOLDERS


def source(content: FileContent, kind: Streamed | None, totals: Totals) -> TreeSource:
    """Return the file tree in an archive."""
    packing = (*([kind] if kind else []), "tar")
    return TreeSource(packing, totals.count, totals.size, partial(_entries, content, kind))


def _entries(content: FileContent, kind: Streamed | None) -> Iterator[TreeEntry]:
    with limited_tar.opened(content, kind) as archive:
        for info in limited_tar.infos(archive):
            found = _KINDS.get(info.type, "file")
            target = info.linkname
            if found == "hard link":
                target = "/".join(safe_parts(target))
            yield TreeEntry(
                parts=safe_parts(info.name),
                kind=found,
                mode=info.mode & 0o7777,
                uid=info.uid,
                gid=info.gid,
                mtime=int(info.mtime),
                size=info.size if found == "file" else 0,
                target=target if info.islnk() or info.issym() else "",
                device=(info.devmajor, info.devminor) if found.endswith("device") else (0, 0),
                xattrs={
                    name.removeprefix(_XATTR): value.encode("utf-8", "surrogateescape")
                    for name, value in info.pax_headers.items()
                    if name.startswith(_XATTR)
                },
                content=partial(_content, content, archive, info),
            )


def _content(content: FileContent, archive: tarfile.TarFile, info: tarfile.TarInfo) -> Iterator[bytes]:
    stream = archive.extractfile(info) if info.isreg() else None
    left = info.size if stream else 0
    while stream and left:
        with limited_tar.errors(content.path):
            piece = stream.read(min(PIECE, left))
            if not piece:
                raise tarfile.ReadError("unexpected end of data")
        left -= len(piece)
        yield piece

"""A file tree in a download: a root file system, or the system folder of an old ROM."""

import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, Literal, TypeAlias

from hardboot.base.errors import InputError
from hardboot.downloads.limited_tar import forget_members
from hardboot.downloads.pieces_file import PiecesFile

Kind: TypeAlias = Literal["file", "folder", "link", "hard link", "character device", "block device", "pipe"]
_TAR_TYPES: Mapping[Kind, bytes] = {
    "file": tarfile.REGTYPE,
    "folder": tarfile.DIRTYPE,
    "link": tarfile.SYMTYPE,
    "hard link": tarfile.LNKTYPE,
    "character device": tarfile.CHRTYPE,
    "block device": tarfile.BLKTYPE,
    "pipe": tarfile.FIFOTYPE,
}
_XATTR = "SCHILY.xattr."  # in pax headers, as GNU tar and star write them


@dataclass(frozen=True)
class TreeEntry:
    """A file, folder, link or device.

    Attributes:
        parts: Its path below the tree's root: no part is empty, "." or "..", or holds a slash or NUL.
        mode: Permission bits, with those for set-user-id and the like.
        mtime: Seconds since 1970.
        size: Bytes of a file's content.
        target: What a link leads to: of a symbolic link any text, of a hard link the path of an entry.
        device: Major and minor number.
        xattrs: Extended attributes, "security.selinux" and "security.capability" among them.
        content: Yields a file's content; it must be read before the next entry is asked for.
    """

    parts: tuple[str, ...]
    kind: Kind
    mode: int
    uid: int = 0
    gid: int = 0
    mtime: int = 0
    size: int = 0
    target: str = ""
    device: tuple[int, int] = (0, 0)
    xattrs: Mapping[str, bytes] = field(default_factory=dict)
    content: Callable[[], Iterator[bytes]] = field(repr=False, default=lambda: iter(()))


@dataclass(frozen=True)
class TreeSource:
    """A file tree.

    Attributes:
        packing: What it is taken out of: "tar", "xz".
        count: Entries.
        size: Bytes of all files' contents.
        entries: Yields the entries, each folder before what is in it if the download has it so; it can be
            called again. Raises InputError where the download is damaged or a path leads out of the tree.
        note: What the user should know of it.
    """

    packing: tuple[str, ...]
    count: int
    size: int
    entries: Callable[[], Iterator[TreeEntry]] = field(repr=False)
    note: str | None = None

    def write_tar(self, stream: BinaryIO) -> None:
        """Write the tree as a pax tar archive, for `mke2fs -d` or tar on the phone.

        Raises:
            InputError: If the download is damaged.
        """
        with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as archive:
            for entry in self.entries():
                info = tarfile.TarInfo("/".join(entry.parts) or ".")
                info.type = _TAR_TYPES[entry.kind]
                info.mode, info.uid, info.gid = entry.mode, entry.uid, entry.gid
                info.mtime, info.size, info.linkname = entry.mtime, entry.size, entry.target
                info.devmajor, info.devminor = entry.device
                info.pax_headers = {
                    _XATTR + name: value.decode("utf-8", "surrogateescape")
                    for name, value in entry.xattrs.items()
                }
                archive.addfile(info, PiecesFile(entry.content(), "file"))
                forget_members(archive)


def safe_parts(name: str) -> tuple[str, ...]:
    """Return the parts of a path in an archive, taken from the tree's root; () is the root itself.

    Raises:
        InputError: If it leads out of the tree, or no file can have that name.
    """
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if ".." in parts or any(
        "\0" in part or len(part.encode("utf-8", "surrogateescape")) > 255 for part in parts
    ):
        raise InputError(
            f"the path {name[:100]!r} leads out of the archive, or no file can have it",
            state="Nothing was changed.",
            fix="Use an archive from another source: this one was made to do harm, or is damaged.",
        )
    return parts

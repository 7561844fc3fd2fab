"""The file tree that Linux makes of a ramdisk's archives, in memory: no name and no link leads out of it.

Sources: Linux init/initramfs.c, do_name and do_symlink; path_resolution(7), with the root folder of the tree
as "/" and as its own "..", as openat2(2) resolves with RESOLVE_IN_ROOT.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from hardboot.formats.archives import cpio
from hardboot.formats.archives.cpio import Archive, Entry
from hardboot.formats.archives.cpio_changes import file_identity
from hardboot.formats.reading import Data, too_large

MAX_LINKS = 40  # followed in one path; Linux include/linux/namei.h, MAXSYMLINKS
MAX_TARGET = 4096  # bytes of a link's target with the NUL; PATH_MAX
MAX_DEPTH = 2048  # folders above a file: what a name of MAX_NAME bytes can have
MAX_NODES = 2 * cpio.MAX_ENTRIES
MAX_STEPS = 1 << 22  # parts of all names, links and paths; Debian's initrd has 25,000

_SPECIAL = (0o020000, 0o060000, 0o010000, 0o140000)  # character and block devices, pipes, sockets

Parts = tuple[str, ...]


@dataclass(eq=False)
class Node:
    """A file, folder, link or device of the tree; all names of a file share one.

    Attributes:
        entry: The last entry for it; None for a folder that holds files but has no entry.
        data: Content of a file, target of a link.
        children: What a folder holds.
    """

    entry: Entry | None
    data: Data = field(repr=False, default=b"")
    children: "dict[str, Node]" = field(repr=False, default_factory=dict)

    @property
    def is_folder(self) -> bool:
        """True for a folder."""
        return self.entry is None or self.entry.is_folder

    @property
    def is_link(self) -> bool:
        """True for a symbolic link."""
        return self.entry is not None and self.entry.is_link


@dataclass(frozen=True)
class Ignored:
    """An entry that Linux cannot unpack, so that it goes on without it."""

    name: str
    reason: str


@dataclass(frozen=True)
class Found:
    """A node of the tree.

    Attributes:
        parts: Its path; () is the root folder.
        links: Paths of the links that the name led through.
    """

    parts: Parts
    node: Node
    links: tuple[Parts, ...]


class _UnreachableError(Exception):
    """A path leads nowhere; the message says why."""


@dataclass(frozen=True)
class _Place:
    """The end of a path: the folders down to it, and the last name in the last of them.

    Attributes:
        name: None if the path ends at the last folder itself.
    """

    folders: tuple[tuple[str, Node], ...]
    name: str | None
    links: tuple[Parts, ...]


class Rootfs:
    """A file tree.

    Attributes:
        root: Its root folder.
        ignored: The entries that are not in it.
    """

    def __init__(self, *, missing_folders: bool = True) -> None:
        """Make an empty tree; make folders that no entry makes if `missing_folders`, which Linux does not."""
        self.root = Node(None)
        self.ignored: list[Ignored] = []
        self._missing_folders = missing_folders
        self._hard_links: dict[tuple[int, ...], str] = {}
        self._steps = self._nodes = 0

    def find(self, name: str, *, follow: bool = False) -> Found | None:
        """Return what is called `name`; links above it are followed, and `name` itself if `follow`."""
        try:
            place = self._resolve(name, follow=follow)
        except _UnreachableError:
            return None
        above = tuple(part for part, _ in place.folders)
        folder = place.folders[-1][1] if place.folders else self.root
        if place.name is None:
            return Found(above, folder, place.links)
        node = folder.children.get(place.name)
        return Found((*above, place.name), node, place.links) if node else None

    def walk(self) -> Iterator[tuple[Parts, Node]]:
        """Yield everything below the root folder with its path, each folder before its content."""
        above: list[str] = []
        left = [iter(self.root.children.items())]
        while left:
            name, node = next(left[-1], (None, None))
            if name is None or node is None:
                left.pop()
                del above[-1:]
                continue
            yield (*above, name), node
            if node.children:
                above.append(name)
                left.append(iter(node.children.items()))

    def add(self, archive: Archive) -> None:
        """Unpack an archive into the tree.

        Raises:
            InputError: If paths are longer, or the tree is larger, than hardboot allows.
        """
        for entry in archive.entries:
            try:
                self._add(entry)
            except _UnreachableError as error:
                self.ignored.append(Ignored(entry.name, str(error)))
        if archive.trailer is not None:
            self._hard_links.clear()

    def _add(self, entry: Entry) -> None:
        place = self._resolve(entry.name, make=self._missing_folders)
        folder = place.folders[-1][1] if place.folders else self.root
        if place.name is None:
            if not entry.is_folder:
                raise _UnreachableError("is a folder already")
            folder.entry = entry
            return
        if entry.name.endswith("/") and not entry.is_folder:
            raise _UnreachableError("ends with a slash but is not a folder")
        first = self._first_name(entry)
        old = folder.children.get(place.name)
        if old is not None and (first is not None or entry.is_link or not _same_kind(old, entry)):
            if old.children:
                raise _UnreachableError("is a folder already, with files in it")
            del folder.children[place.name]
            old = None
        if first is not None:
            found = self.find(first)
            if found is None or not _same_kind(found.node, entry):
                raise _UnreachableError(f"is another name of {first[:80]!r}, which is gone")
            folder.children[place.name] = found.node
            found.node.entry = entry
            if len(entry.data):
                found.node.data = entry.data
        elif old is None:
            self._put(folder, place.name, entry, len(place.folders))
        else:
            old.entry, old.data = entry, entry.data

    def _first_name(self, entry: Entry) -> str | None:
        """Return the name that a hard link's file has already; remember its name if it has none."""
        if entry.nlink < 2 or entry.is_folder or entry.is_link:
            return None
        identity = file_identity(entry)
        known = self._hard_links.get(identity)
        if known is None:
            self._hard_links[identity] = entry.name
        return known

    def _put(self, folder: Node, name: str, entry: Entry | None, depth: int) -> Node:
        data: Data = b"" if entry is None else entry.data
        if entry is not None and entry.is_link:
            data = bytes(data).partition(b"\0")[0]
            if not 0 < len(data) < MAX_TARGET:
                raise _UnreachableError(f"is a link with a target of {len(data)} bytes")
        elif entry is not None and not (entry.is_file or entry.is_folder or _is_special(entry)):
            raise _UnreachableError(f"has no type (mode {entry.mode:#o})")
        self._nodes += 1
        self._steps += depth
        if self._nodes > MAX_NODES or depth > MAX_DEPTH:
            problem = f"more than {MAX_NODES} files and folders, or {MAX_DEPTH} folders above one of them"
            raise too_large(cpio.WHAT, "names", 0, problem)
        folder.children[name] = node = Node(entry, data)
        return node

    def _resolve(self, path: str, *, make: bool = False, follow: bool = False) -> _Place:
        """Walk to the end of `path`.

        Args:
            path: A name, relative to the root folder whether or not it begins with a slash.
            make: Make the folders above its end that do not exist.
            follow: Follow a link at its end.
        """
        left = path.split("/")[::-1]
        folders: list[tuple[str, Node]] = []
        links: list[Parts] = []
        while left:
            self._steps += 1
            if self._steps > MAX_STEPS:
                raise too_large(cpio.WHAT, "names", 0, f"more than {MAX_STEPS} parts in all")
            part = left.pop()
            if part in ("", "."):
                continue
            if part == "..":
                del folders[-1:]
                continue
            folder = folders[-1][1] if folders else self.root
            node = folder.children.get(part)
            followed = follow and node is not None and node.is_link
            if (not left and not followed) or (node is None and not any(left)):
                return _Place(tuple(folders), part, tuple(links))
            if node is None:
                if not make:
                    raise _UnreachableError(f"lies below {_joined(folders, part)}, which does not exist")
                node = self._put(folder, part, None, len(folders))
            if node.is_link:
                links.append((*(name for name, _ in folders), part))
                if len(links) > MAX_LINKS:
                    raise _UnreachableError(f"lies behind more than {MAX_LINKS} links")
                target = bytes(node.data).decode("utf-8", "surrogateescape")
                if target.startswith("/"):
                    folders.clear()
                left += target.split("/")[::-1]
            elif node.is_folder:
                folders.append((part, node))
            else:
                raise _UnreachableError(f"lies below {_joined(folders, part)}, which is not a folder")
        return _Place(tuple(folders), None, tuple(links))


def _joined(folders: list[tuple[str, Node]], part: str) -> str:
    return repr("/".join([*(name for name, _ in folders), part])[:80])


def _same_kind(node: Node, entry: Entry) -> bool:
    mode = cpio.S_IFDIR if node.entry is None else node.entry.mode
    return (mode ^ entry.mode) & cpio.S_IFMT == 0


def _is_special(entry: Entry) -> bool:
    return entry.mode & cpio.S_IFMT in _SPECIAL


def unpack(archives: Iterable[Archive], *, missing_folders: bool = True) -> Rootfs:
    """Return the tree of archives that are unpacked one after the other.

    Args:
        archives: In the order of the ramdisk.
        missing_folders: Also keep files whose folder has no entry; Linux leaves them out.

    Raises:
        InputError: If paths are longer, or the tree is larger, than hardboot allows.
    """
    tree = Rootfs(missing_folders=missing_folders)
    for archive in archives:
        tree.add(archive)
    return tree

"""The phone's files: plain ones, folders, links, block devices, and those the kernel makes up."""

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, field

ADB, ROOT = 2000, 0  # user ids


def failure(number: int) -> OSError:
    """Return an error as Linux gives it."""
    return OSError(number, os.strerror(number))


@dataclass
class Node:
    """What has a name: whose it is, who may do what with it, and when it was touched."""

    owner: int = ROOT
    mode: int = 0o644
    touched: float = field(default=0.0, kw_only=True)

    def size(self) -> int:
        return 0

    def read(self) -> bytes:
        raise failure(errno.EISDIR)

    def write(self, at: int, data: bytes) -> None:
        """Put `data` at byte `at`."""
        raise failure(errno.EISDIR)

    def truncate(self) -> None:
        """Make it empty, as > does."""


@dataclass
class Folder(Node):
    """A folder; what is in it is known by its path."""

    mode: int = 0o755


@dataclass
class Link(Node):
    """A symbolic link to an absolute path."""

    target: str = ""


@dataclass
class File(Node):
    """A plain file."""

    content: bytes = b""

    def size(self) -> int:
        return len(self.content)

    def read(self) -> bytes:
        return self.content

    def write(self, at: int, data: bytes) -> None:
        self.content = self.content[:at].ljust(at, b"\0") + data + self.content[at + len(data) :]

    def truncate(self) -> None:
        self.content = b""


@dataclass
class Special(Node):
    """A file of /proc, /sys or /dev: what the kernel shows when it is read, and does when it is written."""

    shows: Callable[[], bytes] | None = None
    does: Callable[[bytes], None] | None = None

    def read(self) -> bytes:
        if self.shows is None:
            raise failure(errno.EIO)
        return self.shows()

    def write(self, at: int, data: bytes) -> None:
        if self.does is None:
            raise failure(errno.EACCES)
        self.does(data)


@dataclass
class BlockDevice(Node):
    """A partition: the flash memory, and what the kernel keeps of it in RAM.

    Attributes:
        flash: What is there after a power cut.
        cached: What is read; the same once written back and dropped.
        read_only: As a locked bootloader makes it.
        stuck: Bits that the flash changes when it is written: offset to mask.
        bad_from: Reading from this byte on fails.
        full_at: Writing from this byte on fails.
    """

    mode: int = 0o600
    flash: bytes = b""
    read_only: bool = False
    stuck: dict[int, int] = field(default_factory=dict)
    bad_from: int | None = None
    full_at: int | None = None

    def __post_init__(self) -> None:
        self.cached = self.flash
        self._dirty = False

    def size(self) -> int:
        return len(self.flash)

    def read(self) -> bytes:
        if self.bad_from is not None:
            raise failure(errno.EIO)
        return self.cached

    def write(self, at: int, data: bytes) -> None:
        if self.read_only:
            raise failure(errno.EPERM)
        if self.full_at is not None and at + len(data) > self.full_at:
            raise failure(errno.EIO)
        if at + len(data) > len(self.flash):
            raise failure(errno.ENOSPC)
        self.cached = self.cached[:at] + data + self.cached[at + len(data) :]
        self._dirty = True

    def flush(self) -> None:
        """Write back what is only in RAM."""
        if self._dirty:
            flash = bytearray(self.cached)
            for offset, mask in self.stuck.items():
                flash[offset] ^= mask
            self.flash = bytes(flash)
            self._dirty = False

    def drop(self) -> None:
        """Forget what is in RAM, where it is written back."""
        if not self._dirty:
            self.cached = self.flash

    def lose_power(self) -> None:
        self.cached = self.flash
        self._dirty = False


@dataclass
class Mount:
    """A mounted file system.

    Attributes:
        capacity: Bytes; None for more than anybody needs.
        busy: It is open for writing: only SysRq can make it read-only.
        stubborn: Nothing makes it read-only.
    """

    device: str
    point: str
    kind: str = "ext4"
    read_only: bool = False
    noexec: bool = False
    capacity: int | None = None
    busy: bool = False
    stubborn: bool = False

    def __str__(self) -> str:
        options = ",".join(["ro" if self.read_only else "rw", *["noexec"] * self.noexec, "relatime"])
        return f"{self.device} {self.point} {self.kind} {options} 0 0"


class FileSystem:
    """All files by their path, and what they are mounted on."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {"/": Folder()}
        self.mounts: list[Mount] = [Mount("rootfs", "/", "rootfs", read_only=True)]

    def add(self, path: str, node: Node) -> None:
        """Put `node` at `path`, with the folders above it."""
        parent = path.rpartition("/")[0]
        while parent and parent not in self.nodes:
            self.nodes[parent] = Folder()
            parent = parent.rpartition("/")[0]
        self.nodes[path] = node

    def resolve(self, path: str) -> str:
        """`path` without links in it and without a slash at its end."""
        done = ""
        for number, name in enumerate(part for part in path.split("/") if part and part != "."):
            assert number < 50
            done = f"{done}/{name}"
            node = self.nodes.get(done)
            if isinstance(node, Link):
                done = self.resolve(node.target)
        return done or "/"

    def find(self, path: str) -> Node | None:
        """Return what is at `path`; None if nothing is."""
        return self.nodes.get(self.resolve(path))

    def open(self, path: str, user: int) -> Node:
        """Return what is at `path`, for `user` to read.

        Raises:
            OSError: If it is not there, or not for this user.
        """
        node = self.find(path)
        if node is None:
            raise failure(errno.ENOENT)
        if isinstance(node, Folder):
            raise failure(errno.EISDIR)
        if not may(node, user, 4):
            raise failure(errno.EACCES)
        return node

    def create(self, path: str, user: int, mode: int) -> Node:
        """Return what is at `path`, for `user` to write; a new file with `mode` if nothing is.

        Raises:
            OSError: If that cannot be.
        """
        path = self.resolve(path)
        node = self.nodes.get(path)
        if isinstance(node, Folder):
            raise failure(errno.EISDIR)
        if isinstance(node, BlockDevice | Special):
            if not may(node, user, 2):
                raise failure(errno.EACCES)
            return node
        self.writable(path)
        folder = self.nodes.get(_parent(path))
        if folder is None:
            raise failure(errno.ENOENT)
        if not may(node or folder, user, 2):
            raise failure(errno.EACCES)
        if node is None:
            node = self.nodes[path] = File(user, mode)
        return node

    def writable(self, path: str) -> None:
        """Raise OSError if `path` lies on a file system that is read-only."""
        if self.mount(path).read_only:
            raise failure(errno.EROFS)

    def mount(self, path: str) -> Mount:
        """Return what `path` lies on."""
        path = self.resolve(path)
        around = [one for one in self.mounts if f"{path}/".startswith(f"{one.point.rstrip('/')}/")]
        return max(around, key=lambda one: len(one.point))

    def free(self, path: str) -> int | None:
        """Bytes that fit where `path` lies; None for more than anybody needs."""
        mount = self.mount(path)
        if mount.capacity is None:
            return None
        files = {
            id(node): node.size()  # once, whatever names it has
            for name, node in self.nodes.items()
            if isinstance(node, File) and self.mount(name) is mount
        }
        return max(mount.capacity - sum(files.values()), 0)

    def names(self, folder: str) -> list[str]:
        """Return the names in a folder, sorted."""
        folder = self.resolve(folder)
        return sorted(
            path.rpartition("/")[2] for path in self.nodes if _parent(path) == folder and path != "/"
        )

    def remove(self, path: str) -> None:
        """Remove a file, or a folder with all in it.

        Raises:
            OSError: If it is not there, or its file system is read-only.
        """
        path = path.rstrip("/")
        if path not in self.nodes:
            raise failure(errno.ENOENT)
        self.writable(path)
        for name in [name for name in self.nodes if f"{name}/".startswith(f"{path}/")]:
            del self.nodes[name]


def _parent(path: str) -> str:
    return path.rpartition("/")[0] or "/"


def may(node: Node, user: int, bit: int) -> bool:
    """Whether `user` may read (4), write (2) or run (1) it."""
    if user == ROOT:
        return bit != 1 or bool(node.mode & 0o111)
    return bool(node.mode & (bit << 6 if node.owner == user else bit))

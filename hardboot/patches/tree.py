"""A kernel source tree on disk: its version, and its files read and written safely."""

import contextlib
import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from hardboot.base import files
from hardboot.base.errors import InputError, RefusedError
from hardboot.patches.transaction import Change, write_all

_FILE_LIMIT = 8 << 20  # bytes; no source file that a series touches comes near
_MAKEFILE_HEAD = 64 << 10  # bytes; the version is in the first lines, after any comment

Version = tuple[int, int, int]
_Stamp = tuple[int, int, int] | None  # inode, size, mtime, to see changes; None: no such file


def dotted(version: Version) -> str:
    """Return a version as people write it: 6.1.192."""
    return ".".join(map(str, version))


class Tree:
    """The tree at `root`. Nothing outside it is read or written, whatever a patch names."""

    def __init__(self, root: Path) -> None:
        """Read nothing yet."""
        self.root = root
        self._real = Path(os.path.realpath(root))
        self._folders: dict[str, Path] = {}  # checked to be inside it, by path
        self._read: dict[str, tuple[_Stamp, bytes | None]] = {}  # files as they were read

    def version(self) -> Version:
        """Read version, patch level and sublevel from the top Makefile.

        Raises:
            InputError: If this is not the top of a kernel tree.
        """
        makefile = self.root / "Makefile"
        # Before 2.6.38 only the architectures have a Kconfig.
        with _looking_at(self.root):
            kconfig = any((self.root / path).is_file() for path in ("Kconfig", "init/Kconfig"))
            known = makefile.is_file() and kconfig and (self.root / "arch").is_dir()
        head = b""
        if known:
            with files.open_regular(makefile) as stream:
                head = stream.read(_MAKEFILE_HEAD)
        if re.search(rb"^(?:<{7}|>{7}) ", head, re.MULTILINE):
            raise InputError(
                f"{makefile} has the markers of a merge conflict: the kernel version is not certain",
                state="Nothing was changed.",
                fix="Resolve the conflict first.",
            )
        numbers = []
        for key in (b"VERSION", b"PATCHLEVEL", b"SUBLEVEL"):
            match = re.search(
                rb"^" + key + rb"[ \t]*[:?]?=[ \t]*(\d{1,5})[ \t]*(?:#.*)?\r?$", head, re.MULTILINE
            )
            if match is None:
                raise InputError(
                    f"{self.root} is not the top of a Linux kernel tree",
                    state="Nothing was changed.",
                    fix="Give the top folder of the kernel source: the one with Makefile, Kconfig and arch/.",
                )
            numbers.append(int(match[1]))
        return numbers[0], numbers[1], numbers[2]

    def read(self, path: str) -> bytes | None:
        """Read the file `path`; None if there is no such file.

        Raises:
            RefusedError: If it is no regular file, or lies outside the tree.
            InputError: If it cannot be read.
        """
        file = self._inside(path)
        info = _lstat(file)
        content = None
        if info is not None:
            if not stat.S_ISREG(info.st_mode):
                raise _unsafe(path, "is not a regular file in this tree")
            content = files.read_bytes(file, limit=_FILE_LIMIT)
        self._read[path] = _stamp(info), content
        return content

    def has(self, path: str) -> bool:
        """Return whether there is a file or folder `path`.

        Raises:
            InputError: If a folder above it may not be entered.
        """
        with _looking_at(self.root / path):
            return self._inside(path).exists()

    def is_regular(self, path: str) -> bool:
        """Return whether `path` is a file, and no link."""
        info = _lstat(self._inside(path))
        return info is not None and stat.S_ISREG(info.st_mode)

    def is_executable(self, path: str) -> bool:
        """Return whether the file `path` may be executed; False if there is none."""
        info = _lstat(self._inside(path))
        return info is not None and bool(info.st_mode & stat.S_IXUSR)

    def folders(self, path: str) -> list[str]:
        """Return the paths of the folders in `path`, sorted; none if it is no folder."""
        try:
            with os.scandir(self._inside(path)) as entries:
                return sorted(
                    f"{path}/{entry.name}" for entry in entries if entry.is_dir(follow_symlinks=False)
                )
        except OSError:
            return []

    def walk(
        self, path: str, endings: tuple[str, ...], named: re.Pattern[str] | None = None
    ) -> Iterator[tuple[str, bytes]]:
        """Yield path and content of the files below `path`, without links and what cannot be read.

        Args:
            path: A folder; nothing is yielded if it is none.
            endings: Of the names, one of which a name must have.
            named: What a name must match, too.
        """
        try:
            with os.scandir(self._inside(path)) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError:
            return
        for entry in entries:
            below = f"{path}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                yield from self.walk(below, endings, named)
            elif (
                entry.name.endswith(endings)
                and entry.is_file(follow_symlinks=False)
                and (named is None or named.search(entry.name))
            ):
                with contextlib.suppress(OSError), open(entry.path, "rb", buffering=0) as stream:  # noqa: PTH123
                    yield below, stream.read(_FILE_LIMIT)

    def _inside(self, path: str) -> Path:
        folder, _, name = path.rpartition("/")
        if name in ("", ".", "..") or "\0" in name or "\\" in name:
            raise _unsafe(path, "is not a plain path inside the tree")
        return (self._folder(folder, path) if folder or path != name else self._real) / name

    def _folder(self, folder: str, path: str) -> Path:
        """Return the folder `folder` on disk, checked once; `path` is for messages."""
        known = self._folders.get(folder)
        if known is None:
            known = self._inside(folder)
            # A link may lead elsewhere in the tree, never out of it.
            with _looking_at(known):
                is_link = known.is_symlink()
            if is_link:
                known = Path(os.path.realpath(known))
                if not known.is_relative_to(self._real):
                    raise _unsafe(path, "leaves the tree through a symbolic link")
            self._folders[folder] = known
        return known

    def write(self, contents: Mapping[str, bytes | None], executable: Mapping[str, bool]) -> None:
        """Write all files in `contents`, or none.

        Args:
            contents: New content by path, which must have been read before; None: delete.
            executable: Paths whose executable bits change.

        Raises:
            RefusedError: If a file was changed since it was read. The tree is unchanged.
            InputError: If a file cannot be written. The tree is unchanged, or the error names what changed.
        """
        changes = []
        for path, content in contents.items():
            file, (stamp, before) = self._inside(path), self._read[path]
            info = _lstat(file)
            if _stamp(info) != stamp:
                raise RefusedError(
                    f"{file} was changed by another program just now",
                    state="The tree is unchanged.",
                    fix="Try again when nothing else writes to this tree.",
                )
            mode = stat.S_IMODE(info.st_mode) if info else None
            changes.append(Change(file, before, content, mode, _mode(mode, executable.get(path))))
        write_all(changes)
        for change in changes:
            if change.after is None:
                self._prune(change.path.parent)

    def _prune(self, folder: Path) -> None:
        """Remove `folder` and those above it while they are empty: source archives have no empty folders."""
        with contextlib.suppress(OSError):
            while folder != self._real:
                folder.rmdir()
                folder = folder.parent


def _mode(before: int | None, executable: bool | None) -> int | None:
    """Return the permissions of a file that had `before`; None: as the umask says."""
    if before is None:
        return 0o755 if executable else None
    if executable is None:
        return before
    return before | (before & 0o444) >> 2 if executable else before & ~0o111


@contextlib.contextmanager
def _looking_at(path: Path) -> Iterator[None]:
    """Raise InputError where the block may not look at `path`."""
    try:
        yield
    except OSError as error:
        raise files.unreadable(path, error) from error


def _lstat(path: Path) -> os.stat_result | None:
    """Return the status of `path`, of a link itself; None if it does not exist."""
    with _looking_at(path):
        try:
            return path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None


def _stamp(info: os.stat_result | None) -> _Stamp:
    return info and (info.st_ino, info.st_size, info.st_mtime_ns)


def _unsafe(path: str, what: str) -> RefusedError:
    return RefusedError(
        f"{path!r} {what}",
        state="The tree is unchanged.",
        fix="Use a freshly unpacked source tree, and only patches that you trust.",
    )

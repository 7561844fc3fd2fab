"""A kernel source tree on disk: its version, its files read safely, and a set of files written or none."""

import contextlib
import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from hardboot import files
from hardboot.errors import InputError, RefusedError

_FILE_LIMIT = 8 << 20  # bytes; no source file that a series touches comes near
_MAKEFILE_HEAD = 4096  # bytes; the version is in the first lines

Version = tuple[int, int, int]


class Tree:
    """The tree at `root`. Nothing outside of it is read or written, whatever a patch names."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._real = Path(os.path.realpath(root))

    def version(self) -> Version:
        """Version, patch level and sublevel from the top Makefile.

        Raises:
            InputError: If this is not the top of a kernel tree.
        """
        makefile = self.root / "Makefile"
        known = makefile.is_file() and (self.root / "Kconfig").is_file() and (self.root / "arch").is_dir()
        head = b""
        if known:
            try:
                with makefile.open("rb") as stream:
                    head = stream.read(_MAKEFILE_HEAD)
            except OSError as error:
                raise files.unreadable(makefile, error) from error
        numbers = []
        for key in (b"VERSION", b"PATCHLEVEL", b"SUBLEVEL"):
            match = re.search(rb"^" + key + rb"[ \t]*=[ \t]*(\d{1,5})[ \t]*$", head, re.MULTILINE)
            if match is None:
                raise InputError(
                    f"{self.root} is not the top of a Linux kernel tree",
                    unchanged="Nothing was changed.",
                    fix="Name the unpacked source folder: the one with Makefile, Kconfig and arch/.",
                )
            numbers.append(int(match[1]))
        return numbers[0], numbers[1], numbers[2]

    def read(self, path: str) -> bytes | None:
        """The content of the file `path`; None if there is no such file.

        Raises:
            RefusedError: If it is no regular file, or lies outside the tree.
            InputError: If it cannot be read.
        """
        place = self._inside(path)
        try:
            mode = place.lstat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise files.unreadable(place, error) from error
        if not stat.S_ISREG(mode):
            raise _unsafe(path, "is not a regular file in this tree")
        return files.read_bytes(place, limit=_FILE_LIMIT)

    def has(self, path: str) -> bool:
        """True if there is a file or folder `path`."""
        return self._inside(path).exists()

    def folders(self, path: str) -> list[str]:
        """The paths of the folders in `path`, sorted; none if it is no folder."""
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
        """The files below `path` so called, and their content; no links, nothing that cannot be read."""
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
        pure = PurePosixPath(path)
        if (
            not path
            or "\0" in path
            or "\\" in path
            or pure.is_absolute()
            or str(pure) != path
            or ".." in pure.parts
        ):
            raise _unsafe(path, "is not a plain path inside the tree")
        place = self.root / pure
        # A link among the folders may lead elsewhere in the tree, never out of it.
        if not Path(os.path.realpath(place.parent)).is_relative_to(self._real):
            raise _unsafe(path, "leads out of the tree through a symbolic link")
        return place

    def write(self, contents: Mapping[str, bytes | None], executable: Mapping[str, bool]) -> None:
        """Write all files in `contents` (None: delete), or put everything back.

        Args:
            contents: New content by path.
            executable: Paths whose executable bits change.

        Raises:
            InputError: If a file cannot be written. The tree is as it was, or the error names what is not.
        """
        undo: list[tuple[Path, bytes | None, int]] = []
        made: list[Path] = []
        try:
            for path, content in contents.items():
                place = self._inside(path)
                before = self.read(path)
                mode = stat.S_IMODE(place.stat().st_mode) if before is not None else 0
                made += _make_folders(place.parent)
                undo.append((place, before, mode))
                _put(place, content, _mode(mode, executable.get(path)))
            for path in [path for path, content in contents.items() if content is None]:
                self._prune((self.root / path).parent)
        except BaseException as error:
            stuck = _put_back(undo, made)
            if stuck:
                raise InputError(
                    f"{stuck[0]} could not be put back after: {error}",
                    unchanged=f"The tree is half changed: {', '.join(map(str, stuck))}.",
                    fix="Make room or give write permission, then restore these files from your copy.",
                ) from error
            raise

    def _prune(self, folder: Path) -> None:
        """Remove `folder` and those above it while they are empty: source archives have no empty folders."""
        with contextlib.suppress(OSError):
            while folder != self.root:
                folder.rmdir()
                folder = folder.parent


def _mode(before: int, executable: bool | None) -> int | None:
    if executable is None or (not before and not executable):
        return None  # write_atomic keeps the old one, or asks the umask
    mode = before or 0o644
    return mode | (mode & 0o444) >> 2 if executable else mode & ~0o111


def _make_folders(folder: Path) -> list[Path]:
    missing = [part for part in (folder, *folder.parents) if not part.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise files.unwritable(folder, error) from error
    return missing


def _put(place: Path, content: bytes | None, mode: int | None) -> None:
    if content is not None:
        files.write_atomic(place, [content], mode=mode, durable=False)
        return
    try:
        place.unlink()
    except OSError as error:
        raise files.unwritable(place, error) from error


def _put_back(undo: list[tuple[Path, bytes | None, int]], made: list[Path]) -> list[Path]:
    stuck = []
    for place, before, mode in reversed(undo):
        try:
            if before is None:
                place.unlink(missing_ok=True)
            elif not place.exists() or place.read_bytes() != before:
                files.write_atomic(place, [before], mode=mode, durable=False)
        except (OSError, InputError):
            stuck.append(place)
    for folder in made:
        with contextlib.suppress(OSError):
            folder.rmdir()
    return stuck


def _unsafe(path: str, what: str) -> RefusedError:
    return RefusedError(
        f"{path!r} {what}",
        unchanged="Nothing was changed.",
        fix="Use a freshly unpacked source tree and the series that ships with hardboot.",
    )

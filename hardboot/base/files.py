"""Files on this computer: the data that ships with hardboot, its cache and state folders, safe writing."""

from __future__ import annotations

import mmap
import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Self

from hardboot.base.errors import InputError

Data = bytes | bytearray | memoryview | mmap.mmap


def data_dir(name: str) -> Path:
    """The folder `name` ("devices", "patches") that ships with hardboot: in a checkout or installed."""
    package = Path(__file__).parents[1]
    checkout = package.parent / name
    return checkout if checkout.is_dir() else package / "_data" / name


def _xdg(variable: str, fallback: str) -> Path:
    base = os.environ.get(variable)
    return (Path(base) if base else Path.home() / fallback) / "hardboot"


def cache_dir() -> Path:
    """Downloads and builds: may be deleted at any time ($XDG_CACHE_HOME/hardboot)."""
    return _xdg("XDG_CACHE_HOME", ".cache")


def state_dir() -> Path:
    """Backups, logs and virtual phones: kept ($XDG_STATE_HOME/hardboot)."""
    return _xdg("XDG_STATE_HOME", ".local/state")


class Locked:
    """While it is entered only this process makes `path`: it holds a lock beside it, and others wait."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Self:
        import fcntl  # phones are also driven from systems that lack it

        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = self._path.with_name(f"{self._path.name}.lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.close()


def read_bytes(path: Path | str, *, limit: int) -> bytes:
    """The content of `path`.

    Raises:
        InputError: If it cannot be read or is larger than `limit` bytes.
    """
    try:
        size = os.stat(path).st_size
        if size > limit:
            raise InputError(
                f"{path}: {size} bytes, the limit is {limit}",
                state="Nothing was changed.",
                fix="Check that this is the right file.",
            )
        with open(path, "rb") as stream:
            return stream.read()
    except OSError as error:
        raise unreadable(path, error) from error


def map_file(path: Path | str) -> mmap.mmap:
    """The content of `path`, mapped read-only: only what is looked at is read.

    Raises:
        InputError: If it cannot be read, is no regular file or is empty.
    """
    try:
        # Without waiting, as for who writes into a pipe; the two flags are not in every system.
        file = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        try:
            info = os.fstat(file)
            if not stat.S_ISREG(info.st_mode):
                raise _wrong_file(path, "not a regular file")
            if not info.st_size:
                raise _wrong_file(path, "empty file")
            return mmap.mmap(file, 0, access=mmap.ACCESS_READ)
        finally:
            os.close(file)
    except OSError as error:
        raise unreadable(path, error) from error


def map_chunks(chunks: Iterable[Data]) -> mmap.mmap:
    """What `chunks` give, mapped read-only from a temporary file without a name; zeros take no room there.

    Raises:
        InputError: If the file cannot be written.
    """
    import tempfile  # slow to load

    try:
        with tempfile.TemporaryFile() as stream:
            size = 0
            for chunk in chunks:
                size += len(chunk)
                if any(chunk):
                    stream.write(chunk)
                else:
                    stream.seek(size)
            stream.truncate(size)
            stream.flush()
            return mmap.mmap(stream.fileno(), size, access=mmap.ACCESS_READ)
    except OSError as error:
        raise InputError(
            f"{tempfile.gettempdir()}: cannot be written: {error.strerror or error}",
            state="Nothing was changed.",
            fix="Make room there, or set TMPDIR to a folder that has some.",
        ) from error


def _wrong_file(path: Path | str, problem: str) -> InputError:
    return InputError(
        f"{path}: {problem}",
        state="Nothing was changed.",
        fix="Check that this is the right file.",
    )


def unreadable(path: Path | str, error: OSError) -> InputError:
    """The error for a file that cannot be opened or read."""
    return InputError(
        f"{path}: {error.strerror or error}",
        state="Nothing was changed.",
        fix="Check the name and the permissions of the file.",
    )


def write_atomic(
    path: Path | str, chunks: Iterable[Data], *, mode: int | None = None, durable: bool = True
) -> None:
    """Write `path` through a temporary file beside it and a rename: there is never half a file.

    Args:
        path: Target; replaced if it exists. A hard link to the old content elsewhere stays as it was.
        chunks: The content, in order.
        mode: Permission bits; None keeps those of an existing target, else uses the umask.
        durable: Wait until it is on the disk, for what nobody could make again.

    Raises:
        InputError: If it cannot be written, or `path` is a device or a folder, whose place it would take.
    """
    old = _mode_of(path)
    if mode is None:
        mode = 0o666 & ~umask() if old is None else old
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}.{os.urandom(8).hex()}")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        file = os.open(temporary, flags, 0o600)
        try:
            with os.fdopen(file, "wb") as stream:
                for chunk in chunks:
                    stream.write(chunk)
                stream.flush()
                if durable:
                    os.fsync(stream.fileno())
            os.chmod(temporary, mode)
            os.replace(temporary, path)
        except BaseException:
            if os.path.exists(temporary):
                os.unlink(temporary)
            raise
    except OSError as error:
        raise unwritable(path, error) from error


def make_folder(folder: Path | str, fill: Callable[[str], None], *, last: str = "") -> None:
    """Make `folder` with what `fill` puts into the folder it is given: all of it, or nothing.

    Args:
        folder: Must not exist or be empty.
        fill: Its errors leave nothing behind.
        last: The file that makes a folder whole, moved last into one that exists.

    Raises:
        InputError: If there is something in `folder`, or it cannot be written.
    """
    _check_empty(folder)
    try:
        there = os.path.exists(folder)
        parent, name = (folder, "") if there else os.path.split(os.path.abspath(folder))
        made = os.path.join(parent, f".{name}.{os.urandom(8).hex()}")
        os.mkdir(made, mode=0o700)
        try:
            fill(made)
            if there:
                for name in sorted(os.listdir(made), key=lambda name: name == last):
                    os.replace(os.path.join(made, name), os.path.join(folder, name))
                os.rmdir(made)
            else:
                os.chmod(made, 0o777 & ~umask())
                os.replace(made, folder)
        except BaseException:
            import shutil  # slow to load

            shutil.rmtree(made, ignore_errors=True)
            raise
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be written: {error.strerror or error}",
            state="Nothing was written.",
            fix="Choose a folder in a place that exists, is writable and has room.",
        ) from error


def _check_empty(folder: Path | str) -> None:
    try:
        if not os.path.exists(folder) or (os.path.isdir(folder) and not os.listdir(folder)):
            return
    except OSError as error:
        raise unreadable(folder, error) from error
    raise InputError(
        f"{folder}: {'the folder is not empty' if os.path.isdir(folder) else 'this is not a folder'}",
        state="Nothing was written.",
        fix="Give a folder that does not exist yet, or is empty.",
    )


def umask() -> int:
    """The permission bits that new files and folders do not get."""
    found = os.umask(0)
    os.umask(found)
    return found


def _mode_of(path: Path | str) -> int | None:
    """The permission bits of the file at `path`; None if there is none."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unwritable(path, error) from error
    if not stat.S_ISREG(mode):
        raise InputError(
            f"{path}: not a regular file",
            state="The target is as it was.",
            fix="Give the name of a file: one that is there, or a new one.",
        )
    return mode & 0o7777


def unwritable(path: Path | str, error: OSError) -> InputError:
    """The error for a file or folder that cannot be made, changed or removed."""
    return InputError(
        f"{path}: cannot be written: {error.strerror or error}",
        state="The target is as it was.",
        fix="Choose a folder that exists, is writable and has room.",
    )


def sha256_file(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    import hashlib  # slow to load, and few commands need it

    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

"""Files on this computer: the data that ships with hardboot, its cache and state folders, safe writing."""

import mmap
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hardboot.errors import InputError

_PACKAGE = Path(__file__).parent


def data_dir(name: str) -> Path:
    """The folder `name` ("devices", "patches") that ships with hardboot: in a checkout or installed."""
    checkout = _PACKAGE.parent / name
    return checkout if checkout.is_dir() else _PACKAGE / "_data" / name


def _xdg(variable: str, fallback: str) -> Path:
    base = os.environ.get(variable)
    return (Path(base) if base else Path.home() / fallback) / "hardboot"


def cache_dir() -> Path:
    """Downloads and builds: may be deleted at any time ($XDG_CACHE_HOME/hardboot)."""
    return _xdg("XDG_CACHE_HOME", ".cache")


def state_dir() -> Path:
    """Backups, logs and virtual phones: kept ($XDG_STATE_HOME/hardboot)."""
    return _xdg("XDG_STATE_HOME", ".local/state")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Only one process at a time makes `path`; it holds a lock beside it, and the others wait."""
    import fcntl  # phones are also driven from systems that lack it

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f"{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def read_bytes(path: Path, *, limit: int) -> bytes:
    """The content of `path`.

    Raises:
        InputError: If it cannot be read or is larger than `limit` bytes.
    """
    try:
        size = path.stat().st_size
        if size > limit:
            raise InputError(
                f"{path}: {size} bytes, the limit is {limit}",
                unchanged="Nothing was changed.",
                fix="Check that this is the right file.",
            )
        return path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error


def map_file(path: Path) -> mmap.mmap:
    """The content of `path`, mapped read-only: only what is looked at is read.

    Raises:
        InputError: If it cannot be read, is no regular file or is empty.
    """
    try:
        if path.exists() and not path.is_file():
            raise _wrong_file(path, "not a regular file")
        with path.open("rb") as stream:
            if not os.fstat(stream.fileno()).st_size:
                raise _wrong_file(path, "empty file")
            return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise unreadable(path, error) from error


def map_chunks(chunks: Iterable[bytes]) -> mmap.mmap:
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
            unchanged="Nothing was changed.",
            fix="Make room there, or set TMPDIR to a folder that has some.",
        ) from error


def _wrong_file(path: Path, problem: str) -> InputError:
    return InputError(
        f"{path}: {problem}",
        unchanged="Nothing was changed.",
        fix="Check that this is the right file.",
    )


def unreadable(path: Path, error: OSError) -> InputError:
    """The error for a file that cannot be opened or read."""
    return InputError(
        f"{path}: {error.strerror or error}",
        unchanged="Nothing was changed.",
        fix="Check the name and the permissions of the file.",
    )


def write_atomic(
    path: Path, chunks: Iterable[bytes], *, mode: int | None = None, durable: bool = True
) -> None:
    """Write `path` through a temporary file beside it and a rename: there is never half a file.

    Args:
        path: Target; replaced if it exists. A hard link to the old content elsewhere stays as it was.
        chunks: The content, in order.
        mode: Permission bits; None keeps those of an existing target, else uses the umask.
        durable: Wait until it is on the disk, for what nobody could make again.
    """
    if mode is None:
        try:
            mode = path.stat().st_mode & 0o7777
        except FileNotFoundError:
            umask = os.umask(0)
            os.umask(umask)
            mode = 0o666 & ~umask
    import tempfile  # slow to load, and reading needs none

    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as stream:
                for chunk in chunks:
                    stream.write(chunk)
                stream.flush()
                if durable:
                    os.fsync(stream.fileno())
            temporary.chmod(mode)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError) -> InputError:
    """The error for a file or folder that cannot be made, changed or removed."""
    return InputError(
        f"{path}: cannot be written: {error.strerror or error}",
        unchanged="The target is as it was.",
        fix="Choose a folder that exists, is writable and has room.",
    )


def sha256_file(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    import hashlib  # slow to load, and few commands need it

    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

"""Files on this computer: the data that ships with hardboot, its cache and state folders, safe writing."""

import hashlib
import mmap
import os
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from hardboot.base.errors import InputError
from hardboot.base.temporary import temporary_folder

Data = bytes | bytearray | memoryview | mmap.mmap

_CHECK_FILE = "Check that this is the right file."
_PIECE = 1 << 20  # bytes read at a time
_CHOOSE_FOLDER = "Choose a folder that exists, is writable and has room."


def data_dir(name: str) -> Path:
    """Return the folder `name` ("devices", "patches") of data that ships with hardboot."""
    package = Path(__file__).parents[1]
    checkout = package.parent / name
    return checkout if checkout.is_dir() else package / "_data" / name  # as installed


def _xdg(variable: str, fallback: str) -> Path:
    base = os.environ.get(variable)
    return (Path(base) if base else home(variable) / fallback) / "hardboot"


def home(variable: str = "HOME") -> Path:
    """Return the user's home folder.

    Args:
        variable: The environment variable that would do instead.

    Raises:
        InputError: If the user has none.
    """
    try:
        return Path.home()
    except RuntimeError as error:
        raise InputError(
            "this user has no home folder",
            state="Nothing was changed.",
            fix=f"Set {variable} to a folder that is writable.",
        ) from error


def make_folder(folder: Path, *, mode: int = 0o777) -> None:
    """Make a folder and those above it, unless it exists.

    Args:
        folder: To make.
        mode: Permission bits, less those of the umask.

    Raises:
        InputError: If it cannot be made.
    """
    try:
        folder.mkdir(mode=mode, parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            _cannot_write(error),
            file=str(folder),
            state="Nothing was changed.",
            fix="Make it writable; XDG_STATE_HOME, XDG_CACHE_HOME and XDG_CONFIG_HOME choose others.",
        ) from error


def cache_dir() -> Path:
    """Return the folder for downloads and builds, which may be deleted at any time ($XDG_CACHE_HOME)."""
    return _xdg("XDG_CACHE_HOME", ".cache")


def config_dir() -> Path:
    """Return the folder for what the user writes, such as profiles of their own ($XDG_CONFIG_HOME)."""
    return _xdg("XDG_CONFIG_HOME", ".config")


def state_dir() -> Path:
    """Return the folder for backups, logs and virtual phones, which are kept ($XDG_STATE_HOME)."""
    return _xdg("XDG_STATE_HOME", ".local/state")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock beside `path`; another process that wants it waits."""
    import fcntl  # Windows lacks it, and drives real phones without a lock

    make_folder(path.parent)
    try:
        lock = path.with_name(f"{path.name}.lock").open("w")
    except OSError as error:
        raise unwritable(path, error) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def naming(path: Path, *, state: str | None = None) -> Iterator[None]:
    """Put `path` in front of each InputError about its content; an error that names a file stays as it is.

    Args:
        path: The file whose content is read.
        state: Replaces the state the error tells.
    """
    try:
        yield
    except InputError as error:
        if error.file is not None:
            raise
        raise InputError(error.what, file=str(path), state=state or error.state, fix=error.fix) from error


@contextmanager
def open_regular(path: Path) -> Iterator[BinaryIO]:
    """Open a file of the user for reading; a pipe or device is refused and never waited for.

    Raises:
        InputError: If it cannot be read, or is no regular file.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise wrong(path, "not a regular file")
        with os.fdopen(descriptor, "rb", buffering=0) as stream:
            yield stream
    except OSError as error:
        raise unreadable(path, error) from error


def read_bytes(path: Path, *, limit: int) -> bytes:
    """Return the content of `path`.

    Raises:
        InputError: If it cannot be read, is no regular file, or is larger than `limit` bytes.
    """
    with open_regular(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        if size > limit:
            raise wrong(path, f"{size} bytes, the limit is {limit}")
        content = bytearray()
        # Files in /proc have no size, and others may grow meanwhile.
        while piece := stream.read(min(max(size, _PIECE) + 1, limit + 1 - len(content))):
            content += piece
        if len(content) > limit:
            raise wrong(path, f"more than {limit} bytes, which is the limit")
        return bytes(content)


@dataclass(frozen=True)
class PrivateCopy:
    """A copy of a file that nobody else changes: what is checked is what is used.

    Attributes:
        name: The file as the user named it.
        path: The copy.
        size: Bytes.
        sha256: Of the content, in hex.
    """

    name: Path
    path: Path
    size: int
    sha256: str

    def check_original(self) -> None:
        """Refuse to go on if the file that the user named has another content now.

        Raises:
            InputError: If it has, or cannot be read.
        """
        with open_regular(self.name) as stream:
            size = os.fstat(stream.fileno()).st_size
        if size != self.size or sha256_file(self.name) != self.sha256:
            raise InputError(
                "the file changed after it was checked",
                file=str(self.name),
                state="Nothing was written.",
                fix="Try again when nothing else writes to it.",
            )


@contextmanager
def private_copy(path: Path, *, limit: int) -> Iterator[PrivateCopy]:
    """Copy `path` into a temporary folder for the time of the block.

    Raises:
        InputError: If it cannot be read, is no regular file, is empty, or is larger than `limit` bytes.
    """
    content = read_bytes(path, limit=limit)
    if not content:
        raise wrong(path, "empty file")
    with temporary_folder() as folder:
        copy = folder / "copy"
        copy.write_bytes(content)
        yield PrivateCopy(path, copy, len(content), hashlib.sha256(content).hexdigest())


def built_copy(name: Path, path: Path, chunks: Iterable[Data]) -> PrivateCopy:
    """Write what was made of the file `name` to `path`, in a temporary folder.

    Raises:
        InputError: If it cannot be written.
    """
    write_atomic(path, chunks, durable=False)
    return PrivateCopy(name, path, path.stat().st_size, sha256_file(path))


def write_atomic(
    path: Path, chunks: Iterable[Data], *, mode: int | None = None, durable: bool = True
) -> None:
    """Write `chunks` to `path`: all of them, or it stays as it was.

    Args:
        path: Replaced if it exists; its permissions stay.
        chunks: May raise; then nothing is left behind.
        mode: Permission bits; None keeps those of the file replaced; the umask decides for a new one.
        durable: Wait until the content is on the disk: a power failure then leaves the old or the new file.

    Raises:
        InputError: If it cannot be written.
    """
    with atomic_file(path, mode=mode, durable=durable) as stream:
        stream.writelines(chunks)


@contextmanager
def atomic_file(path: Path, *, mode: int | None = None, durable: bool = True) -> Iterator[BinaryIO]:
    """Yield a stream to a file beside `path`, which takes its place when the block ends without an error.

    Args:
        path: See `write_atomic`.
        mode: See `write_atomic`.
        durable: See `write_atomic`.

    Raises:
        InputError: If it cannot be written.
    """
    old = _mode_of(path)
    mode = old if mode is None else mode
    temporary = _beside(path)
    try:
        try:
            temporary.touch(0o666 if mode is None else 0o600, exist_ok=False)
            with temporary.open("wb") as stream:
                yield stream
                stream.flush()
                if durable:
                    os.fsync(stream.fileno())
            if mode is not None:
                temporary.chmod(mode)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise unwritable(path, error) from error


@contextmanager
def atomic_folder(folder: Path, *, last: str = "") -> Iterator[Path]:
    """Yield an empty folder that becomes `folder` when the block ends; after an error nothing is left of it.

    Args:
        folder: Must not exist or be empty.
        last: The file that marks a complete folder; moved last into a folder that exists.

    Raises:
        InputError: If there is something in `folder`, or it cannot be written.
    """
    _check_empty(folder)
    try:
        exists = folder.exists()
        made = _beside(folder / "inside" if exists else folder)
        made.mkdir()
        try:
            yield made
            if exists:
                for path in sorted(made.iterdir(), key=lambda path: path.name == last):
                    path.replace(folder / path.name)
                made.rmdir()
            else:
                made.replace(folder)
        except BaseException:
            shutil.rmtree(made, ignore_errors=True)
            raise
    except OSError as error:
        raise InputError(
            _cannot_write(error), file=str(folder), state="Nothing was written.", fix=_CHOOSE_FOLDER
        ) from error


def _beside(path: Path) -> Path:
    """Return a new hidden name in the folder of `path`."""
    return path.absolute().with_name(f".hardboot-{secrets.token_hex(8)}")


def _check_empty(folder: Path) -> None:
    try:
        if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
            return
    except OSError as error:
        raise unreadable(folder, error) from error
    raise InputError(
        "the folder is not empty" if folder.is_dir() else "not a folder",
        file=str(folder),
        state="Nothing was written.",
        fix="Give a folder that does not exist yet, or is empty.",
    )


def _mode_of(path: Path) -> int | None:
    """Return the permission bits of the file at `path`; None if there is none."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unwritable(path, error) from error
    if not stat.S_ISREG(mode):
        raise InputError(
            "not a regular file",
            file=str(path),
            state="The target is as it was.",
            fix="Give the name of a file: one that is there, or a new one.",
        )
    return stat.S_IMODE(mode)


def wrong(path: Path, problem: str) -> InputError:
    """Return the error for a file that is not what is needed."""
    return InputError(problem, file=str(path), state="Nothing was changed.", fix=_CHECK_FILE)


def unreadable(path: Path, error: OSError) -> InputError:
    """Return the error for a file that cannot be opened or read."""
    return InputError(
        _reason(error),
        file=str(path),
        state="Nothing was changed.",
        fix="Check the name and the permissions of the file.",
    )


def unwritable(path: Path, error: OSError) -> InputError:
    """Return the error for a file or folder that cannot be made, changed or removed."""
    return InputError(
        _cannot_write(error), file=str(path), state="The target is as it was.", fix=_CHOOSE_FOLDER
    )


def _cannot_write(error: OSError) -> str:
    return f"cannot be written: {_reason(error, missing='no such folder')}"


def _reason(error: OSError, *, missing: str = "no such file") -> str:
    """Return what `error` says, as a part of a sentence; `missing` where something does not exist."""
    text = missing if isinstance(error, FileNotFoundError) else error.strerror or str(error)
    return text[:1].lower() + text[1:]


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

"""Read-only mappings of files: what is not looked at takes no memory."""

import errno
import mmap
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from hardboot.base.errors import InputError
from hardboot.base.files import Data, open_regular, wrong
from hardboot.base.temporary import cannot_make

_PIECE = 1 << 20  # bytes copied at a time where the kernel cannot copy
# No copy_file_range: not between these file systems, not of this one, not in this kernel or sandbox.
_NO_COPY_RANGE = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM}
_ZEROS = bytes(_PIECE)
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def map_file(path: Path) -> mmap.mmap:
    """Map a private copy of `path`, a file that others may change, read-only.

    A file that is cut short while it is mapped itself would end this process by SIGBUS.

    Raises:
        InputError: If it cannot be read, is no regular file, is empty, or changes while it is copied.
    """
    with open_regular(path) as source:
        before = os.fstat(source.fileno())
        if not before.st_size:
            raise wrong(path, "empty file")
        try:
            copy = tempfile.TemporaryFile()  # noqa: SIM115  # closed below; only making it may fail here
        except OSError as error:
            raise cannot_make(None, error) from error
        with copy:
            _copy(source.fileno(), copy.fileno(), before.st_size, path)
            after = os.fstat(source.fileno())
            if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
                raise _changed(path)
            return mmap.mmap(copy.fileno(), before.st_size, access=mmap.ACCESS_READ)


def map_own_file(path: Path) -> mmap.mmap:
    """Map a file of hardboot's own, which nobody else changes, read-only.

    Raises:
        InputError: If it cannot be read, or is empty.
    """
    with open_regular(path) as stream:
        if not os.fstat(stream.fileno()).st_size:
            raise wrong(path, "empty file")
        return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)


def _copy(source: int, target: int, size: int, path: Path) -> None:
    """Copy `size` bytes between descriptors, inside the kernel where it can; holes stay holes.

    Raises:
        InputError: If `source` is shorter, or the copy cannot be written.
    """
    try:
        os.ftruncate(target, size)
        at = 0
        while at < size:
            at, end = _next_data(source, at, size)
            while at < end:
                done = _copy_piece(source, target, at, end - at)
                if not done:
                    raise _changed(path)
                at += done
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise cannot_make(None, error) from error
        raise


def _next_data(source: int, start: int, size: int) -> tuple[int, int]:
    """Return start and end of the next bytes that are not in a hole; `size` twice if there are none."""
    if not hasattr(os, "SEEK_DATA"):
        return start, size
    try:
        start = os.lseek(source, start, os.SEEK_DATA)
        return start, min(os.lseek(source, start, os.SEEK_HOLE), size)
    except OSError as error:
        if error.errno == errno.ENXIO:  # only a hole is left, or the file ends here
            return size, size
        return start, size


def _copy_piece(source: int, target: int, at: int, most: int) -> int:
    """Copy up to `most` bytes at offset `at`; return how many."""
    if hasattr(os, "copy_file_range"):  # shares the blocks where the file system can
        try:
            return os.copy_file_range(source, target, most, at, at)
        except OSError as error:
            if error.errno not in _NO_COPY_RANGE:
                raise
    os.lseek(source, at, os.SEEK_SET)
    os.lseek(target, at, os.SEEK_SET)
    return os.write(target, os.read(source, min(most, _PIECE)))


def _changed(path: Path) -> InputError:
    return InputError(
        "the file changed while it was read",
        file=str(path),
        state="Nothing was changed.",
        fix="Try again when nothing else writes to it.",
    )


def _is_zeros(chunk: Data) -> bool:
    whole = memoryview(chunk).cast("B")
    parts = (bytes(whole[start : start + _PIECE]) for start in range(0, len(whole), _PIECE))
    return all(part == _ZEROS[: len(part)] for part in parts)  # 50 times faster than any(chunk)


def map_chunks(chunks: Iterable[Data]) -> mmap.mmap:
    """Write `chunks` to a temporary file without a name and map it read-only; zeros take no room there.

    Raises:
        InputError: If the file cannot be written.
    """
    try:
        with tempfile.TemporaryFile() as stream:
            size = 0
            for chunk in chunks:
                size += len(chunk)
                if not _is_zeros(chunk):
                    stream.write(chunk)
                else:
                    stream.seek(size)
            stream.truncate(size)
            stream.flush()
            return mmap.mmap(stream.fileno(), size, access=mmap.ACCESS_READ)
    except OSError as error:
        raise cannot_make(None, error) from error

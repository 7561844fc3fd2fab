"""Unpack cpio entries as Linux init/initramfs.c does, with the system calls of the running kernel.

Paths are resolved by openat2(2) with RESOLVE_IN_ROOT: the kernel's own idea of a root folder.
"""

import ctypes
import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hardboot.formats.archives.cpio import Archive, Entry

_OPENAT2 = 437  # the same number on all architectures
_RESOLVE_IN_ROOT = 0x10
_libc = ctypes.CDLL(None, use_errno=True)


class _How(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def _open(root: int, path: str, flags: int) -> int:
    how = _How(flags | os.O_CLOEXEC, 0, _RESOLVE_IN_ROOT)
    while True:
        found: int = _libc.syscall(_OPENAT2, root, os.fsencode(path), ctypes.byref(how), ctypes.sizeof(how))
        if found >= 0:
            return found
        if ctypes.get_errno() != errno.EAGAIN:  # something else was renamed while ".." was resolved
            raise OSError(ctypes.get_errno(), path)


def has_openat2(folder: Path) -> bool:
    """Return whether the running kernel has openat2 (Linux 5.6)."""
    root = os.open(folder, os.O_PATH)
    try:
        os.close(_open(root, ".", os.O_PATH))
    except OSError:
        return False
    finally:
        os.close(root)
    return True


@contextmanager
def _above(root: int, name: str) -> Iterator[tuple[int, str]]:
    """Open the folder above `name`, whose last part is a plain name: it is used without RESOLVE_IN_ROOT."""
    above, _, last = name.rpartition("/")
    if last in ("", ".", ".."):
        raise ValueError(name)
    folder = _open(root, above or "/", os.O_PATH | os.O_DIRECTORY)
    try:
        yield folder, last
    finally:
        os.close(folder)


def _clean(folder: int, last: str, kind: int) -> None:
    with suppress(FileNotFoundError):
        mode = os.lstat(last, dir_fd=folder).st_mode
        if stat.S_IFMT(mode) != kind:
            (os.rmdir if stat.S_ISDIR(mode) else os.unlink)(last, dir_fd=folder)


class LinuxRootfs:
    """A folder that archives are unpacked into."""

    def __init__(self, folder: Path) -> None:
        self._root = os.open(folder, os.O_PATH)
        self._links: dict[tuple[int, int, int, int], str] = {}

    def add(self, archive: Archive) -> None:
        for entry in archive.entries:
            with suppress(OSError):
                self._add(entry)
        self._links.clear()

    def _add(self, entry: Entry) -> None:
        with _above(self._root, entry.name) as (folder, last):
            if entry.is_link:
                with suppress(OSError):
                    _clean(folder, last, 0)
                os.symlink(bytes(entry.data), os.fsencode(last), dir_fd=folder)
                return
            with suppress(OSError):
                _clean(folder, last, stat.S_IFMT(entry.mode))
            if entry.is_folder:
                with suppress(OSError):
                    os.mkdir(last, dir_fd=folder)
                os.chmod(last, stat.S_IMODE(entry.mode), dir_fd=folder)
            elif entry.is_file:
                self._add_file(folder, last, entry)

    def _add_file(self, folder: int, last: str, entry: Entry) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        key = (entry.dev_major, entry.dev_minor, entry.ino, stat.S_IFMT(entry.mode))
        if entry.nlink >= 2:
            old = self._links.get(key)
            self._links.setdefault(key, entry.name)
            if old is not None:
                with suppress(OSError):
                    _clean(folder, last, 0)
                with _above(self._root, old) as (there, first):
                    os.link(first, last, src_dir_fd=there, dst_dir_fd=folder, follow_symlinks=False)
                flags &= ~os.O_TRUNC
        stream = os.open(last, flags, 0o600, dir_fd=folder)
        os.fchmod(stream, stat.S_IMODE(entry.mode))
        if len(entry.data):
            os.ftruncate(stream, 0)
            os.write(stream, entry.data)
        os.close(stream)

    def close(self) -> None:
        os.close(self._root)

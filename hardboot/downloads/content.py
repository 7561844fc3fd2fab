"""Bytes of a file, from an offset on: read in pieces, or as a file that an archive is in."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from hardboot.base.errors import InputError
from hardboot.base.files import unreadable

PIECE = 1 << 20  # bytes read at a time
MAX_READ = (
    8 << 20
)  # bytes that an archive's library may ask for at once: a directory of 65,536 files has 6 MiB


@dataclass(frozen=True)
class FileContent:
    """Part of an open file.

    Attributes:
        path: The file that the user named, for errors.
        stream: The file.
        offset: Of the first byte.
        size: Bytes.
    """

    path: Path
    stream: BinaryIO = field(repr=False)
    offset: int
    size: int

    def part(self, offset: int, size: int) -> FileContent:
        """Return `size` bytes from `offset` on.

        Raises:
            InputError: If the content ends before.
        """
        if offset < 0 or size < 0 or offset + size > self.size:
            raise cut_short(self.path)
        return FileContent(self.path, self.stream, self.offset + offset, size)

    def head(self, size: int) -> bytes:
        """Return the first `size` bytes, or all of them."""
        return self._read(0, min(size, self.size))

    def pieces(self) -> Iterator[bytes]:
        """Yield all of it, in pieces of 1 MiB.

        Raises:
            InputError: If it cannot be read, or was cut short meanwhile.
        """
        for start in range(0, self.size, PIECE):
            yield self._read(start, min(PIECE, self.size - start))

    def _read(self, start: int, size: int) -> bytes:
        content = bytearray()
        try:
            self.stream.seek(self.offset + start)
            while len(content) < size:
                piece = self.stream.read(size - len(content))
                if not piece:
                    raise cut_short(self.path)
                content += piece
        except OSError as error:
            raise unreadable(self.path, error) from error
        return bytes(content)

    def file(self) -> io.RawIOBase:
        """Return it as a file of its own, for a library that reads archives."""
        return _File(self)


class _File(io.RawIOBase):
    """A file that hands out at most MAX_READ bytes at once: sizes in archives are not to be believed."""

    def __init__(self, content: FileContent) -> None:
        super().__init__()
        self._content = content
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._content.size}[whence]
        if start + offset < 0:
            raise OSError(f"offset {start + offset} is before the start of the file")
        self._at = start + offset
        return self._at

    def read(self, size: int | None = -1, /) -> bytes:
        left = max(0, self._content.size - self._at)
        size = left if size is None or size < 0 else min(size, left)
        if size > MAX_READ:
            raise OSError(f"{size} bytes of an archive's lists, the limit is {MAX_READ}")
        content = self._content.part(self._at, size).head(size) if size else b""
        self._at += size
        return content


def cut_short(path: Path) -> InputError:
    """Return the error for a file that ends before its content does."""
    return InputError(
        "the file is cut short",
        file=str(path),
        state="Nothing was changed.",
        fix="Download it again: compare its size and checksum with those of its source.",
    )

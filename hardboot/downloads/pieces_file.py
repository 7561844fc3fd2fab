"""Pieces of bytes as a file that is read from start to end, for tarfile."""

import io
from collections.abc import Iterator

from hardboot.formats.archives.piece_reader import PieceReader


class PiecesFile(io.RawIOBase):
    """A file of pieces; it keeps no more of them than is asked for at once."""

    def __init__(self, pieces: Iterator[bytes], what: str) -> None:
        """Prepare to read; `what` names the format in errors."""
        super().__init__()
        self._reader = PieceReader(pieces, what)

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next `size` bytes, fewer at the end; tarfile never asks for all."""
        assert size is not None
        assert size >= 0
        return self._reader.read("member", len(self._reader.peek(size)))

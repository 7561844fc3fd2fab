"""Read fields and content from bytes that arrive in pieces."""

from collections.abc import Iterable, Iterator

from hardboot.formats.reading import truncated


class PieceReader:
    """Reads pieces in their order, and keeps no more than one of them and what was peeked at.

    Attributes:
        offset: Bytes read so far.
    """

    def __init__(self, pieces: Iterable[bytes], what: str) -> None:
        """Prepare to read; `what` names the format in errors."""
        self.offset = 0
        self._what = what
        self._pieces = iter(pieces)
        self._waiting = b""

    def peek(self, size: int) -> bytes:
        """Return the next `size` bytes and leave them there; fewer at the end."""
        while len(self._waiting) < size:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._waiting += piece
        return self._waiting[:size]

    def read(self, field: str, size: int) -> bytes:
        """Return the next `size` bytes, which are the field `field`.

        Raises:
            InputError: If there are fewer.
        """
        content = self.peek(size)
        if len(content) < size:
            raise truncated(self._what, field, self.offset, len(content), size)
        self._waiting = self._waiting[size:]
        self.offset += size
        return content

    def take(self, field: str, size: int) -> Iterator[bytes]:
        """Yield the next `size` bytes in pieces as they arrive.

        Raises:
            InputError: If there are fewer.
        """
        left = size
        while left:
            piece = self._waiting or next(self._pieces, None)
            if piece is None:
                raise truncated(self._what, field, self.offset, size - left, size)
            self._waiting = piece[left:]
            piece = piece[:left]
            left -= len(piece)
            self.offset += len(piece)
            if piece:
                yield piece

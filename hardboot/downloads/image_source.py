"""An image in a download: its size, its content in pieces, and what the download states about it."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import BinaryIO

from hardboot.base.errors import InputError
from hardboot.base.log import Advance

MAX_IMAGE = 64 << 30  # bytes; the super partition of today's phones has 8 to 16 GiB


@dataclass(frozen=True)
class ImageSource:
    """An image of a partition, as it is on the partition: not compressed, not sparse.

    Attributes:
        name: Of the partition: "boot", "system".
        packing: What it is taken out of, from the outside in: "lz4", "sparse image".
        stated_size: Bytes; None if only reading it tells.
        sha256: Of the content, in hex, if the download states it; it is checked.
        note: What the user should know of it.
        head: Its first bytes, if they were read.
    """

    name: str
    packing: tuple[str, ...]
    stated_size: int | None
    opened: Callable[[], Iterator[bytes]] = field(repr=False)
    sha256: str | None = None
    note: str | None = None
    head: bytes = field(repr=False, default=b"")

    @cached_property
    def size(self) -> int:
        """Bytes of the image; it is read for that where the download does not state them.

        Raises:
            InputError: If it is damaged.
        """
        if self.stated_size is not None:
            return self.stated_size
        return sum(map(len, self.blocks()))

    def blocks(self) -> Iterator[bytes]:
        """Yield the image in pieces of about 1 MiB at most; it can be read again.

        What was read is right only when the iteration has ended without an error.

        Raises:
            InputError: If it is damaged, cut off, has not the size or hash stated, or exceeds MAX_IMAGE.
        """
        digest = hashlib.sha256() if self.sha256 else None
        done = 0
        limit = MAX_IMAGE if self.stated_size is None else self.stated_size
        for piece in self.opened():
            done += len(piece)
            if done > limit:
                raise self._wrong(f"it has more than {limit} bytes")
            if digest:
                digest.update(piece)
            yield piece
        if self.stated_size is not None and done != self.stated_size:
            raise self._wrong(f"it has {done} bytes, {self.stated_size} are stated")
        if digest and digest.hexdigest() != self.sha256:
            raise self._wrong(f"its SHA-256 is {digest.hexdigest()}, {self.sha256} is stated")

    def write_to(self, stream: BinaryIO, advance: Advance = lambda amount: None) -> None:
        """Write the image to `stream`; `advance` is told the bytes of each piece written.

        Raises:
            InputError: See `blocks`; what was written then is not the image.
        """
        for piece in self.blocks():
            stream.write(piece)
            advance(len(piece))

    def _wrong(self, problem: str) -> InputError:
        return InputError(
            f"image {self.name}: {problem}",
            state="What was read of it is not used.",
            fix="Download it again: compare its checksum with that of its source.",
        )

"""The pages of an image that are not zero: what is sent of it."""

import struct
from collections.abc import Callable, Iterator

from hardboot.formats.reading import Data, forget, view

PAGE_SIZE = 4096  # bytes
_ZERO = bytes(PAGE_SIZE)
_AT_ONCE = 256  # pages
_RUN = struct.Struct("<II")  # struct run of pages.c


def stream(
    image: Data, first: int = 0, *, progress: Callable[[int], None] = lambda _size: None
) -> Iterator[bytes]:
    """Yield what `agent pour` reads: of each run of pages that are not zero its place, and the pages.

    Args:
        image: Whole pages.
        first: Page to begin with.
        progress: Called with the bytes of the image that were taken since the last call.
    """
    content = view(image)
    end = len(content) // PAGE_SIZE
    sent = first
    for start in range(first, end, _AT_ONCE):
        block = bytes(content[start * PAGE_SIZE : min(start + _AT_ONCE, end) * PAGE_SIZE])
        for number, count in _runs(block):
            yield _RUN.pack(start + number, count)
            yield block[number * PAGE_SIZE : (number + count) * PAGE_SIZE]
            sent = start + number + count
        forget(content)
        progress(len(block))
    if sent < end:  # the last pages are zero
        yield _RUN.pack(end, 0)


def _runs(block: bytes) -> Iterator[tuple[int, int]]:
    """Yield the first page and the length of each run of pages that are not zero."""
    count = len(block) // PAGE_SIZE
    if _ZERO not in block:  # many times faster than page by page
        yield 0, count
        return
    begin = 0
    for number in range(count + 1):
        if number == count or block.startswith(_ZERO, number * PAGE_SIZE):
            if number > begin:
                yield begin, number - begin
            begin = number + 1

"""The pages of an image that are not zero: what is sent of it."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from hardboot.formats.reading import Data, view

PAGE_SIZE = 4096  # bytes
_ZERO = bytes(PAGE_SIZE)


@dataclass
class Part:
    """Pages `first` to `end` of an image, `end` exclusive.

    Attributes:
        runs: First page and number of those that are not zero, in rising order.
        data: These pages, one behind the other.
    """

    first: int
    end: int
    runs: list[tuple[int, int]] = field(default_factory=list)
    data: bytearray = field(default_factory=bytearray, repr=False)


def parts(image: Data, *, most_data: int, most_pages: int) -> Iterator[Part]:
    """Yield an image in parts.

    Args:
        image: Whole pages.
        most_data: Bytes of pages that are not zero in each part, a multiple of PAGE_SIZE.
        most_pages: Pages of each part.
    """
    content = view(image)
    count = len(content) // PAGE_SIZE
    part = Part(0, 0)
    for number in range(count):
        page = bytes(content[number * PAGE_SIZE : (number + 1) * PAGE_SIZE])
        if page != _ZERO:
            last = part.runs[-1] if part.runs else (0, 0)
            if sum(last) == number and last[1]:
                part.runs[-1] = (last[0], last[1] + 1)
            else:
                part.runs.append((number, 1))
            part.data += page
        part.end = number + 1
        if len(part.data) >= most_data or part.end - part.first >= most_pages:
            yield part
            part = Part(part.end, part.end)
    if part.end > part.first:
        yield part

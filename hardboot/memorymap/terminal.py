"""The picture as lines of text: a row for each shape, with its bar to scale and its name beside it."""

import textwrap
import unicodedata
from types import MappingProxyType

from hardboot.base.memory import Range
from hardboot.base.sizes import human_size
from hardboot.memorymap.model import Kind, MemoryMap, Panel, Shape

MIN_WIDTH = 60  # characters; with less, bars are too short to be useful
MAX_WIDTH = 140

Line = tuple[tuple[str, Kind | None], ...]  # pieces of text; a kind where it is a bar of that kind

_BARS = MappingProxyType(
    {
        Kind.RAM: "─-",
        Kind.LOADED: "█#",
        Kind.WORK: "▓=",
        Kind.PAGE: "◆@",
        Kind.HOST: "▚%",
        Kind.BOOTLOADER: "▒+",
        Kind.RESERVED: "░:",
        Kind.WINDOW: "┄~",
    }
)
_OVERLAP = "X"
_EDGES = "│|"
GLYPHS = "".join(bar[0] for bar in _BARS.values()) + _EDGES[0]  # what a terminal must be able to show
_SIZE_WIDTH = 10  # of the longest, "1023.9 MiB"


def lines(picture: MemoryMap, *, width: int, unicode: bool) -> list[Line]:
    """Return the picture as lines, none longer than `width`, which is at least MIN_WIDTH.

    Args:
        picture: What is drawn.
        width: Characters in a line.
        unicode: False for a terminal or pipe that takes ASCII only.
    """
    width = min(max(width, MIN_WIDTH), MAX_WIDTH)
    column = 0 if unicode else 1
    found: list[Line] = []
    address_width = max(len(_addresses(shape.range)) for panel in picture.panels for shape in panel.shapes)
    track = width - address_width - _SIZE_WIDTH - 4
    for panel in picture.panels:
        found += _panel(picture, panel, track, address_width, column)
        found.append(())
    found += _legend(picture, width, column)
    for overlap in picture.overlaps:
        found += _wrapped(visible(str(overlap), unicode=unicode), width)
    return found


def visible(text: str, *, unicode: bool = True) -> str:
    """Return `text` with an escape for every character that is not printable and one column wide.

    Args:
        text: From an image, a profile or a phone.
        unicode: False escapes everything but ASCII.
    """
    return "".join(one if _plain(one) and (unicode or one.isascii()) else ascii(one)[1:-1] for one in text)


def _plain(char: str) -> bool:
    if char.isascii():
        return char.isprintable()
    narrow = unicodedata.east_asian_width(char) not in "WF" and not unicodedata.combining(char)
    return char.isprintable() and narrow


def cells(item: Range, span: Range, width: int) -> tuple[int, int]:
    """Return the first cell of `width` that `item` touches, and the one after the last; at least one."""
    start = max(item.start, span.start) - span.start
    end = min(item.end, span.end) - span.start
    return start * width // span.size, -(-end * width // span.size)


def _panel(picture: MemoryMap, panel: Panel, track: int, address_width: int, column: int) -> list[Line]:
    edge = _EDGES[column]
    scale = f"{human_size(-(-panel.span.size // track))}/char"
    width = track + address_width + _SIZE_WIDTH + 4
    found = _wrapped(f"{panel.span}, {scale}", width)
    for shape in panel.shapes:
        prefix = f"{_addresses(shape.range):<{address_width}} {human_size(shape.range.size):>{_SIZE_WIDTH}} "
        bar, name = _bar(picture, panel, shape, track, column)
        found.append(((prefix, None), (edge, None), *bar, (edge, None)))
        for line in textwrap.wrap(name, len(prefix) - 1):
            text = f"{line:>{len(prefix) - 1}} {edge}{'':{track}}{edge}"
            found.append(((text, None),))
    return found


def _bar(picture: MemoryMap, panel: Panel, shape: Shape, track: int, column: int) -> tuple[Line, str]:
    """Return what stands between the edges, the bar with its name; and the name if it does not fit there."""
    first, end = cells(shape.range, panel.span, track)
    bar = [_BARS[shape.kind][column]] * (end - first)
    for over in picture.overlaps_of(shape):
        if over.overlaps(panel.span):
            for at in range(*cells(over, panel.span, track)):
                bar[at - first] = _OVERLAP
    left, right = " " * first, " " * (track - end)
    name = visible(shape.range.name, unicode=not column)
    if len(name) + 2 <= len(right):
        right = f" {name}".ljust(len(right))
    elif len(name) + 2 <= len(left):
        left = f"{name} ".rjust(len(left))
    elif len(name) + 6 <= len(bar) and _OVERLAP not in bar:
        at = (len(bar) - len(name) - 2) // 2
        bar[at : at + len(name) + 2] = f" {name} "
    else:
        return ((left, None), ("".join(bar), shape.kind), (right, None)), name
    return ((left, None), ("".join(bar), shape.kind), (right, None)), ""


def _legend(picture: MemoryMap, width: int, column: int) -> list[Line]:
    entries: list[tuple[str, Kind | None, str]] = [
        (_BARS[kind][column] * 2, kind, kind.value) for kind in picture.kinds()
    ]
    if picture.overlaps:
        entries.append((_OVERLAP * 2, None, "overlap"))
    found: list[Line] = []
    pieces: list[tuple[str, Kind | None]] = []
    for bar, kind, text in entries:
        if pieces and sum(len(one) for one, _ in pieces) + len(bar) + len(text) + 4 > width:
            found.append(tuple(pieces))
            pieces = []
        pieces += [("   " if pieces else "", None), (bar, kind), (f" {text}", None)]
    return [*found, tuple(pieces)]


def _wrapped(text: str, width: int) -> list[Line]:
    return [((line, None),) for line in textwrap.wrap(text, width, subsequent_indent="  ")]


def _addresses(item: Range) -> str:
    return f"{item.start:#010x}-{item.end:#010x}"

"""The picture of userdata as lines of text: how much each ROM takes of it, and where its images lie. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from hardboot.base.sizes import human_size
from hardboot.payload.extents import Extent

MIN_WIDTH = 60  # characters; with less, bars are too short to be useful
MAX_WIDTH = 140
Use = Literal["rom", "other", "free", "reserve"]
_BARS: dict[Use, str] = {"rom": "█#", "other": "▒=", "free": "░.", "reserve": "▚%"}
_EDGES = "│|"
_EMPTY = "·", " "
GLYPHS = "".join(bar[0] for bar in _BARS.values()) + _EDGES[0] + _EMPTY[0]  # what a terminal must show
_SIZE_WIDTH = 10  # of the longest, "1023.9 MiB"


@dataclass(frozen=True)
class Part:
    """A part of userdata.

    Attributes:
        name: For people.
        size: Bytes.
        use: What it is used for.
    """

    name: str
    size: int
    use: Use = "rom"


def parts(roms: Iterable[tuple[str, int]], *, total: int, free: int | None, reserve: int) -> tuple[Part, ...]:
    """Return what userdata is used for; together it is all of it.

    Args:
        roms: Name and bytes of each ROM.
        total: Bytes of the partition.
        free: Bytes that are free on its file system; None if that is not known.
        reserve: Bytes of them that stay free.
    """
    found = [Part(name, size) for name, size in roms]
    taken = sum(one.size for one in found)
    if free is None:
        return (*found, Part("other and free", max(total - taken, 0), "other"))
    kept = min(reserve, free)
    return (
        *found,
        Part("other", max(total - taken - free, 0), "other"),
        Part("free", free - kept, "free"),
        Part("reserve", kept, "reserve"),
    )


def sizes(found: Sequence[Part], *, total: int, width: int, unicode: bool) -> list[str]:
    """Return a line for each part, with a bar to the scale of all of userdata.

    Args:
        found: The parts.
        total: Bytes of the partition.
        width: Characters in a line; at least MIN_WIDTH, at most MAX_WIDTH are used.
        unicode: False for a terminal or pipe that takes ASCII only.
    """
    column = 0 if unicode else 1
    names = [(one.name, one.size) for one in found]
    track = _track(names, width)
    lines = []
    for one in found:
        filled = min(-(-one.size * track // total), track)
        lines.append(_line(names, one.name, one.size, _BARS[one.use][column] * filled, track, column))
    return lines


def places(
    images: Sequence[tuple[str, int, Sequence[Extent]]], *, total: int, width: int, unicode: bool
) -> list[str]:
    """Return a line for each image, in which its pieces stand where they lie on userdata; see `sizes`.

    Args:
        images: Name, bytes and runs of each.
        total: Bytes of the partition.
        width: Characters in a line.
        unicode: Whether other characters than ASCII can be shown.
    """
    column = 0 if unicode else 1
    names = [(name, size) for name, size, _ in images]
    track = _track(names, width)
    lines = []
    for name, size, runs in images:
        bar = [_EMPTY[column]] * track
        for run in runs:
            first = run.physical * track // total
            end = -(-(run.physical + run.length) * track // total)
            for at in range(first, min(max(end, first + 1), track)):
                bar[at] = _BARS["rom"][column]
        lines.append(_line(names, name, size, "".join(bar), track, column))
    return lines


def _track(names: Sequence[tuple[str, int]], width: int) -> int:
    return min(max(width, MIN_WIDTH), MAX_WIDTH) - _name_width(names) - _SIZE_WIDTH - 6


def _name_width(names: Sequence[tuple[str, int]]) -> int:
    return max((len(name) for name, _ in names), default=0)


def _line(names: Sequence[tuple[str, int]], name: str, size: int, bar: str, track: int, column: int) -> str:
    edge = _EDGES[column]
    return f"  {name:<{_name_width(names)}} {human_size(size):>{_SIZE_WIDTH}} {edge}{bar:<{track}}{edge}"

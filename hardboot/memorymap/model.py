"""What is drawn: shapes on an overview of all RAM, and enlarged windows where many lie close together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from hardboot.base.memory import PAGE_SIZE, Range
from hardboot.base.sizes import align_down, align_up
from hardboot.layout import BootPlan

_BIG = 8  # a shape of at least 1/8 of all is clear in the overview; it is no part of a cluster
_GAP = 16  # a gap of more than 1/16 of all parts two clusters
_LOST = "bootloader: "
_MOVED = " moved by the host kernel"
_BELOW = "all below mem_min"
_WIDE = 3  # a cluster over more than 1/3 of all gains too little from being enlarged


class Kind(StrEnum):
    """What a shape is; the value is what the legend says."""

    RAM = "RAM"
    LOADED = "loaded"
    WORK = "used while the guest starts"
    PAGE = "hardboot page"
    HOST = "running host kernel"
    BOOTLOADER = "overwritten by the bootloader"
    RESERVED = "reserved"
    WINDOW = "enlarged below"


# What must hold at the same time. The bootloader is done when the guest starts, the host kernel is gone then,
# and kexec keeps what is loaded away from it until the reset.
_CLASHES = frozenset(
    frozenset(pair)
    for one, others in (
        (Kind.LOADED, (Kind.LOADED, Kind.WORK, Kind.PAGE, Kind.BOOTLOADER, Kind.RESERVED)),
        (Kind.PAGE, (Kind.PAGE, Kind.WORK, Kind.BOOTLOADER, Kind.RESERVED)),
        (Kind.WORK, (Kind.WORK, Kind.RESERVED)),
    )
    for pair in ((one, other) for other in others)
)


@dataclass(frozen=True)
class Shape:
    """A named range and what it is."""

    range: Range
    kind: Kind


@dataclass(frozen=True)
class Panel:
    """One drawing with one scale; shapes may reach beyond `span`, they are cut there.

    Attributes:
        span: The physical addresses from its left to its right edge; with the panel's name.
        shapes: By address.
    """

    span: Range
    shapes: tuple[Shape, ...]


@dataclass(frozen=True)
class Overlap:
    """Two shapes over each other that are in use at the same time."""

    one: Shape
    two: Shape

    @property
    def range(self) -> Range:
        """What lies in both."""
        return Range(
            max(self.one.range.start, self.two.range.start), min(self.one.range.end, self.two.range.end)
        )

    def __str__(self) -> str:
        return f"{self.one.range.name} and {self.two.range.name} overlap at {self.range}"


@dataclass(frozen=True)
class MemoryMap:
    """The picture: an overview, then its windows; each shape is at least in one panel."""

    panels: tuple[Panel, ...]
    overlaps: tuple[Overlap, ...]

    def kinds(self) -> list[Kind]:
        """The kinds in the picture, in the legend's order."""
        found = {shape.kind for panel in self.panels for shape in panel.shapes}
        return [kind for kind in Kind if kind in found]

    def overlaps_of(self, shape: Shape) -> list[Range]:
        """Where others lie over `shape` at the same time."""
        return [one.range for one in self.overlaps if shape in (one.one, one.two)]


def draw(
    plan: BootPlan, *, banks: Sequence[Range], host: Sequence[Range] = (), mem_min: int | None = None
) -> MemoryMap:
    """The picture of a plan.

    Args:
        plan: What goes where.
        banks: RAM; at least one range.
        host: The running kernel's code and data, if a phone was asked.
        mem_min: All RAM below this physical address is lost on the way through the bootloader.
    """
    shapes = [Shape(segment.range, Kind.LOADED) for segment in plan.segments]
    shapes += [_shape(one) for one in plan.extents]
    shapes += [Shape(one, Kind.HOST) for one in host]
    ram = [Shape(one, Kind.RAM) for one in banks]
    start = min(one.start for one in banks)
    if mem_min is not None and mem_min > start:
        lost = Range(start, mem_min, _BELOW)
        shapes.append(Shape(lost, Kind.BOOTLOADER))
    shapes = [one for one in dict.fromkeys(_sorted(shapes)) if one.range.size]
    everything = [*ram, *shapes]
    whole = Range(
        min(one.range.start for one in everything), max(one.range.end for one in everything), "all of RAM"
    )
    big = [one for one in shapes if one.range.size * _BIG >= whole.size]
    overview, windows = [*ram, *big], list[Panel]()
    for cluster in _clusters([one for one in shapes if one not in big], whole.size // _GAP):
        window = _rounded(cluster)
        if len(cluster) == 1 or window.size * _WIDE > whole.size:
            overview += cluster
            continue
        name = f"window {_letter(len(windows))}"
        window = Range(window.start, window.end, name)
        overview.append(Shape(window, Kind.WINDOW))
        # What fills a window from edge to edge tells nothing there, except that it lies over the rest.
        around = [one for one in ram if one.range.overlaps(window) and not one.range.contains(window)]
        around += [one for one in big if one.range.overlaps(window)]
        windows.append(Panel(window, tuple(_sorted([*around, *cluster]))))
    targets = [shape.range.start for shape in shapes if shape.range.name.endswith(_MOVED)]
    overlaps = [
        Overlap(one, two)
        for at, one in enumerate(shapes)
        for two in shapes[at + 1 :]
        if one.range.overlaps(two.range) and _clash(one, two, targets)
    ]
    return MemoryMap((Panel(whole, tuple(_sorted(overview))), *windows), tuple(overlaps))


def _clash(one: Shape, two: Shape, targets: Sequence[int]) -> bool:
    """True if both are in use at the same time.

    A host kernel's page may lie below mem_min, which is a limit for what is loaded; and what it moves into a
    reserved range, such as a boot splash, is meant to be there.
    """
    kinds = frozenset((one.kind, two.kind))
    if kinds == {Kind.PAGE, Kind.BOOTLOADER} and _BELOW in (one.range.name, two.range.name):
        return False
    if kinds == {Kind.WORK, Kind.RESERVED}:
        reserved = one if one.kind is Kind.RESERVED else two
        if any(reserved.range.start <= target < reserved.range.end for target in targets):
            return False
    return kinds in _CLASHES


def _shape(extent: Range) -> Shape:
    """An extent of a plan and what it is; `layout` gives them these names."""
    name = extent.name
    if name == "hardboot page":
        return Shape(extent, Kind.PAGE)
    if name.startswith(_LOST):
        return Shape(Range(extent.start, extent.end, name.removeprefix(_LOST)), Kind.BOOTLOADER)
    if name.startswith(("unpacked ", "heap of ", "BSS of ")) or name.endswith(_MOVED):
        return Shape(extent, Kind.WORK)
    return Shape(extent, Kind.RESERVED)


def _sorted(shapes: Iterable[Shape]) -> list[Shape]:
    """By address, the larger one first, RAM before what is in it."""
    return sorted(shapes, key=lambda one: (one.range.start, -one.range.end, one.kind is not Kind.RAM))


def _clusters(shapes: Sequence[Shape], gap: int) -> list[list[Shape]]:
    """Sorted shapes in groups; between two groups are more than `gap` bytes."""
    found: list[list[Shape]] = []
    reach = 0
    for shape in shapes:
        if not found or shape.range.start - reach > gap:
            found.append([])
        found[-1].append(shape)
        reach = max(reach, shape.range.end)
    return found


def _rounded(shapes: Sequence[Shape]) -> Range:
    """A window around `shapes` whose edges are easy to read."""
    start, end = shapes[0].range.start, max(one.range.end for one in shapes)
    step = max(PAGE_SIZE, 1 << max((end - start).bit_length() - 5, 0))
    return Range(align_down(start, step), align_up(end, step))


def _letter(number: int) -> str:
    """A, B, …: gaps of more than 1/16 of all leave room for 16 windows."""
    return chr(ord("A") + number)

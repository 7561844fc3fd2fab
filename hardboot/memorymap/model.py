"""The picture of a plan: an overview of all RAM, and enlarged windows where shapes lie close together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from hardboot.base.memory import PAGE_SIZE, Range
from hardboot.base.sizes import align_down, align_up
from hardboot.layout import BootPlan, Extent, ExtentKind

_BIG = 8  # a shape of at least 1/8 of all is clear in the overview; it is not part of a cluster
_GAP = 16  # a gap of more than 1/16 of all separates two clusters
_WIDE = 3  # a cluster over more than 1/3 of all gains too little from being enlarged


class Kind(StrEnum):
    """How a shape is drawn; the value is its text in the legend."""

    RAM = "RAM"
    LOADED = "loaded"
    WORK = "used while the guest starts"
    PAGE = "hardboot page"
    HOST = "running host kernel"
    BOOTLOADER = "overwritten by the bootloader"
    RESERVED = "reserved"
    WINDOW = "enlarged below"


_KINDS = MappingProxyType(
    {
        ExtentKind.SEGMENT: Kind.LOADED,
        ExtentKind.MOVED_SEGMENT: Kind.WORK,
        ExtentKind.UNPACKED_KERNEL: Kind.WORK,
        ExtentKind.RUNNING_KERNEL: Kind.WORK,
        ExtentKind.HEAP: Kind.WORK,
        ExtentKind.BSS: Kind.WORK,
        ExtentKind.HARDBOOT_PAGE: Kind.PAGE,
        ExtentKind.HARDBOOT_BUFFER: Kind.RESERVED,
        ExtentKind.RESERVED: Kind.RESERVED,
        ExtentKind.BOOTLOADER: Kind.BOOTLOADER,
        ExtentKind.BELOW_MEM_MIN: Kind.BOOTLOADER,
    }
)
# What may not share memory. The bootloader has finished when the guest starts, the host kernel is gone then,
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
    """A named range and how it is drawn.

    Attributes:
        extent: What the plan has there; None for RAM, the host kernel and windows.
    """

    range: Range
    kind: Kind
    extent: Extent | None = None

    def is_a(self, kind: ExtentKind) -> bool:
        """Return whether it shows an extent of this kind."""
        return self.extent is not None and self.extent.kind is kind


@dataclass(frozen=True)
class Panel:
    """One drawing at one scale; shapes that reach beyond `span` are cut off there.

    Attributes:
        span: The physical addresses from the left edge to the right one; named after the panel.
        shapes: By address.
    """

    span: Range
    shapes: tuple[Shape, ...]


@dataclass(frozen=True)
class Overlap:
    """Two overlapping shapes that are in use at the same time."""

    one: Shape
    two: Shape

    @property
    def range(self) -> Range:
        """The addresses that belong to both."""
        return Range(
            max(self.one.range.start, self.two.range.start), min(self.one.range.end, self.two.range.end)
        )

    def __str__(self) -> str:
        """Return both names and the addresses."""
        return f"{self.one.range.name} and {self.two.range.name} overlap at {self.range}"


@dataclass(frozen=True)
class MemoryMap:
    """A drawn plan: an overview, then its windows; each shape is in at least one panel."""

    panels: tuple[Panel, ...]
    overlaps: tuple[Overlap, ...]

    def kinds(self) -> list[Kind]:
        """Return the kinds in the picture, in the legend's order."""
        found = {shape.kind for panel in self.panels for shape in panel.shapes}
        return [kind for kind in Kind if kind in found]

    def overlaps_of(self, shape: Shape) -> list[Range]:
        """Return where others overlap `shape` at the same time."""
        return [one.range for one in self.overlaps if shape in (one.one, one.two)]


def draw(plan: BootPlan, *, banks: Sequence[Range], host: Sequence[Range] = ()) -> MemoryMap:
    """Draw a plan.

    Args:
        plan: What goes where.
        banks: RAM; at least one range.
        host: The running kernel's code and data, if a phone was asked.
    """
    shapes = [_shape(segment.extent) for segment in plan.segments]
    shapes += [_shape(one) for one in plan.extents]
    shapes += [Shape(one, Kind.HOST) for one in host]
    ram = [Shape(one, Kind.RAM) for one in banks]
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
        # What fills a window from edge to edge says nothing there, except that it overlaps the rest.
        around = [one for one in ram if one.range.overlaps(window) and not one.range.contains(window)]
        around += [one for one in big if one.range.overlaps(window)]
        windows.append(Panel(window, tuple(_sorted([*around, *cluster]))))
    targets = [shape.range.start for shape in shapes if shape.is_a(ExtentKind.MOVED_SEGMENT)]
    overlaps = [
        Overlap(one, two)
        for at, one in enumerate(shapes)
        for two in shapes[at + 1 :]
        if one.range.overlaps(two.range) and _clash(one, two, targets)
    ]
    return MemoryMap((Panel(whole, tuple(_sorted(overview))), *windows), tuple(overlaps))


def _clash(one: Shape, two: Shape, targets: Sequence[int]) -> bool:
    """Return whether both are in use at the same time.

    A host kernel's page may lie below mem_min, which is a limit for what is loaded. That kernel reserves
    it, as arm64's /proc/iomem shows. What is moved into a reserved range, such as a boot splash, is meant to
    be there.
    """
    kinds = frozenset((one.kind, two.kind))
    if kinds == {Kind.PAGE, Kind.RESERVED}:
        page, reserved = (one, two) if one.kind is Kind.PAGE else (two, one)
        return not reserved.range.contains(page.range)
    if Kind.PAGE in kinds and (one.is_a(ExtentKind.BELOW_MEM_MIN) or two.is_a(ExtentKind.BELOW_MEM_MIN)):
        return False
    if kinds == {Kind.WORK, Kind.RESERVED}:
        reserved = one if one.kind is Kind.RESERVED else two
        if any(reserved.range.start <= target < reserved.range.end for target in targets):
            return False
    return kinds in _CLASHES


def _shape(extent: Extent) -> Shape:
    """Return the shape of an extent; the legend says already what the bootloader overwrites."""
    name = extent.owner if extent.kind is ExtentKind.BOOTLOADER else extent.name
    return Shape(Range(extent.range.start, extent.range.end, name), _KINDS[extent.kind], extent)


def _sorted(shapes: Iterable[Shape]) -> list[Shape]:
    """Sort by address, the larger one first, RAM before what is in it."""
    return sorted(shapes, key=lambda one: (one.range.start, -one.range.end, one.kind is not Kind.RAM))


def _clusters(shapes: Sequence[Shape], gap: int) -> list[list[Shape]]:
    """Group sorted shapes; between two groups are more than `gap` bytes."""
    found: list[list[Shape]] = []
    reach = 0
    for shape in shapes:
        if not found or shape.range.start - reach > gap:
            found.append([])
        found[-1].append(shape)
        reach = max(reach, shape.range.end)
    return found


def _rounded(shapes: Sequence[Shape]) -> Range:
    """Return a window around `shapes` whose edges are easy to read."""
    start, end = shapes[0].range.start, max(one.range.end for one in shapes)
    step = max(PAGE_SIZE, 1 << max((end - start).bit_length() - 5, 0))
    return Range(align_down(start, step), align_up(end, step))


def _letter(number: int) -> str:
    """Return A, B, …: gaps of more than 1/16 of all leave room for 16 windows."""
    return chr(ord("A") + number)

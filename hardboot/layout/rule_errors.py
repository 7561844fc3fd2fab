"""A broken rule as the error people read: the rule, the ranges, and the nearest placement that works."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from hardboot.base.errors import RefusedError
from hardboot.base.memory import PAGE_SIZE, Range
from hardboot.base.sizes import align_down, align_up, human_size
from hardboot.layout.arm64_image import IMAGE_ALIGNMENT
from hardboot.layout.boot_params import ATAGS, ATAGS_BELOW
from hardboot.layout.constraints import Constraints
from hardboot.layout.free_space import FreeSpace, Places
from hardboot.layout.model import Segment
from hardboot.layout.rules import FIXES, ROOM, RULES, Violation, violations
from hardboot.layout.zimage import ANYWHERE

# Rules whose fix helps more than a smaller kernel if there is no room.
_TELLING = ("zimage-window", "image-place")


class BrokenRuleError(RefusedError):
    """Segments break a layout rule, or fit nowhere.

    Attributes:
        rule: Name of the rule: one of RULES, or ROOM.
    """

    def __init__(self, rule: str, what: str, *, fix: str) -> None:
        """Refuse for `rule`, with the numbers in `what`."""
        super().__init__(f"layout rule {rule}: {what}", state="Nothing was sent.", fix=fix)
        self.rule = rule
        self.result["rule"] = rule


def check(constraints: Constraints, segments: Sequence[Segment]) -> None:
    """Refuse segments that break a rule.

    Raises:
        BrokenRuleError: The first broken rule; see `broken_rules`.
    """
    found = violations(constraints, segments)
    if found:
        raise broken_rules(constraints, segments, found)


def broken_rules(
    constraints: Constraints, segments: Sequence[Segment], found: Sequence[Violation]
) -> BrokenRuleError:
    """Return the error for segments that break rules: the first one, and where a segment had to be instead.

    Args:
        constraints: The constraints.
        segments: The segments.
        found: At least one broken rule.
    """
    first = found[0]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    involved = {one.segment for one in first.extents}
    options = [
        (abs(place - one.addr), f"{one.name} at {place:#x}")
        for one in segments
        if one.name in involved and (place := _nearest(constraints, segments, one)) is not None
    ]
    nearest = f"; the nearest placement that works: {min(options)[1]}" if options else ""
    return BrokenRuleError(first.rule, first.what + more + nearest, fix=FIXES[first.rule])


def no_room(space: FreeSpace, name: str, places: Places) -> BrokenRuleError:
    """Return the error for a segment that fits nowhere: a rule that it breaks everywhere, or ROOM.

    Args:
        space: What was free.
        name: The segment without a place.
        places: The places of those that have one.
    """
    constraints = space.constraints
    segments = [_without_data(constraints, one, place) for one, place in space.addresses(places).items()]
    tried = []
    for place in _candidates(constraints, segments, _without_data(constraints, name, 0)):
        found = violations(constraints, [*segments, _without_data(constraints, name, place)])
        tried.append((place, found))
    # As few rules as possible, and of these the one that something else than the place can help with.
    place, found = min(tried, key=lambda one: (len(one[1]), *(-RULES.index(v.rule) for v in one[1]), one[0]))
    always = set[str].intersection(*({one.rule for one in broken} for _, broken in tried))
    for one in found:
        if one.rule in always:
            return BrokenRuleError(one.rule, one.what, fix=FIXES[one.rule])
    zone = space.zones(name, places)[-1]
    where = "RAM" if zone == ANYWHERE else zone
    pieces = space.pieces(name, zone, places)
    largest = max((min(piece.end, zone.end) - piece.start for piece in pieces), default=0)
    free = human_size(max(largest, 0))  # a kernel only has to begin in the zone: a piece may lie behind it
    return BrokenRuleError(
        ROOM,
        f"{name} needs {human_size(space.sizes[name])}, the largest free range in {where} has {free}; "
        f"at {place:#x} it would break {found[0].rule}: {found[0].what}",
        fix=FIXES[found[0].rule if found[0].rule in _TELLING else ROOM],
    )


def _without_data(constraints: Constraints, name: str, place: int) -> Segment:
    """Return a segment without its bytes."""
    sizes = {constraints.kernel.name: constraints.kernel.memsz, "initrd": constraints.initrd_size}
    return Segment(name, place, b"", sizes.get(name) or align_up(constraints.params_size, PAGE_SIZE))


def _nearest(constraints: Constraints, segments: Sequence[Segment], segment: Segment) -> int | None:
    """Return the nearest address for `segment` that breaks no rule; None if there is none."""
    others = [one for one in segments if one != segment]
    for place in sorted(
        _candidates(constraints, others, segment), key=lambda place: (abs(place - segment.addr), place)
    ):
        alone = [replace(one, addr=place) if one == segment else one for one in segments]
        if not violations(constraints, alone) or not violations(
            constraints, _moved(segments, segment, place)
        ):
            return place
    return None


def _moved(segments: Sequence[Segment], segment: Segment, place: int) -> list[Segment]:
    """Return the segments with that one moved; ATAGS and kernel are moved together."""
    together = {segment.name}
    if segment.name != "initrd" and any(one.name == ATAGS for one in segments):
        together = {one.name for one in segments} - {"initrd"}
    distance = place - segment.addr
    return [
        replace(one, addr=max(one.addr + distance, 0)) if one.name in together else one for one in segments
    ]


def _candidates(constraints: Constraints, others: Sequence[Segment], segment: Segment) -> Iterator[int]:
    """Yield the addresses at the edges of everything that can be in a segment's way, sorted."""
    needs = constraints.kernel
    is_kernel = segment.name == needs.name
    found = set()
    kernel = constraints.moved_to(needs.name)
    if kernel is None:
        kernel = next((one.addr for one in others if one.name == needs.name), None)
        if segment.name == ATAGS and kernel is not None:
            found.add(max(kernel - ATAGS_BELOW, 0))
    sizes = {segment.memsz, segment.memsz + (needs.tail_size if is_kernel else 0)}
    for one in [*_obstacles(constraints, others, kernel), *(needs.start_zones if is_kernel else ())]:
        # Right behind it, and right below it.
        for address in (one.end, one.end + ATAGS_BELOW, *(max(one.start - size, 0) for size in sizes)):
            if is_kernel and needs.unpacked is None:
                found |= {needs.next_start(max(address - back, 0)) for back in (0, IMAGE_ALIGNMENT)}
            else:
                found.add((align_up if address >= one.end else align_down)(address, PAGE_SIZE))
        # At its start, and up to its end, if it is a zone; a kernel only has to begin in one.
        found.add(needs.next_start(one.start) if is_kernel else align_up(one.start, PAGE_SIZE))
        found |= {align_down(max(one.end - size, 0), PAGE_SIZE) for size in (*sizes, PAGE_SIZE)}
    yield from sorted(found)


def _obstacles(constraints: Constraints, others: Sequence[Segment], kernel: int | None) -> Iterator[Range]:
    """Yield everything that can be in a segment's way, with the kernel at `kernel` (None: not placed)."""
    needs = constraints.kernel
    yield from constraints.banks
    for extent in (constraints.page, *constraints.reserved, *constraints.bootloader, *constraints.moved):
        yield extent.range
    yield constraints.below_mem_min.range
    if constraints.buffer:
        yield constraints.buffer.range
    for one in others:
        yield one.range
    written = needs.unpacked
    if kernel is not None:
        yield Range.sized(kernel, needs.memsz + needs.tail_size)
        yield needs.initrd_zone(kernel)
        yield needs.dtb_zone(kernel)
        written = needs.written(kernel)
    if written:
        yield written

"""A broken rule as the error people read: the rule, the ranges, and the nearest placement that would work."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from hardboot.base.errors import RefusedError
from hardboot.base.memory import PAGE_SIZE, Range
from hardboot.base.sizes import align_down, align_up, human_size
from hardboot.layout.ground import Ground, Places
from hardboot.layout.kernels import ANYWHERE, IMAGE_ALIGNMENT
from hardboot.layout.model import Segment
from hardboot.layout.rules import FIXES, RULES, Violation, violations
from hardboot.layout.terrain import ATAGS_BELOW, Terrain


def check(terrain: Terrain, segments: Sequence[Segment]) -> None:
    """Refuse segments that break a rule.

    Raises:
        RefusedError: See `refused`.
    """
    found = violations(terrain, segments)
    if found:
        raise refused(terrain, segments, found)


def refused(terrain: Terrain, segments: Sequence[Segment], found: Sequence[Violation]) -> RefusedError:
    """The error for segments that break rules: the first one, and where one segment had to be instead."""
    first = found[0]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    names = {word for one in first.ranges for word in one.name.split(" ")}
    if "unpacked" in names:
        names.add(terrain.kernel.name)
    ways = [
        (abs(place - one.addr), f"{one.name} at {place:#x}")
        for one in segments
        if one.name in names and (place := _nearest(terrain, segments, one)) is not None
    ]
    nearest = f"; the nearest placement that works: {min(ways)[1]}" if ways else ""
    return _refusal(first.rule, first.what + more + nearest)


def no_room(ground: Ground, name: str, places: Places) -> RefusedError:
    """The error for a segment that fits nowhere: a rule that it breaks everywhere, or that there is no room.

    Args:
        ground: The ground.
        name: The segment without a place.
        places: The places of those that have one.
    """
    terrain = ground.terrain
    segments = [_bare(terrain, one, place) for one, place in ground.addresses(places).items()]
    tried = []
    for place in _candidates(terrain, segments, _bare(terrain, name, 0)):
        found = violations(terrain, [*segments, _bare(terrain, name, place)])
        tried.append((place, found))
    # As few rules as possible, and of these the one that something else than the place can help with.
    place, found = min(tried, key=lambda one: (len(one[1]), *(-RULES.index(v.rule) for v in one[1]), one[0]))
    always = set[str].intersection(*({one.rule for one in broken} for _, broken in tried))
    for one in found:
        if one.rule in always:
            return _refusal(one.rule, one.what)
    zone = ground.zones(name, places)[-1]
    where = "RAM" if zone == ANYWHERE else zone
    pieces = ground.pieces(name, zone, places)
    largest = max((min(piece.end, zone.end) - piece.start for piece in pieces), default=0)
    return _refusal(
        "room",
        f"{name} needs {human_size(ground.sizes[name])}, the largest free range in {where} has "
        f"{human_size(largest)}; at {place:#x} it would break {found[0].rule}: {found[0].what}",
        found[0].rule if found[0].rule in ("zimage-window", "image-place") else "room",
    )


def _refusal(rule: str, what: str, fix: str | None = None) -> RefusedError:
    fix = FIXES[fix or rule]
    return RefusedError(f"layout rule {rule}: {what}", state="Nothing was sent.", fix=fix)


def _bare(terrain: Terrain, name: str, place: int) -> Segment:
    """A segment without its bytes."""
    sizes = {terrain.kernel.name: terrain.kernel.memsz, "initrd": terrain.initrd_size}
    return Segment(name, place, b"", sizes.get(name) or align_up(terrain.params_size, PAGE_SIZE))


def _nearest(terrain: Terrain, segments: Sequence[Segment], segment: Segment) -> int | None:
    """The address nearest to its own for a segment where no rule is broken; None if there is none."""
    others = [one for one in segments if one != segment]
    for place in sorted(
        _candidates(terrain, others, segment), key=lambda place: (abs(place - segment.addr), place)
    ):
        alone = [replace(one, addr=place) if one == segment else one for one in segments]
        if not violations(terrain, alone) or not violations(terrain, _moved(segments, segment, place)):
            return place
    return None


def _moved(segments: Sequence[Segment], segment: Segment, place: int) -> list[Segment]:
    """The segments with that one moved; ATAGS and kernel go together."""
    together = {segment.name}
    if segment.name != "initrd" and any(one.name == "atags" for one in segments):
        together = {one.name for one in segments} - {"initrd"}
    way = place - segment.addr
    return [replace(one, addr=max(one.addr + way, 0)) if one.name in together else one for one in segments]


def _candidates(terrain: Terrain, others: Sequence[Segment], segment: Segment) -> Iterator[int]:
    """Addresses at the edges of everything that can be in a segment's way."""
    needs = terrain.kernel
    is_kernel = segment.name == needs.name
    found = set()
    kernel = terrain.moved_to(needs.name)
    if kernel is None:
        kernel = next((one.addr for one in others if one.name == needs.name), None)
        if segment.name == "atags" and kernel is not None:
            found.add(max(kernel - ATAGS_BELOW, 0))
    ranges = [*terrain.banks, terrain.page, *terrain.reserved, *terrain.bootloader, Range(0, terrain.mem_min)]
    ranges += [terrain.buffer] if terrain.buffer else []
    ranges += [one.range for one in others]
    ranges += [Range.sized(place, terrain.moved_size(name)) for name, place in terrain.moves]
    if kernel is not None:
        ranges += [
            Range.sized(kernel, needs.memsz + needs.behind),
            needs.initrd_zone(kernel),
            needs.tree_zone(kernel),
        ]
    work = needs.core if kernel is None else needs.work(kernel)
    ranges += [*(needs.zones if is_kernel else ()), *([work] if work else [])]
    sizes = {segment.memsz, segment.memsz + (needs.behind if is_kernel else 0)}
    for one in ranges:
        # Right behind it, and right below it.
        for address in (one.end, one.end + ATAGS_BELOW, *(max(one.start - size, 0) for size in sizes)):
            if is_kernel and needs.core is None:
                found |= {needs.aligned(max(address - back, 0)) for back in (0, IMAGE_ALIGNMENT)}
            else:
                found.add((align_up if address >= one.end else align_down)(address, PAGE_SIZE))
        # At its start, and up to its end, if it is a zone; a kernel must only begin in one.
        found.add(needs.aligned(one.start) if is_kernel else align_up(one.start, PAGE_SIZE))
        found |= {align_down(max(one.end - size, 0), PAGE_SIZE) for size in (*sizes, PAGE_SIZE)}
    yield from sorted(found)

"""Rules about memory that is not free: other segments, reserved memory such as ramoops, the bootloader's."""

from collections.abc import Iterator

from hardboot.layout.rules.situation import Finding, Situation, not_meant_for, outside_banks, overlaps


def disjoint(situation: Situation) -> Iterator[Finding]:
    """Refuse segments that overlap each other."""
    for index, one in enumerate(situation.segments):
        yield from overlaps(one.extent, [other.extent for other in situation.segments[:index]])


def one_bank(situation: Situation) -> Iterator[Finding]:
    """Refuse what is not inside one bank of RAM, before or after the host kernel moves it."""
    for one in situation.placed:
        yield from outside_banks(one, situation.constraints)


def mem_min(situation: Situation) -> Iterator[Finding]:
    """Refuse what has to survive the reset below mem_min."""
    for one in situation.waiting:
        yield from overlaps(one, [situation.constraints.below_mem_min])


def outside_page(situation: Situation) -> Iterator[Finding]:
    """Refuse what overlaps the hardboot page, before or after the host kernel moves it."""
    for one in situation.placed:
        yield from overlaps(one, [situation.constraints.page])


def outside_reserved(situation: Situation) -> Iterator[Finding]:
    """Refuse what overlaps reserved memory (ramoops, carve-outs, /proc/iomem) or the hardboot buffer."""
    reserved, buffer = situation.constraints.reserved, situation.constraints.buffer
    for segment in situation.segments:
        yield from overlaps(segment.extent, [*reserved, *([buffer] if buffer else [])])
    for moved in situation.moved:
        yield from overlaps(moved, not_meant_for(moved.range.start, reserved))


def outside_bootloader(situation: Situation) -> Iterator[Finding]:
    """Refuse what has to survive the reset where the bootloader writes."""
    for one in situation.waiting:
        yield from overlaps(one, situation.constraints.bootloader)


def moved_clear(situation: Situation) -> Iterator[Finding]:
    """Refuse a move over a segment that waits to be moved or used, or over one that was moved before."""
    order = [one.owner for one in situation.moved]
    for index, one in enumerate(situation.moved):
        waiting = [segment.extent for segment in situation.segments if segment.name not in order[:index]]
        yield from overlaps(one, [*waiting, *situation.moved[:index]])

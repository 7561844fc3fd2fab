"""Segments under their constraints, and the comparisons every rule is made of."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from hardboot.base.memory import Range
from hardboot.layout.constraints import Constraints
from hardboot.layout.model import Extent, ExtentKind, Segment
from hardboot.layout.zimage import ANYWHERE


@dataclass(frozen=True)
class Finding:
    """What is wrong, with the numbers, and the extents involved."""

    what: str
    extents: tuple[Extent, ...] = ()


@dataclass(frozen=True)
class Situation:
    """Segments under their constraints, and where everything is when the guest starts."""

    constraints: Constraints
    segments: Sequence[Segment]

    @cached_property
    def kernel(self) -> Extent | None:
        """Where the kernel is when the guest starts; None if there is none."""
        return self.at_start(self.constraints.kernel.name)

    @cached_property
    def params(self) -> Extent | None:
        """Where device tree or ATAGS are when the guest starts; None if there are none."""
        return self.at_start(self.constraints.params)

    @cached_property
    def initrd(self) -> Extent | None:
        """Where the ramdisk is when the guest starts; None if there is none."""
        return self.at_start("initrd")

    @cached_property
    def moved(self) -> list[Extent]:
        """Where the host kernel copies segments to after the reset, in its order."""
        return self.constraints.moved

    @property
    def placed(self) -> list[Extent]:
        """All memory that receives something: segments, and where they are moved."""
        return [*(segment.extent for segment in self.segments), *self.moved]

    @property
    def waiting(self) -> list[Extent]:
        """What must survive from the reset until the host kernel looks."""
        buffer = self.constraints.buffer
        return [segment.extent for segment in self.segments] if buffer is None else [buffer]

    @cached_property
    def running(self) -> Extent | None:
        """The kernel with what it needs right behind itself."""
        if self.kernel is None:
            return None
        start, end = self.kernel.range.start, self.kernel.range.end
        needs = self.constraints.kernel
        return Extent(Range(start, end + needs.tail_size), ExtentKind.RUNNING_KERNEL, needs.name)

    @cached_property
    def tail(self) -> Extent | None:
        """What the kernel needs right behind itself: heap or BSS."""
        if self.kernel is None:
            return None
        needs = self.constraints.kernel
        return Extent(Range.sized(self.kernel.range.end, needs.tail_size), needs.tail_kind, needs.name)

    @cached_property
    def written(self) -> Extent | None:
        """What the kernel writes elsewhere before it runs; None for an Image."""
        needs = self.constraints.kernel
        written = self.kernel and needs.written(self.kernel.range.start)
        return Extent(written, ExtentKind.UNPACKED_KERNEL, needs.name) if written else None

    @cached_property
    def read_later(self) -> list[Extent]:
        """What the guest reads once it runs: ramdisk and device tree or ATAGS."""
        return [one for one in (self.initrd, self.params) if one]

    def named(self, name: str) -> Segment | None:
        """Return the segment called `name`; None if there is none."""
        return next((one for one in self.segments if one.name == name), None)

    def at_start(self, name: str) -> Extent | None:
        """Return where a segment is when the guest starts; None if there is no such segment."""
        segment = self.named(name)
        if segment is None:
            return None
        return next((one for one in self.moved if one.owner == name), segment.extent)


Check: TypeAlias = Callable[[Situation], Iterator[Finding]]


def overlaps(one: Extent, others: Iterable[Extent]) -> Iterator[Finding]:
    """Yield a finding for each of `others` that `one` overlaps."""
    for other in others:
        if one.range.overlaps(other.range):
            yield Finding(f"{one} overlaps {other}", (one, other))


def leaves(one: Extent, zone: Range, *more: Extent) -> Iterator[Finding]:
    """Yield a finding if `one` is not inside `zone`, which depends on the place of `more`."""
    if not zone.contains(one.range):
        where = zone if zone.end < ANYWHERE.end else f"{zone.name} (from {zone.start:#x})"
        yield Finding(f"{one} is not inside {where}", (one, *more))


def outside_banks(one: Extent, constraints: Constraints) -> Iterator[Finding]:
    """Yield a finding if `one` is not inside one bank of RAM."""
    if not any(bank.contains(one.range) for bank in constraints.banks):
        banks = ", ".join(f"{bank.start:#x}-{bank.end:#x}" for bank in constraints.banks)
        yield Finding(f"{one} is not inside one bank of RAM ({banks})", (one,))


def not_meant_for(start: int, reserved: Iterable[Extent]) -> list[Extent]:
    """Return `reserved` without the range around `start`.

    A host kernel moves a segment into a reserved range by design, such as a boot splash.
    """
    return [one for one in reserved if not one.range.contains(Range.sized(start, 1))]

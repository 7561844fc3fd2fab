"""RAM that is overwritten between a reset and the host kernel: as measured, and as a profile has it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from hardboot import memorymap
from hardboot.base.memory import Range, subtract
from hardboot.layout import BootPlan, Extent, ExtentKind
from hardboot.memorymap import MemoryMap
from hardboot.profile import Profile
from hardboot.profile.own_copy import OwnCopy

_CLOSE = 1 << 20  # bytes between two ranges that are one for a profile


@dataclass(frozen=True)
class Overwritten:
    """What was measured; ranges of physical addresses, to the page.

    Attributes:
        banks: All RAM.
        tested: What was compared.
        changed: What had changed.
    """

    banks: tuple[Range, ...]
    tested: tuple[Range, ...]
    changed: tuple[Range, ...]

    @property
    def untested(self) -> list[Range]:
        """The RAM that was not compared: reserved, or taken by the guest in each round."""
        return subtract(self.banks, self.tested)


def learned(known: Profile, result: Overwritten) -> list[Range]:
    """Return what the profile does not know yet: ranges that were overwritten, with names.

    Ranges that lie close together become one, unless something is known to survive between them.
    """
    new = subtract(result.changed, known.bootloader)
    found = joined(new, _CLOSE)
    needed = (known.page, *known.reserved, *known.bootloader)
    if any(one.overlaps(other) for one in found for other in needed):
        found = joined(new)
    names = {one.name for one in known.bootloader}
    free = (name for number in count(1) if (name := f"measured-{number}") not in names)
    return [Range(one.start, one.end, name) for one, name in zip(found, free, strict=False)]


def unseen(known: Profile, result: Overwritten) -> list[Range]:
    """Return the ranges of the profile that were compared as a whole and in which nothing had changed."""
    return [
        one
        for one in known.bootloader
        if not subtract([one], result.tested) and not any(one.overlaps(other) for other in result.changed)
    ]


def save(known: Profile, origin: Path | None, kernel: str, result: Overwritten) -> Path | None:
    """Write what is new into the user's own copy of the profile; return its file, None if nothing is.

    Args:
        known: The profile.
        origin: Its file, if that is none of the usual ones; it is then changed itself.
        kernel: The host kernel, as `uname -r`.
        result: What was measured.

    Raises:
        InputError: If what was overwritten is needed for something else, or the copy cannot be written.
    """
    new = learned(known, result)
    if not new:
        return None
    day = datetime.now(UTC).strftime("%Y-%m-%d")
    copy = OwnCopy(known, origin)
    copy.add_ranges(
        "bootloader", new, f"measured by hardboot probe --ranges on {day} with kernel {kernel}"[:400]
    )
    copy.save()
    return copy.path


def draw(known: Profile, result: Overwritten) -> MemoryMap:
    """Return the picture: what was overwritten, and what was not compared."""
    changed = [Extent(one, ExtentKind.BOOTLOADER, "overwritten") for one in joined(result.changed, _CLOSE)]
    others = subtract(result.untested, [known.page])
    untested = [Extent(one, ExtentKind.RESERVED, "not compared") for one in others]
    plan = BootPlan(
        segments=(),
        entry=0,
        dtb_addr=0,
        initrd=None,
        cmdline="",
        flag=0,
        extents=(*changed, *untested, Extent(known.page, ExtentKind.HARDBOOT_PAGE)),
        complete=True,
        notes=(),
    )
    return memorymap.draw(plan, banks=result.banks)


def joined(ranges: Sequence[Range], gap: int = 0) -> list[Range]:
    """Return ranges, sorted, those that are no more than `gap` bytes apart as one."""
    found: list[Range] = []
    for one in sorted(ranges):
        if found and one.start <= found[-1].end + gap:
            found[-1] = Range(found[-1].start, max(found[-1].end, one.end))
        elif one.size:
            found.append(Range(one.start, one.end))
    return found

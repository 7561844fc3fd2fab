"""Propose a hardboot page and a mem_min from what is known of the RAM, each with its reason. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from hardboot.base.memory import PAGE_SIZE, Range, subtract
from hardboot.base.sizes import align_down, align_up
from hardboot.profile import Trust
from hardboot.suggest.memory_facts import MemoryFacts

# Ports of the old patches reserve 1 MiB, and log that without the size.
OLD_PAGE_SIZE = 0x100000
_STEP = 16 << 20  # mem_min is a multiple of it: a round number, with some room behind what is known
_ROOM = 64 << 20  # this many bytes above mem_min, no bootloader of the family is known to use
_LOWMEM = 512 << 20  # every kernel permanently maps at least this much from the start of RAM
_NAMED = 6  # ranges in a reason
_PROVE = "prove that it survives: write to it, reset, read it back"


@dataclass(frozen=True)
class Proposal:
    """A proposed address, and why.

    Attributes:
        size: Bytes of a page; 0 for a mem_min.
    """

    addr: int
    size: int
    status: Trust
    reason: str


def reserved_pages(memory: MemoryFacts, shown: str | None) -> list[Proposal]:
    """Return the pages that the running kernel already reserves; the surest first.

    Args:
        memory: What is known of the RAM.
        shown: Content of /sys/kernel/kexec_hardboot/page (our series); "" if it does not exist, None if it
            was not asked for.
    """
    shown, asked = shown or "", shown is not None
    found = []
    if shown.strip().lower().startswith("0x") and len(shown) < 32:
        try:
            addr = int(shown, 16)
        except ValueError:
            addr = -1
        if addr >= 0:
            source = "the running host kernel: /sys/kernel/kexec_hardboot/page"
            found.append(Proposal(addr, PAGE_SIZE, "verified", source))
    for hole in memory.holes:
        source = f"the running device tree reserves it in {hole.name}"
        found.append(Proposal(hole.start, hole.size, "verified", source))
    for addr in memory.logged_pages:
        source = f'the log of the running kernel: "Hardboot page reserved at {addr:#x}"'
        if asked and not shown:  # our series log it too, but show the page
            found.append(Proposal(addr, OLD_PAGE_SIZE, "verified", f"{source}; 1 MiB, as in all old ports"))
        else:
            found.append(Proposal(addr, PAGE_SIZE, "verified", source))
    return found


def pages(memory: MemoryFacts, size: int) -> Iterator[Proposal]:
    """Propose places for a page of `size` bytes that no kernel reserves yet; the best first."""
    used = [*memory.kernel, *(one.range for one in (*memory.reserved, *memory.bootloader))]
    kernel = "the running kernel, " if memory.kernel else ""
    outside = f"outside {kernel}reserved memory and what bootloaders of this SoC family use"
    for addr in memory.previous_pages:
        place = Range.sized(addr, size)
        if _free(place, memory.banks, used):
            reason = f"a host kernel that ran before reserved it, as the previous kernel's log says; {_PROVE}"
            yield Proposal(addr, size, "inferred", reason)
    for log in memory.ramoops:
        below = Range.sized(max(align_down(log.start, PAGE_SIZE) - size, 0), size)
        above = Range.sized(align_up(log.end, PAGE_SIZE), size)
        for place, side in ((below, "below"), (above, "above")):
            if _free(place, memory.banks, used):
                reason = (
                    f"directly {side} ramoops ({log.start:#x}-{log.end:#x}), which survives resets; "
                    f"{outside}; {_PROVE}"
                )
                yield Proposal(place.start, size, "inferred", reason)
    if not memory.banks:
        return
    doubtful = [one for one, _ in memory.doubtful]
    start = memory.banks[0].start
    low = Range(start, start + _LOWMEM)
    left = [
        Range(max(one.start, low.start), min(one.end, low.end)) for one in memory.banks if one.overlaps(low)
    ]
    for piece in sorted(subtract(left, [*used, *doubtful]), key=lambda one: (-one.size, one.start)):
        place = Range.sized(align_up(piece.start + piece.size // 2, OLD_PAGE_SIZE), size)
        if _free(place, memory.banks, used) and piece.contains(place):
            reason = (
                f"no ramoops is known: the middle of the largest free range, {piece.start:#x}-"
                f"{piece.end:#x}; {outside}; {_PROVE}"
            )
            yield Proposal(place.start, size, "inferred", reason)


def mem_min(memory: MemoryFacts) -> Proposal | None:
    """Propose the lowest address for segments; None if RAM is unknown or too small."""
    if not memory.banks:
        return None
    used = [*memory.kernel, *(one.range for one in memory.bootloader)]
    doubtful = [one for one, _ in memory.doubtful]
    starts = {one.end for one in [*used, *doubtful]} | {one.start for one in memory.banks[1:]}
    for start in sorted(align_up(one, _STEP) for one in starts):
        room = Range.sized(start, _ROOM)
        if start > memory.banks[0].start and _free(room, memory.banks, [*used, *doubtful]):
            below = [f"{one.name} {one.start:#x}-{one.end:#x}" for one in used if one.end <= start]
            maybe = [f"; {source}: may apply here" for one, source in memory.doubtful if one.end <= start]
            reason = (
                f"the lowest multiple of 16 MiB above {', '.join(below[:_NAMED]) or 'the start of RAM'} with "
                f"{_ROOM >> 20} MiB behind it that no bootloader of this SoC family is known to use"
                f"{''.join(maybe)}"
            )
            return Proposal(start, 0, "inferred", reason)
    return None


def _free(place: Range, banks: tuple[Range, ...], used: list[Range]) -> bool:
    """Return whether `place` lies inside one bank and overlaps nothing in `used`."""
    return any(one.contains(place) for one in banks) and not any(one.overlaps(place) for one in used)

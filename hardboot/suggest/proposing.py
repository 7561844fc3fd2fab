"""A hardboot page and a mem_min for a phone, from what is known of its RAM, each with its reason. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from hardboot.base.memory import PAGE_SIZE, Range, subtract
from hardboot.base.sizes import align_down, align_up
from hardboot.profile import Trust
from hardboot.suggest.ground import Ground

# Ports of the old patches take 1 MiB away, and say so in the log without its size.
OLD_PAGE_SIZE = 0x100000
_STEP = 16 << 20  # mem_min is a multiple: a round number, and some room behind what was seen
_ROOM = 64 << 20  # that many bytes above mem_min are free of all the bootloader is known to use
_LOWMEM = 512 << 20  # every kernel maps as much of the start of RAM for good
_PROVE = "prove that it survives: write to it, reset, read it"


@dataclass(frozen=True)
class Proposal:
    """An address and why it was chosen.

    Attributes:
        size: Bytes of a page; 0 for a mem_min.
    """

    addr: int
    size: int
    status: Trust
    reason: str


def read_pages(ground: Ground, shown: str) -> list[Proposal]:
    """The pages that the running kernel keeps, as it says itself; the surest first.

    Args:
        ground: What was found of the RAM.
        shown: /sys/kernel/kexec_hardboot/page of our series; "" if it is not there.
    """
    found = []
    if shown.strip().lower().startswith("0x") and len(shown) < 32:
        try:
            addr = int(shown, 16)
        except ValueError:
            addr = -1
        if addr >= 0:
            source = "the running host kernel: /sys/kernel/kexec_hardboot/page"
            found.append(Proposal(addr, PAGE_SIZE, "verified", source))
    for hole in ground.holes:
        source = f"the running device tree keeps it in {hole.name}"
        found.append(Proposal(hole.start, hole.size, "verified", source))
    for addr in ground.logged:
        source = f'the kernel log: "Hardboot page reserved at {addr:#x}"; 1 MiB, as in all ports that say so'
        found.append(Proposal(addr, OLD_PAGE_SIZE, "verified", source))
    return found


def pages(ground: Ground, size: int) -> Iterator[Proposal]:
    """Places for a page of `size` bytes that the running kernel does not keep yet; the best first."""
    used = [*ground.kernel, *(one.range for one in (*ground.reserved, *ground.bootloader))]
    outside = "outside reserved memory and what bootloaders of this kind use"
    outside = f"outside the running kernel, {outside[8:]}" if ground.kernel else outside
    for log in ground.ramoops:
        below = Range.sized(max(align_down(log.start, PAGE_SIZE) - size, 0), size)
        above = Range.sized(align_up(log.end, PAGE_SIZE), size)
        for place, side in ((below, "below"), (above, "above")):
            if _free(place, ground.banks, used):
                reason = (
                    f"directly {side} ramoops ({log.start:#x}-{log.end:#x}), whose neighbourhood the "
                    f"bootloader leaves alone; {outside}; {_PROVE}"
                )
                yield Proposal(place.start, size, "inferred", reason)
    if not ground.banks:
        return
    doubtful = [one for one, _ in ground.doubtful]
    start = ground.banks[0].start
    low = Range(start, start + _LOWMEM)
    left = [
        Range(max(one.start, low.start), min(one.end, low.end)) for one in ground.banks if one.overlaps(low)
    ]
    for piece in sorted(subtract(left, [*used, *doubtful]), key=lambda one: (-one.size, one.start)):
        place = Range.sized(align_up(piece.start + piece.size // 2, OLD_PAGE_SIZE), size)
        if _free(place, ground.banks, used) and piece.contains(place):
            reason = (
                f"there is no ramoops to go by: the middle of the largest free range, {piece.start:#x}-"
                f"{piece.end:#x}; {outside}; {_PROVE}"
            )
            yield Proposal(place.start, size, "inferred", reason)


def mem_min(ground: Ground) -> Proposal | None:
    """The lowest address from where on segments may lie; None if RAM is unknown or too small."""
    if not ground.banks:
        return None
    used = [*ground.kernel, *(one.range for one in ground.bootloader)]
    doubtful = [one for one, _ in ground.doubtful]
    starts = {one.end for one in [*used, *doubtful]} | {one.start for one in ground.banks[1:]}
    for start in sorted(align_up(one, _STEP) for one in starts):
        room = Range.sized(start, _ROOM)
        if start > ground.banks[0].start and _free(room, ground.banks, [*used, *doubtful]):
            below = [*(f"{one.name} {one.start:#x}-{one.end:#x}" for one in used if one.end <= start)][:6]
            said = [f"{source}, which may be so here" for one, source in ground.doubtful if one.end <= start]
            reason = (
                f"the lowest multiple of 16 MiB above {', '.join([*below, *said])} with "
                f"{_ROOM >> 20} MiB behind it that no bootloader of this kind is known to use"
            )
            return Proposal(start, 0, "inferred", reason)
    return None


def _free(place: Range, banks: tuple[Range, ...], used: list[Range]) -> bool:
    """True if `place` lies inside one bank and over nothing in `used`."""
    return any(one.contains(place) for one in banks) and not any(one.overlaps(place) for one in used)

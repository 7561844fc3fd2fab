"""Rules about the kernel: where it must start, and the memory it needs while it decompresses and runs."""

from collections.abc import Iterator

from hardboot.base.memory import Range
from hardboot.base.sizes import human_size
from hardboot.layout.arm64_image import IMAGE_ALIGNMENT
from hardboot.layout.rules.situation import Finding, Situation, not_meant_for, outside_banks, overlaps
from hardboot.layout.zimage import WINDOW, ZImageRequirements


def zimage_window(situation: Situation) -> Iterator[Finding]:
    """Refuse a zImage whose address would make it take the wrong start of RAM."""
    needs, place = situation.constraints.kernel, situation.kernel
    if not isinstance(needs, ZImageRequirements) or place is None:
        return
    start = place.range.start
    if not needs.window.contains(Range.sized(start, 1)):
        yield Finding(
            f"with {place} the guest would take {start & -WINDOW:#x} for the start of RAM "
            f"(address & {(1 << 32) - WINDOW:#x}); it is {needs.window.start:#x}",
            (place,),
        )


def image_place(situation: Situation) -> Iterator[Finding]:
    """Refuse an arm64 Image that is not aligned, or not at the start of RAM if it has to be."""
    needs, place = situation.constraints.kernel, situation.kernel
    if isinstance(needs, ZImageRequirements) or place is None:
        return
    start = place.range.start
    if needs.next_start(start) != start:
        yield Finding(
            f"{place} does not start {needs.text_offset:#x} above a multiple of "
            f"{human_size(IMAGE_ALIGNMENT)}",
            (place,),
        )
    elif needs.only_start not in (None, start):
        yield Finding(
            f"with {place} the guest loses the RAM below; it must start at {needs.only_start:#x}", (place,)
        )


def decompression_in_ram(situation: Situation) -> Iterator[Finding]:
    """Refuse a kernel that would write outside one bank of RAM while it decompresses or runs."""
    for one in (situation.written, situation.running):
        if one:
            yield from outside_banks(one, situation.constraints)


def decompression_clear(situation: Situation) -> Iterator[Finding]:
    """Refuse a zImage that would decompress over reserved memory, ramdisk, device tree or ATAGS."""
    written = situation.written
    if written:
        yield from overlaps(written, [situation.constraints.page, *situation.constraints.reserved])
        for one in situation.read_later:
            yield from overlaps(one, [written])


def kernel_room(situation: Situation) -> Iterator[Finding]:
    """Refuse a kernel whose heap or BSS overlaps something that is needed."""
    kernel, tail = situation.kernel, situation.tail
    if kernel and tail:
        reserved = not_meant_for(kernel.range.start, situation.constraints.reserved)
        yield from overlaps(tail, [*situation.read_later, situation.constraints.page, *reserved])

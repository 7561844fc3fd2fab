"""Search for any placement at all, by brute force on small maps: what is refused must have none."""

from collections.abc import Iterator

from layout_cases import PAGE, Case, Image
from layout_judge import (
    ATAGS_BELOW,
    Kernel32,
    Kernel64,
    Places,
    copies,
    faults,
    in_one_bank,
    kernel_name,
    kernel_size,
    spans,
    up,
)


class Pages:
    """Sets of pages, as the bits of an int."""

    def __init__(self, case: Case) -> None:
        self.origin = case.banks[0][0]
        self.end = case.banks[-1][1]

    def touched(self, low: int, high: int) -> int:
        """Return the pages that touch [low, high)."""
        low, high = max(low, self.origin), min(high, self.end)
        if low >= high:
            return 0
        first, last = (low - self.origin) // PAGE, -(-(high - self.origin) // PAGE)
        return ((1 << last) - 1) & ~((1 << first) - 1)

    def starts(self, free: int, size: int) -> int:
        """Return the pages where `size` free bytes begin."""
        have, pages = 1, size // PAGE
        while have < pages:
            step = min(have, pages - have)
            free &= free >> step
            have += step
        return free

    def each(self, starts: int, *, down: bool = False) -> Iterator[int]:
        """Yield the addresses of the pages, from one end or the other."""
        while starts:
            at = starts.bit_length() - 1 if down else (starts & -starts).bit_length() - 1
            starts &= ~(1 << at)
            yield self.origin + at * PAGE


def solution(case: Case, params: int, *, step: int = PAGE) -> Places | None:
    """Return a placement in which nothing goes wrong; None if there is none.

    Every place of the kernel is tried, in steps of `step` bytes, and for each the lowest and highest ones of
    ramdisk and tree: if no two of these lie side by side, none do.
    """
    pages, name = Pages(case), kernel_name(case)
    free = 0
    for bank in case.banks:
        free |= pages.touched(*bank)
    blocked = [case.page, *case.reserved, *([case.buffer] if case.buffer else [])]
    blocked += [] if case.buffer else [*case.lost, (0, case.mem_min or 0)]
    for one in blocked:
        free &= ~pages.touched(*one)
    moves = [what for what, _ in copies(case, params)]
    starts = pages.starts(free, kernel_size(case))
    if step > PAGE:
        offset = ATAGS_BELOW if case.atags else case.kernel.text if isinstance(case.kernel, Image) else 0
        grid = range(up(pages.origin, step) + offset - pages.origin, pages.end - pages.origin, step)
        starts &= sum(1 << at // PAGE for at in grid)
    for start in pages.each(starts):
        places: Places = {name: (start, kernel_size(case))}
        if case.atags:
            places["atags"] = (start - ATAGS_BELOW, up(params, PAGE))
        final = start
        left = free
        for what, target in copies(case, params):
            final = target[0] if what == name else final
            left &= ~pages.touched(*target)
        for used in spans(places).values():
            left &= ~pages.touched(*used)
        kernel = (
            Kernel64(case, final) if isinstance(case.kernel, Image) else Kernel32(case, case.kernel, final)
        )
        if any(kernel.faults()):
            continue
        rest = {"initrd": up(case.ramdisk, PAGE)} if case.ramdisk else {}
        rest |= {} if case.atags else {"dtb": up(params, PAGE)}
        found = _beside(case, places, rest, params, kernel, left, moves)
        if found:
            return found
    return None


def _beside(
    case: Case,
    places: Places,
    rest: dict[str, int],
    params: int,
    kernel: "Kernel32 | Kernel64",
    free: int,
    moves: list[str],
) -> Places | None:
    pages = Pages(case)
    options: list[Places] = [places]
    for name, size in rest.items():
        left = free
        if name not in moves:
            for one in kernel.written:
                left &= ~pages.touched(*one)
            low, high = kernel.zone_of(name)
            left &= pages.touched(low, high)
        starts = pages.starts(left, size)
        ends = []
        for down in (False, True):
            for place in pages.each(starts, down=down):
                one = (place, place + size)
                crosses = not in_one_bank(case, one)
                if not crosses and (name in moves or not any(kernel.faults_of(name, one))):
                    ends.append(place)
                    break
        options = [{**option, name: (place, size)} for option in options for place in ends]
    return next((one for one in options if not any(faults(case, one, params))), None)

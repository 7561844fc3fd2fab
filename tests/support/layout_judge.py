"""An independent judge of boot plans: it steps through a boot with plain numbers.

Nothing of hardboot.layout is used or copied: what kernels do is written down here a second time, from
arch/arm/boot/compressed/head.S, Documentation/arm64/booting.rst and facts on hardboot's host kernels.
"""

from collections.abc import Iterator
from typing import TypeAlias

from layout_cases import PAGE, Case, Image, Span2, Zimage

Places: TypeAlias = dict[str, tuple[int, int]]  # name of a segment: address, bytes of memory
KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
ATAGS_BELOW = 0x7000


def meet(one: Span2, two: Span2) -> bool:
    return max(one[0], two[0]) < min(one[1], two[1])


def inside(one: Span2, two: Span2) -> bool:
    return two[0] <= one[0] and one[1] <= two[1]


def up(value: int, step: int) -> int:
    return (value + step - 1) // step * step


def kernel_name(case: Case) -> str:
    return "Image" if isinstance(case.kernel, Image) else "zImage"


def in_one_bank(case: Case, what: Span2) -> bool:
    limit = 1 << 48 if isinstance(case.kernel, Image) else 1 << 32
    return any(inside(what, (start, min(end, limit))) for start, end in case.banks)


def spans(places: Places) -> dict[str, Span2]:
    return {name: (start, start + size) for name, (start, size) in places.items()}


def faults(case: Case, places: Places, params: int) -> Iterator[str]:
    """Yield everything that goes wrong in this boot; nothing if the guest starts.

    Args:
        case: The phone, the ROM, the memory map.
        places: The segments.
        params: Bytes of device tree or ATAGS.
    """
    now = spans(places)
    yield from _loading(case, now)
    yield from _reset(case, now)
    now = dict(now)
    yield from _host(case, now, params)
    start = now[kernel_name(case)][0]
    kernel = Kernel64(case, start) if isinstance(case.kernel, Image) else Kernel32(case, case.kernel, start)
    yield from kernel.faults()
    for name, one in now.items():
        if name != kernel_name(case):
            yield from kernel.faults_of(name, one)


def _loading(case: Case, now: dict[str, Span2]) -> Iterator[str]:
    everything = list(now.items())
    for at, (name, one) in enumerate(everything):
        if one[0] % PAGE or one[1] % PAGE or one[0] >= one[1]:
            yield f"{name}: no whole pages"
        if not in_one_bank(case, one):
            yield f"{name}: not in one bank"
        if meet(one, case.page) or any(meet(one, other) for other in case.reserved):
            yield f"{name}: over page or reserved"
        if case.buffer and meet(one, case.buffer):
            yield f"{name}: over the buffer"
        if any(meet(one, other) for _, other in everything[:at]):
            yield f"{name}: over another"
    limit = 1 << 48 if isinstance(case.kernel, Image) else 1 << 32
    ram = sum(max(min(end, limit) - start, 0) for start, end in case.banks)
    if sum(end - start for start, end in now.values()) > ram // 2:
        yield "more than half of RAM"


def _reset(case: Case, now: dict[str, Span2]) -> Iterator[str]:
    waiting = list(now.values())
    if case.buffer:
        waiting = [case.buffer]
        if sum(end - start for start, end in now.values()) > case.buffer[1] - case.buffer[0]:
            yield "the buffer is too small"
    for one in waiting:
        if one[0] < (case.mem_min or 0) or any(meet(one, other) for other in case.lost):
            yield f"{one[0]:#x} is lost in the bootloader"


def kernel_size(case: Case) -> int:
    """Return the bytes of its segment: the word behind a zImage must be zero, or it may look like a tree."""
    return up(case.kernel.size + (0 if isinstance(case.kernel, Image) else 4), PAGE)


def copies(case: Case, params: int) -> list[tuple[str, Span2]]:
    """Return what the host kernel copies, in its order, and where to."""
    found: list[tuple[str, Span2]] = []
    if case.abi == "copy-atags":
        assert case.params is not None
        found.append(("atags", (case.params, case.params + params)))
    if case.abi == "copy-dtb":
        assert case.dtb_loc is not None
        found.append(("dtb", (case.dtb_loc, case.dtb_loc + up(params, PAGE))))
        if case.kernel_loc is not None:
            found.append((kernel_name(case), (case.kernel_loc, case.kernel_loc + kernel_size(case))))
    return found


def _host(case: Case, now: dict[str, Span2], params: int) -> Iterator[str]:
    """Let the host kernel copy: `now` becomes where things are afterwards. Yield what goes wrong."""
    name = kernel_name(case)
    if case.atags and now["atags"][0] + ATAGS_BELOW != now[name][0]:
        yield "the ATAGS are not where the host kernel looks"
    for what, target in copies(case, params):
        start = target[0]
        if not in_one_bank(case, target):
            yield f"{what} is copied to no RAM"
        for other, one in now.items():
            if meet(target, one):
                yield f"{what} is copied over {other}"
        # A copy that begins inside a reserved range is meant to be there; one that runs into it is not.
        for bad in (case.page, *(one for one in case.reserved if not one[0] <= start < one[1])):
            if meet(target, bad):
                yield f"{what} is copied over page or reserved"
        now[what] = target


class Kernel32:
    """A zImage that starts at `start`: what it writes, and what it needs."""

    def __init__(self, case: Case, kernel: Zimage, start: int) -> None:
        # What is not stated: unpacked at most 5 times, a BSS of at most 4 MiB, any TEXT_OFFSET there is.
        edata = kernel.edata or kernel.unpacked or 5 * kernel.size
        bss = 4 * MIB if kernel.bss is None else kernel.bss
        malloc = kernel.malloc or 0x10000
        self.case, self.start = case, start
        self.window = case.base // (128 * MIB) * (128 * MIB)
        self.relative = not isinstance(kernel.where, int)
        offsets = (0x8000, 0x208000, 0x308000) if kernel.text is None else (kernel.text,)
        targets = [self.window + offset for offset in offsets]
        if isinstance(kernel.where, int):
            targets = [kernel.where]
        elif kernel.where is None and kernel.edata is None and case.zreladdr is not None:
            targets = [case.zreladdr]
        # Stack and heap lie behind the zImage, and one page is for its BSS.
        end = start + kernel_size(case)
        self.behind = (end, end + up(0x1000 + malloc, PAGE) + PAGE)
        own = (start, self.behind[1])
        self.written = [own]
        for target in targets:
            tables = max(target - 0x5000, 0)
            more = bss
            if meet(own, (tables, target + edata)):  # it must move itself behind what it unpacks
                more = max(bss, kernel.size + 0x1000 + max(malloc, 0x10000))
            self.written.append((tables, target + edata + more))
        low = self.window if kernel.where == "auto" else case.base
        self.zone = (low, low + 0xFF000000 - (8 << 20) - (240 << 20) - 0xC0000000)

    def faults(self) -> Iterator[str]:
        case = self.case
        # The code that looks at its own address is in the first 8 KiB.
        if self.relative and not self.window <= self.start < self.window + 128 * MIB - 8 * KIB:
            yield "the guest takes another address for the start of RAM"
        if not all(in_one_bank(case, one) for one in self.written):
            yield "unpacks to no RAM, or its heap is there"
        meant = [one for one in case.reserved if not one[0] <= self.start < one[1]]
        if any(meet(self.behind, one) for one in (case.page, *meant)):
            yield "the heap is over page or reserved"
        if any(meet(one, other) for one in self.written[1:] for other in (case.page, *case.reserved)):
            yield "unpacks over page or reserved"

    def zone_of(self, _name: str) -> Span2:
        return self.zone

    def faults_of(self, name: str, one: Span2) -> Iterator[str]:
        if not inside(one, self.zone):
            yield f"{name}: not in lowmem"
        if any(meet(one, written) for written in self.written):
            yield f"{name}: under the unpacked kernel, or the heap"
        if name == "dtb" and one[1] - one[0] > MIB:
            yield "dtb: too large"


class Kernel64:
    """An Image that starts at `start`."""

    def __init__(self, case: Case, start: int) -> None:
        kernel = case.kernel
        assert isinstance(kernel, Image)
        self.case, self.kernel, self.start = case, kernel, start
        self.base = start - (kernel.text if kernel.total else 0x80000)
        size = max(up(kernel.total or kernel.size + 4 * MIB, PAGE), kernel_size(case))
        self.written = [(start, start + size)]
        self.behind = (start + kernel_size(case), start + size)

    def faults(self) -> Iterator[str]:
        if self.base % (2 * MIB):
            yield "not text_offset above 2 MiB"
        if not self.kernel.anywhere and self.base != up(self.case.base, 2 * MIB):
            yield "an old kernel not at the start of RAM"
        if not in_one_bank(self.case, self.written[0]):
            yield "no RAM for its BSS"
        if any(meet(self.behind, one) for one in (self.case.page, *self.case.reserved)):
            yield "BSS over page or reserved"

    def zone_of(self, name: str) -> Span2:
        if self.kernel.anywhere:
            return (0, 1 << 48)
        return (self.base, self.base + 512 * MIB if name == "dtb" else 1 << 48)

    def faults_of(self, name: str, one: Span2) -> Iterator[str]:
        if meet(self.written[0], one):
            yield f"{name}: under the BSS"
        if name == "dtb" and one[1] - one[0] > 2 * MIB:
            yield "dtb: too large"
        if not inside(one, self.zone_of(name)):
            yield f"{name}: too far away, or below the kernel"
        if self.kernel.anywhere:
            low, high = min(self.start, one[0]), max(self.written[0][1], one[1])
            if name == "initrd" and up(high, GIB) - low // GIB * GIB > 32 * GIB:
                yield "initrd: too far away"
        elif name == "dtb" and one[0] // (2 * MIB) != (one[1] - 1) // (2 * MIB):
            yield "dtb: crosses 2 MiB"

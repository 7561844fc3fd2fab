"""What is free for each segment, and the lowest place for it there. The rules then judge the placement."""

from collections.abc import Iterator, Mapping, Sequence

from hardboot.base.memory import PAGE_SIZE, Range, subtract
from hardboot.base.sizes import align_up
from hardboot.layout.boot_params import ATAGS, ATAGS_BELOW
from hardboot.layout.constraints import Constraints
from hardboot.layout.zimage import ANYWHERE, ZImageRequirements

_ROUND = 1 << 20  # bytes; not a rule: addresses are easier to read, and maps of MiB sections are not split
_ATAGS_ROUND = 0x8000  # this far above such an address lies a kernel with ATAGS, as kexec-tools has it

PURGATORY = "purgatory"
Places = Mapping[str, Range]  # by name of a segment


class FreeSpace:
    """The free ranges for each segment, before any is placed.

    ATAGS are not a segment of their own here: they lie a fixed distance below the kernel, in one block with
    it.

    Attributes:
        constraints: What it was made from.
        sizes: Bytes of each segment, whole pages, in the order they are placed.
        below: Bytes of the kernel's block that lie below the kernel.
    """

    def __init__(self, constraints: Constraints, *, over_unpacked: bool = False) -> None:
        """Subtract what is taken; `over_unpacked` lets a zImage lie over what it unpacks."""
        self.constraints, kernel = constraints, constraints.kernel
        self.below = ATAGS_BELOW if constraints.params == ATAGS else 0
        self.sizes = {kernel.name: self.below + kernel.memsz}
        if constraints.initrd_size:
            self.sizes["initrd"] = constraints.initrd_size
        if not self.below:
            self.sizes[constraints.params] = align_up(constraints.params_size, PAGE_SIZE)
        if constraints.purgatory:
            self.sizes[PURGATORY] = PAGE_SIZE
        self._moved = constraints.moved_to(kernel.name)  # the kernel's place when it starts, if that is fixed
        self._tail_size = kernel.tail_size if self._moved is None else 0
        self._untouchable = [constraints.page.range, *(one.range for one in constraints.reserved)]
        written = self._written(over_unpacked=over_unpacked)
        # In one block with the kernel, ATAGS that are not moved must keep clear of what it writes, too.
        self._atags_obstacles = written if constraints.moved_to(ATAGS) is None else []
        own = {kernel.name: [kernel.unpacked] if kernel.unpacked and not over_unpacked else []}
        taken = [*self._untouchable, *self._lost(), *(one.range for one in constraints.moved)]
        self._free = {
            name: subtract(
                constraints.banks,
                taken + (own.get(name, written) if constraints.moved_to(name) is None else []),
            )
            for name in self.sizes
        }

    def _lost(self) -> list[Range]:
        """Return what does not survive until the host kernel runs, or where segments wait until then."""
        if self.constraints.buffer is not None:
            return [self.constraints.buffer.range]
        bootloader = [one.range for one in self.constraints.bootloader]
        return [*bootloader, self.constraints.below_mem_min.range]

    def _written(self, *, over_unpacked: bool) -> list[Range]:
        """Return what the kernel writes outside of its segment, as far as its place does not matter."""
        kernel = self.constraints.kernel
        if self._moved is not None:
            elsewhere = kernel.written(self._moved)
            own = Range.sized(self._moved, kernel.memsz + kernel.tail_size)
            return [own, elsewhere] if elsewhere else [own]
        if isinstance(kernel, ZImageRequirements):
            more = max(kernel.bss, kernel.workspace) if over_unpacked else kernel.bss
            return [Range(kernel.unpacked.start, kernel.unpacked.end + more)]
        return []

    def places(self, name: str, others: Places, *, rounded: bool) -> Iterator[Range]:
        """Yield the lowest place of segment `name` in each free range, the largest of its best zone first.

        Args:
            name: The segment.
            others: Segments that are placed already.
            rounded: Whole MiB only.
        """
        seen = set()
        for zone in self.zones(name, others):
            pieces = self.pieces(name, zone, others)
            for piece in sorted(pieces, key=lambda piece: (-piece.size, piece.start)):
                place = self._lowest(name, piece, others, rounded=rounded)
                if place is not None and place not in seen:
                    seen.add(place)
                    yield place

    def addresses(self, places: Places) -> dict[str, int]:
        """Return the address of each segment; ATAGS are a segment of their own there."""
        found = {name: place.start for name, place in places.items()}
        name = self.constraints.kernel.name
        if self.below and name in found:
            found |= {ATAGS: found[name], name: found[name] + self.below}
        return found

    def zones(self, name: str, others: Places) -> Sequence[Range]:
        """Return where a segment may lie, the best zone first; it may depend on the kernel's place."""
        needs = self.constraints.kernel
        if name == needs.name and self._moved is not None:
            return needs.initrd_zone(self._moved), ANYWHERE
        if name == needs.name:
            # ATAGS that stay below it must be in lowmem.
            return needs.start_zones[:2] if self._atags_obstacles and self.below else needs.start_zones
        kernel = self._moved
        if kernel is None and needs.name in others:
            kernel = others[needs.name].start + self.below
        if kernel is None or name == PURGATORY:
            return (ANYWHERE,)
        zone = needs.initrd_zone(kernel) if name == "initrd" else needs.dtb_zone(kernel)
        return (zone,) if self.constraints.moved_to(name) is None else (zone, ANYWHERE)

    def pieces(self, name: str, zone: Range, others: Places) -> list[Range]:
        """Return what is free for a segment inside `zone`; a kernel only has to begin there."""
        low, high = zone.start, zone.end
        kernel = self.constraints.kernel.name
        if name == kernel:
            low, high = max(low - self.below, 0), high + self.sizes[name] - self.below - 1
        taken = [
            Range(place.start, place.end + (self._tail_size if other == kernel else 0))
            for other, place in others.items()
        ]
        return [
            Range(max(piece.start, low), min(piece.end, high))
            for piece in subtract(self._free[name], taken)
            if piece.start < high and low < piece.end
        ]

    def _lowest(self, name: str, piece: Range, others: Places, *, rounded: bool) -> Range | None:
        """Return the lowest place for a segment in a free range; None if it does not fit."""
        start = piece.start
        while True:
            start = self._aligned(name, start, rounded=rounded)
            place = Range.sized(start, self.sizes[name])
            if place.end > piece.end:
                return None
            obstacle = self._obstacle(name, place, others, rounded=rounded)
            if obstacle is None:
                return place
            start = obstacle.end

    def _aligned(self, name: str, start: int, *, rounded: bool) -> int:
        kernel = self.constraints.kernel
        if name != kernel.name:
            return align_up(start, _ROUND if rounded else PAGE_SIZE)
        if rounded and isinstance(kernel, ZImageRequirements):
            extra = _ATAGS_ROUND if self.below else 0
            return align_up(start + self.below - extra, _ROUND) + extra - self.below
        return kernel.next_start(start + self.below) - self.below

    def _obstacle(self, name: str, place: Range, others: Places, *, rounded: bool) -> Range | None:
        """Return what makes a free place unfit; a higher one must begin behind it. None if it fits."""
        kernel = self.constraints.kernel
        if name == kernel.name and self._tail_size:
            return self._kernel_obstacle(place, others, rounded=rounded)
        if name == self.constraints.params and self.constraints.moved_to(name) is None:
            block = kernel.dtb_block(place)
            return block if block and not block.contains(place) else None
        return None

    def _kernel_obstacle(self, place: Range, others: Places, *, rounded: bool) -> Range | None:
        name = self.constraints.kernel.name
        tail = Range.sized(place.end, self._tail_size)
        if rounded and not any(piece.contains(tail) for piece in self._free[name]):
            return place
        bank = next(bank for bank in self.constraints.banks if bank.contains(place))
        if tail.end > bank.end:
            return Range(place.start, bank.end)
        atags_size = self.below and align_up(self.constraints.params_size, PAGE_SIZE)
        atags = Range.sized(place.start, atags_size)
        hit = next((one for one in self._atags_obstacles if one.overlaps(atags)), None)
        taken = [*self._untouchable, *(one for other, one in others.items() if other != name)]
        return hit or next((one for one in taken if one.overlaps(tail)), None)

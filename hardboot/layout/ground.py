"""What is free for each segment, and the lowest place for it there. The rules judge what comes of it."""

from collections.abc import Iterator, Mapping, Sequence

from hardboot.base.memory import PAGE_SIZE, Range, subtract
from hardboot.base.sizes import align_up
from hardboot.layout.kernels import ANYWHERE, ZImageNeeds
from hardboot.layout.terrain import ATAGS_BELOW, Terrain

_ROUND = 1 << 20  # bytes; no rule: addresses are easier to read, and maps of MiB sections are not split
_ATAGS_ROUND = 0x8000  # so far above such an address lies a kernel with ATAGS, as kexec-tools has it

Places = Mapping[str, Range]


class Ground:
    """The free ranges of each segment, before any has its place.

    ATAGS are no segment of their own here: they lie a fixed way below the kernel, in one block with it.

    Attributes:
        terrain: What it was made of.
        sizes: Bytes of each segment, whole pages, in the order they are placed.
        below: Bytes of the kernel's block that lie below the kernel.
    """

    def __init__(self, terrain: Terrain, *, over_core: bool = False) -> None:
        """Cut out what is taken; with `over_core` for a zImage that lies over what it unpacks."""
        self.terrain, needs = terrain, terrain.kernel
        self.below = ATAGS_BELOW if terrain.params == "atags" else 0
        self.sizes = {needs.name: self.below + needs.memsz}
        if terrain.initrd_size:
            self.sizes["initrd"] = terrain.initrd_size
        if not self.below:
            self.sizes[terrain.params] = align_up(terrain.params_size, PAGE_SIZE)
        self._moved = terrain.moved_to(needs.name)  # the kernel's place when it starts, if that is fixed
        self._behind = needs.behind if self._moved is None else 0
        self._never = [terrain.page, *terrain.reserved]
        lost = (
            [*terrain.bootloader, Range(0, terrain.mem_min)] if terrain.buffer is None else [terrain.buffer]
        )
        targets = [Range.sized(place, terrain.moved_size(name)) for name, place in terrain.moves]
        taken = [*self._never, *lost, *targets]
        core = [needs.core] if needs.core else []
        if self._moved is not None:
            work = [Range.sized(self._moved, needs.memsz + needs.behind), needs.work(self._moved)]
        elif isinstance(needs, ZImageNeeds):
            more = max(needs.bss, needs.workspace) if over_core else needs.bss
            work = [Range(needs.core.start, needs.core.end + more)]
        else:
            work = []
        unmoved = {name for name in self.sizes if terrain.moved_to(name) is None}
        own = {needs.name: [] if over_core else core}
        # In one block with the kernel, ATAGS that stay where they are must keep away from more than it.
        self._atags_clear = work if terrain.moved_to("atags") is None else []
        self._free = {
            name: subtract(
                terrain.banks,
                taken + [one for one in own.get(name, work) if one and name in unmoved],
            )
            for name in self.sizes
        }

    def places(self, name: str, others: Places, *, rounded: bool) -> Iterator[Range]:
        """The place of a segment in every free range, the largest range of its best zone first."""
        seen = set()
        for zone in self.zones(name, others):
            pieces = self.pieces(name, zone, others)
            for piece in sorted(pieces, key=lambda piece: (-piece.size, piece.start)):
                place = self._lowest(name, piece, others, rounded=rounded)
                if place is not None and place not in seen:
                    seen.add(place)
                    yield place

    def addresses(self, places: Places) -> dict[str, int]:
        """The addresses of the segments, with ATAGS out of their block with the kernel."""
        found = {name: place.start for name, place in places.items()}
        name = self.terrain.kernel.name
        if self.below and name in found:
            found |= {"atags": found[name], name: found[name] + self.below}
        return found

    def zones(self, name: str, others: Places) -> Sequence[Range]:
        """Where a segment may lie, the best first; it depends on the kernel's place, if that is known."""
        needs = self.terrain.kernel
        if name == needs.name and self._moved is not None:
            return needs.initrd_zone(self._moved), ANYWHERE
        if name == needs.name:
            # ATAGS that stay below it must be mapped.
            return needs.zones[:2] if self._atags_clear and self.below else needs.zones
        kernel = self._moved
        if kernel is None and needs.name in others:
            kernel = others[needs.name].start + self.below
        if kernel is None:
            return (ANYWHERE,)
        zone = needs.initrd_zone(kernel) if name == "initrd" else needs.tree_zone(kernel)
        return (zone,) if self.terrain.moved_to(name) is None else (zone, ANYWHERE)

    def pieces(self, name: str, zone: Range, others: Places) -> list[Range]:
        """What is free for a segment inside `zone`, in which a kernel must only begin."""
        low, high = zone.start, zone.end
        if name == self.terrain.kernel.name:
            low, high = max(low - self.below, 0), high + self.sizes[name] - self.below - 1
        taken = [
            Range(place.start, place.end + (self._behind if other == self.terrain.kernel.name else 0))
            for other, place in others.items()
        ]
        return [
            Range(max(piece.start, low), min(piece.end, high))
            for piece in subtract(self._free[name], taken)
            if piece.start < high and low < piece.end
        ]

    def _lowest(self, name: str, piece: Range, others: Places, *, rounded: bool) -> Range | None:
        """The lowest place for a segment in a free range."""
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
        needs = self.terrain.kernel
        if name != needs.name:
            return align_up(start, _ROUND if rounded else PAGE_SIZE)
        if rounded and isinstance(needs, ZImageNeeds):
            extra = _ATAGS_ROUND if self.below else 0
            return align_up(start + self.below - extra, _ROUND) + extra - self.below
        return needs.aligned(start + self.below) - self.below

    def _obstacle(self, name: str, place: Range, others: Places, *, rounded: bool) -> Range | None:
        """What makes a free place unfit; a higher one must begin behind it."""
        needs = self.terrain.kernel
        if name == needs.name and self._behind:
            behind = Range.sized(place.end, self._behind)
            if rounded and not any(piece.contains(behind) for piece in self._free[name]):
                return place
            bank = next(bank for bank in self.terrain.banks if bank.contains(place))
            if behind.end > bank.end:
                return Range(place.start, bank.end)
            taken = [*self._never, *(one for other, one in others.items() if other != name)]
            atags = Range.sized(place.start, self.below and align_up(self.terrain.params_size, PAGE_SIZE))
            hit = next((one for one in self._atags_clear if one and one.overlaps(atags)), None)
            return hit or next((one for one in taken if one.overlaps(behind)), None)
        if name == self.terrain.params and self.terrain.moved_to(name) is None:
            block = needs.tree_block(place)
            return block if block and not block.contains(place) else None
        return None

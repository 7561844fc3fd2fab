"""The rules every plan must keep, each with a name. They know nothing of how segments were placed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from hardboot.base.memory import PAGE_SIZE, Range
from hardboot.base.sizes import human_size
from hardboot.formats.trees.fdt import FDT_MAGIC
from hardboot.layout.kernels import IMAGE_ALIGNMENT, WINDOW, ZImageNeeds
from hardboot.layout.model import Segment
from hardboot.layout.terrain import ATAGS_BELOW, Terrain

SEGMENT_MAX = 16  # include/uapi/linux/kexec.h, KEXEC_SEGMENT_MAX

_Finding = tuple[str, tuple[Range, ...]]


@dataclass(frozen=True)
class Violation:
    """A rule that is broken, with the numbers, and the ranges it is about."""

    rule: str
    what: str
    ranges: tuple[Range, ...] = ()


@dataclass(frozen=True)
class _Case:
    """Segments on their terrain, and where they are when the guest starts."""

    terrain: Terrain
    segments: Sequence[Segment]

    @cached_property
    def kernel(self) -> Range | None:
        """Where the kernel lies when the guest starts."""
        return self.at_start(self.terrain.kernel.name)

    @cached_property
    def params(self) -> Range | None:
        """Where device tree or ATAGS lie then."""
        return self.at_start(self.terrain.params)

    @cached_property
    def moved(self) -> list[Range]:
        """What the host kernel copies after the reset, in its order."""
        size = self.terrain.moved_size
        return [
            Range.sized(place, size(name), f"{name} moved by the host kernel")
            for name, place in self.terrain.moves
        ]

    @property
    def placed(self) -> list[Range]:
        """Where anything is put: the segments, and what is moved."""
        return [*(segment.range for segment in self.segments), *self.moved]

    @property
    def waiting(self) -> list[Range]:
        """What must keep its content from the reset until the host kernel looks."""
        buffer = self.terrain.buffer
        return [segment.range for segment in self.segments] if buffer is None else [buffer]

    @cached_property
    def running(self) -> Range | None:
        """The kernel with what it needs behind itself."""
        place, needs = self.kernel, self.terrain.kernel
        return place and Range(place.start, place.end + needs.behind, f"running {needs.name}")

    @cached_property
    def work(self) -> Range | None:
        """What the kernel writes elsewhere until it runs."""
        return self.kernel and self.terrain.kernel.work(self.kernel.start)

    @cached_property
    def needed(self) -> list[Range]:
        """What the guest reads once it runs: ramdisk and device tree or ATAGS."""
        return [one for one in (self.at_start("initrd"), self.params) if one]

    def named(self, name: str) -> Segment | None:
        return next((one for one in self.segments if one.name == name), None)

    def at_start(self, name: str) -> Range | None:
        """Where a segment lies when the guest starts."""
        segment = self.named(name)
        if segment is None:
            return None
        return next((one for one in self.moved if one.name.startswith(f"{name} ")), segment.range)


def _page_aligned(case: _Case) -> Iterator[_Finding]:
    for one in case.segments:
        if one.addr % PAGE_SIZE or one.memsz % PAGE_SIZE or one.memsz <= 0:
            yield f"{one.range} is not made of whole pages of {PAGE_SIZE} bytes", (one.range,)


def _segment_count(case: _Case) -> Iterator[_Finding]:
    if not 1 <= len(case.segments) <= SEGMENT_MAX:
        yield f"{len(case.segments)} segments, kexec_load takes 1 to {SEGMENT_MAX}", ()


def _data_fits(case: _Case) -> Iterator[_Finding]:
    for one in case.segments:
        if len(one.data) > one.memsz:
            yield f"{one.name} has {len(one.data)} bytes for {one.range}", (one.range,)


def _one_magic(case: _Case) -> Iterator[_Finding]:
    # machine_kexec_prepare() takes the last segment that begins with the magic for the device tree.
    for one in case.segments:
        if one.name != "dtb" and bytes(one.data[:4]) == FDT_MAGIC.to_bytes(4, "big"):
            yield f"{one.name} begins like a device tree: the kernel would take it for one", (one.range,)


def _half_of_ram(case: _Case) -> Iterator[_Finding]:
    # kernel/kexec_core.c sanity_check_segment_list(): EINVAL above half of the RAM the kernel manages.
    total = sum(one.memsz for one in case.segments)
    half = sum(bank.size for bank in case.terrain.banks) // 2
    if total > half:
        yield f"{human_size(total)} in all, kexec takes at most half of RAM, {human_size(half)}", ()


def _buffer_size(case: _Case) -> Iterator[_Finding]:
    buffer, total = case.terrain.buffer, sum(one.memsz for one in case.segments)
    if buffer is not None and total > buffer.size:
        yield f"{human_size(total)} in all do not fit into {buffer}", (buffer,)


def _disjoint(case: _Case) -> Iterator[_Finding]:
    for index, one in enumerate(case.segments):
        yield from _over(one.range, [other.range for other in case.segments[:index]])


def _one_bank(case: _Case) -> Iterator[_Finding]:
    for one in case.placed:
        yield from _not_in_a_bank(one, case.terrain)


def _mem_min(case: _Case) -> Iterator[_Finding]:
    lost = Range(0, case.terrain.mem_min, "RAM the bootloader overwrites, below mem_min")
    for one in case.waiting:
        yield from _over(one, [lost])


def _outside_page(case: _Case) -> Iterator[_Finding]:
    for one in case.placed:
        yield from _over(one, [case.terrain.page])


def _outside_reserved(case: _Case) -> Iterator[_Finding]:
    buffer = case.terrain.buffer
    for segment in case.segments:
        yield from _over(segment.range, [*case.terrain.reserved, *([buffer] if buffer else [])])
    for moved in case.moved:
        yield from _over(moved, _not_meant(moved.start, case.terrain.reserved))


def _not_meant(start: int, reserved: Sequence[Range]) -> list[Range]:
    """Without the range the host kernel moves into by design, such as a boot splash."""
    return [one for one in reserved if not one.contains(Range.sized(start, 1))]


def _outside_bootloader(case: _Case) -> Iterator[_Finding]:
    for one in case.waiting:
        yield from _over(one, case.terrain.bootloader)


def _zimage_window(case: _Case) -> Iterator[_Finding]:
    needs, place = case.terrain.kernel, case.kernel
    if isinstance(needs, ZImageNeeds) and place and not needs.window.contains(Range.sized(place.start, 1)):
        found, base = place.start & -WINDOW, needs.window.start
        yield (
            f"{place} makes the guest take {found:#x} for the start of its RAM "
            f"(address & {(1 << 32) - WINDOW:#x}), it is {base:#x}",
            (place,),
        )


def _image_place(case: _Case) -> Iterator[_Finding]:
    needs, place = case.terrain.kernel, case.kernel
    if isinstance(needs, ZImageNeeds) or place is None:
        return
    if needs.aligned(place.start) != place.start:
        yield (
            f"{place} does not start {needs.text_offset:#x} above a multiple of "
            f"{human_size(IMAGE_ALIGNMENT)}",
            (place,),
        )
    elif needs.lowest not in (None, place.start):
        yield f"{place} makes the guest lose the RAM below: it must start at {needs.lowest:#x}", (place,)


def _atags_place(case: _Case) -> Iterator[_Finding]:
    kernel, atags = case.named(case.terrain.kernel.name), case.named("atags")
    if kernel and atags and atags.addr != kernel.addr - ATAGS_BELOW:
        yield (
            f"{atags.range} is not {ATAGS_BELOW:#x} bytes below {kernel.range}, where the host kernel looks",
            (atags.range, kernel.range),
        )


def _initrd_lowmem(case: _Case) -> Iterator[_Finding]:
    place = case.at_start("initrd")
    if place and case.kernel:
        yield from _outside(place, case.terrain.kernel.initrd_zone(case.kernel.start))


def _dtb_lowmem(case: _Case) -> Iterator[_Finding]:
    if case.params and case.kernel:
        yield from _outside(case.params, case.terrain.kernel.tree_zone(case.kernel.start))


def _dtb_size(case: _Case) -> Iterator[_Finding]:
    segment, needs = case.named("dtb"), case.terrain.kernel
    if segment is None or case.params is None:
        return
    if len(segment.data) > needs.tree_limit:
        yield f"{len(segment.data)} bytes, the kernel maps {needs.tree_limit}", (segment.range,)
    block = needs.tree_block(case.params)
    if block:
        yield from _outside(case.params, block)


def _decompression_ram(case: _Case) -> Iterator[_Finding]:
    for one in (case.work, case.running):
        if one:
            yield from _not_in_a_bank(one, case.terrain)


def _decompression_clear(case: _Case) -> Iterator[_Finding]:
    if case.work:
        yield from _over(case.work, [case.terrain.page, *case.terrain.reserved])
        for one in case.needed:
            yield from _over(one, [case.work])


def _kernel_room(case: _Case) -> Iterator[_Finding]:
    place, running = case.kernel, case.running
    if place and running:
        behind = Range(place.end, running.end, case.terrain.kernel.behind_name)
        reserved = _not_meant(place.start, case.terrain.reserved)
        yield from _over(behind, [*case.needed, case.terrain.page, *reserved])


def _moved_clear(case: _Case) -> Iterator[_Finding]:
    order = [name for name, _ in case.terrain.moves]
    for index, one in enumerate(case.moved):
        waiting = [segment.range for segment in case.segments if segment.name not in order[:index]]
        yield from _over(one, [*waiting, *case.moved[:index]])


def _cmdline_length(case: _Case) -> Iterator[_Finding]:
    length, size = len(case.terrain.cmdline), case.terrain.cmdline_size
    if length >= size:
        yield f"{length} bytes, this phone's kernels read at most {size - 1}", ()


def _outside(one: Range, zone: Range) -> Iterator[_Finding]:
    if not zone.contains(one):
        yield f"{one} is not inside {zone}", (one, zone)


def _over(one: Range, others: Sequence[Range]) -> Iterator[_Finding]:
    for other in others:
        if one.overlaps(other):
            yield f"{one} lies over {other}", (one, other)


def _not_in_a_bank(one: Range, terrain: Terrain) -> Iterator[_Finding]:
    if not any(bank.contains(one) for bank in terrain.banks):
        banks = ", ".join(f"{bank.start:#x}-{bank.end:#x}" for bank in terrain.banks)
        yield f"{one} does not lie inside one bank of RAM ({banks})", (one,)


_OTHER_PLACE = "Let the planner choose the addresses; if it did, please report this as a bug."
SMALLER = "Use a smaller kernel or ramdisk."

# Name, test, what to do. In this order they are told.
_RULES: tuple[tuple[str, Callable[[_Case], Iterator[_Finding]], str], ...] = (
    (
        "cmdline-length",
        _cmdline_length,
        "Make the kernel command line shorter: --cmdline replaces the ROM's.",
    ),
    ("segment-count", _segment_count, _OTHER_PLACE),
    ("page-aligned", _page_aligned, _OTHER_PLACE),
    ("data-fits", _data_fits, _OTHER_PLACE),
    ("one-magic", _one_magic, "Use a ROM whose kernel and ramdisk are no device tree."),
    ("half-of-ram", _half_of_ram, SMALLER),
    ("buffer-size", _buffer_size, SMALLER),
    ("dtb-size", _dtb_size, "Use a ROM with a smaller device tree."),
    ("disjoint", _disjoint, _OTHER_PLACE),
    ("one-bank", _one_bank, _OTHER_PLACE),
    ("mem-min", _mem_min, _OTHER_PLACE),
    ("outside-page", _outside_page, _OTHER_PLACE),
    ("outside-reserved", _outside_reserved, _OTHER_PLACE),
    ("outside-bootloader", _outside_bootloader, _OTHER_PLACE),
    (
        "zimage-window",
        _zimage_window,
        f"This zImage must start in the first {human_size(WINDOW)} of RAM; if the bootloader overwrites all "
        "of that, a host kernel is needed that moves it (kernel_loc in the profile).",
    ),
    (
        "image-place",
        _image_place,
        "A kernel from before Linux 4.6 must lie at the start of RAM: a host kernel with a buffer is needed.",
    ),
    ("atags-place", _atags_place, _OTHER_PLACE),
    ("initrd-lowmem", _initrd_lowmem, _OTHER_PLACE),
    ("dtb-lowmem", _dtb_lowmem, _OTHER_PLACE),
    ("decompression-in-ram", _decompression_ram, "Use a smaller kernel, or a profile with the right banks."),
    ("decompression-clear", _decompression_clear, SMALLER),
    ("kernel-room", _kernel_room, _OTHER_PLACE),
    ("moved-clear", _moved_clear, SMALLER),
)
RULES = tuple(name for name, _, _ in _RULES)
FIXES = MappingProxyType({name: fix for name, _, fix in _RULES} | {"room": SMALLER})


def violations(terrain: Terrain, segments: Sequence[Segment]) -> list[Violation]:
    """Every rule these segments break, wherever they come from; empty if the guest may be started."""
    case = _Case(terrain, segments)
    return [Violation(name, what, ranges) for name, test, _ in _RULES for what, ranges in test(case)]

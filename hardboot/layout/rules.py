"""The rules every plan must keep, each with a name. They know nothing of how segments were placed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from hardboot.errors import RefusedError
from hardboot.formats.fdt import FDT_MAGIC
from hardboot.layout.model import Segment
from hardboot.layout.terrain import COMMAND_LINE_SIZE, DTB_MAX_SIZE, WINDOW, Terrain
from hardboot.memory import PAGE_SIZE, Range, human_size

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

    def named(self, name: str) -> Segment | None:
        return next((one for one in self.segments if one.name == name), None)

    def moved(self) -> list[Range]:
        """What the host kernel copies after the reset, in its order: device tree, then kernel."""
        places = (("dtb", self.terrain.dtb_loc), ("zImage", self.terrain.kernel_loc))
        return [
            Range.sized(place, segment.memsz, f"{name} moved by the host kernel")
            for name, place in places
            if place is not None and (segment := self.named(name))
        ]

    def at_start(self, name: str) -> Range | None:
        """Where a segment lies when the guest starts."""
        segment = self.named(name)
        if segment is None:
            return None
        moved = [one for one in self.moved() if one.name.startswith(f"{name} ")]
        return moved[0] if moved else segment.range

    def running_zimage(self) -> Range | None:
        """The zImage while it unpacks, with its BSS, stack and heap."""
        place = self.at_start("zImage")
        return place and Range(place.start, place.end + self.terrain.scratch, "running zImage")


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


def _disjoint(case: _Case) -> Iterator[_Finding]:
    for index, one in enumerate(case.segments):
        yield from _over(one.range, [other.range for other in case.segments[:index]])


def _one_bank(case: _Case) -> Iterator[_Finding]:
    for one in [*(segment.range for segment in case.segments), *case.moved()]:
        yield from _not_in_a_bank(one, case.terrain)


def _mem_min(case: _Case) -> Iterator[_Finding]:
    lost = Range(0, case.terrain.mem_min, "RAM the bootloader overwrites, below mem_min")
    for one in case.segments:
        yield from _over(one.range, [lost])


def _outside_page(case: _Case) -> Iterator[_Finding]:
    for one in [*(segment.range for segment in case.segments), *case.moved()]:
        yield from _over(one, [case.terrain.page])


def _outside_reserved(case: _Case) -> Iterator[_Finding]:
    for segment in case.segments:
        yield from _over(segment.range, case.terrain.reserved)
    for moved in case.moved():
        yield from _over(moved, _not_meant(moved.start, case.terrain.reserved))


def _not_meant(start: int, reserved: Sequence[Range]) -> list[Range]:
    """Without the range the host kernel moves into by design, such as a boot splash."""
    return [one for one in reserved if not one.contains(Range.sized(start, 1))]


def _outside_bootloader(case: _Case) -> Iterator[_Finding]:
    for one in case.segments:
        yield from _over(one.range, case.terrain.bootloader)


def _zimage_window(case: _Case) -> Iterator[_Finding]:
    place = case.at_start("zImage")
    if place is None:
        return
    found, base = place.start & -WINDOW, case.terrain.base
    if found != base:
        yield (
            f"{place} makes the guest take {found:#x} for the start of its RAM "
            f"(address & {(1 << 32) - WINDOW:#x}), it is {base:#x}",
            (place,),
        )


def _initrd_lowmem(case: _Case) -> Iterator[_Finding]:
    yield from _outside_lowmem(case, "initrd")


def _dtb_lowmem(case: _Case) -> Iterator[_Finding]:
    yield from _outside_lowmem(case, "dtb")


def _outside_lowmem(case: _Case, name: str) -> Iterator[_Finding]:
    place = case.at_start(name)
    if place and not case.terrain.lowmem.contains(place):
        yield f"{place} is not inside {case.terrain.lowmem}", (place, case.terrain.lowmem)


def _dtb_size(case: _Case) -> Iterator[_Finding]:
    segment = case.named("dtb")
    if segment and len(segment.data) > DTB_MAX_SIZE:
        yield f"{len(segment.data)} bytes, ARM kernels map {DTB_MAX_SIZE}", (segment.range,)


def _decompression_ram(case: _Case) -> Iterator[_Finding]:
    yield from _not_in_a_bank(case.terrain.decompression, case.terrain)
    running = case.running_zimage()
    if running:
        yield from _not_in_a_bank(running, case.terrain)


def _decompression_clear(case: _Case) -> Iterator[_Finding]:
    terrain = case.terrain
    yield from _over(terrain.decompression, [terrain.page, *terrain.reserved])
    for name in ("initrd", "dtb"):
        place = case.at_start(name)
        if place:
            yield from _over(place, [terrain.decompression])
    running = case.running_zimage()
    if running:
        yield from _over(running, [terrain.decompression])


def _zimage_heap(case: _Case) -> Iterator[_Finding]:
    running, place = case.running_zimage(), case.at_start("zImage")
    if running is None or place is None:
        return
    heap = Range(place.end, running.end, "heap of the running zImage")
    others = [one for name in ("initrd", "dtb") if (one := case.at_start(name))]
    reserved = _not_meant(place.start, case.terrain.reserved)
    yield from _over(heap, [*others, case.terrain.page, *reserved])


def _moved_clear(case: _Case) -> Iterator[_Finding]:
    moved = case.moved()
    initrd = case.named("initrd")
    for index, one in enumerate(moved):
        waiting = [initrd.range] if initrd else []
        for name in ("dtb", "zImage"):
            segment = case.named(name)
            if segment:
                waiting.append(segment.range)
        yield from _over(one, [*waiting, *moved[:index]])


def _cmdline_length(case: _Case) -> Iterator[_Finding]:
    length = len(case.terrain.cmdline)
    if length >= COMMAND_LINE_SIZE:
        yield f"{length} bytes, ARM kernels read at most {COMMAND_LINE_SIZE - 1}", ()


def _over(one: Range, others: Sequence[Range]) -> Iterator[_Finding]:
    for other in others:
        if one.overlaps(other):
            yield f"{one} lies over {other}", (one, other)


def _not_in_a_bank(one: Range, terrain: Terrain) -> Iterator[_Finding]:
    if not any(bank.contains(one) for bank in terrain.banks):
        banks = ", ".join(f"{bank.start:#x}-{bank.end:#x}" for bank in terrain.banks)
        yield f"{one} does not lie inside one bank of RAM ({banks})", (one,)


_OTHER_PLACE = "Let the planner choose the addresses; if it did, please report this as a bug."
_SMALLER = "Use a smaller kernel or ramdisk."

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
    ("half-of-ram", _half_of_ram, _SMALLER),
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
        f"The zImage must start in the first {human_size(WINDOW)} of RAM; if the bootloader overwrites all "
        "of that, a host kernel is needed that moves it (kernel_loc in the profile).",
    ),
    ("initrd-lowmem", _initrd_lowmem, _OTHER_PLACE),
    ("dtb-lowmem", _dtb_lowmem, _OTHER_PLACE),
    ("decompression-in-ram", _decompression_ram, "Use a smaller kernel, or a profile with the right banks."),
    ("decompression-clear", _decompression_clear, _SMALLER),
    ("zimage-heap", _zimage_heap, _OTHER_PLACE),
    ("moved-clear", _moved_clear, _SMALLER),
)
RULES = tuple(name for name, _, _ in _RULES)


def violations(terrain: Terrain, segments: Sequence[Segment]) -> list[Violation]:
    """Every rule these segments break, wherever they come from; empty if the guest may be started."""
    case = _Case(terrain, segments)
    return [Violation(name, what, ranges) for name, test, _ in _RULES for what, ranges in test(case)]


def check(terrain: Terrain, segments: Sequence[Segment]) -> None:
    """Refuse segments that break a rule.

    Raises:
        RefusedError: Names the first rule that is broken, with ranges and numbers.
    """
    found = violations(terrain, segments)
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise refusal(found[0].rule, found[0].what + more)


def refusal(rule: str, what: str) -> RefusedError:
    """The error for a broken rule."""
    fix = next((text for name, _, text in _RULES if name == rule), _SMALLER)
    return RefusedError(f"layout rule {rule}: {what}", unchanged="Nothing was sent.", fix=fix)

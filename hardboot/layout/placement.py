"""Place a guest's segments, in a fixed order: the same input gives the same plan.

First at whole MiB: each from the lowest address of the largest free range, because small gaps lie between
what a bootloader uses, and its ranges are more likely to be larger than known. If that fails, every order
of the segments and every free range is tried, to the page.
"""

from dataclasses import replace
from itertools import permutations

from hardboot.base.memory import PAGE_SIZE, Range
from hardboot.base.sizes import align_up, human_size
from hardboot.layout.arm64_image import ImageRequirements
from hardboot.layout.boot_params import build_params
from hardboot.layout.constraints import Constraints, gather_constraints
from hardboot.layout.free_space import PURGATORY, FreeSpace, Places
from hardboot.layout.iomem import LiveMemory
from hardboot.layout.model import BootPlan, Extent, ExtentKind, Guest, Segment
from hardboot.layout.rule_errors import broken_rules, no_room
from hardboot.layout.rules import Violation, violations
from hardboot.payload import purgatory
from hardboot.profile import Profile

_SOFT_FLAG = 0  # no flag of kexec_load(2): kexec jumps to the image


def plan(profile: Profile, guest: Guest, live: LiveMemory | None, *, soft: bool = False) -> BootPlan:
    """Place `guest` in the phone's RAM; nothing is sent. The same input gives the same plan.

    Args:
        profile: The phone.
        guest: The ROM to start.
        live: The running kernel's memory map; None plans with what the profile knows.
        soft: Without a reset. No hardboot page, bootloader or host kernel is involved; all other rules stay,
            because what is reserved still is, and kexec itself copies from memory that no segment takes.

    Raises:
        RefusedError: If a fact is unknown, something fits nowhere or a rule is broken; names the rule.
        InputError: If the guest's device tree, ATAGS or command line are malformed.
    """
    profile = profile.without_reset() if soft else profile_of_model(profile, live)
    constraints = gather_constraints(profile, guest, live)
    space = FreeSpace(constraints)
    broken: tuple[BootPlan, list[Violation]] | None = None
    for search in (_search_rounded, _search_exhaustively):
        places = search(space)
        if places is None:
            continue
        result = _assembled(profile, guest, constraints, space.addresses(places))
        found = violations(constraints, result.segments)
        if not found:
            return replace(result, flag=_SOFT_FLAG) if soft else result
        broken = broken or (result, found)
    if broken:
        raise broken_rules(constraints, broken[0].segments, broken[1])
    raise no_room(space, *_first_unplaced(space))


def assemble(
    profile: Profile, guest: Guest, live: LiveMemory | None, *, kernel: int, initrd: int | None, dtb: int
) -> BootPlan:
    """Assemble a plan with the given physical addresses, without checking any rule (see `check`).

    Args:
        profile: The phone.
        guest: The ROM to start.
        live: The running kernel's memory map; None plans with what the profile knows.
        kernel: Where the kernel goes.
        initrd: Where the ramdisk goes; None without one.
        dtb: Where the device tree goes, or the ATAGS.

    Raises:
        RefusedError: If a fact that is needed is unknown.
        InputError: If the guest's device tree, ATAGS or command line are malformed.
    """
    profile = profile_of_model(profile, live)
    constraints = gather_constraints(profile, guest, live)
    addresses = {constraints.kernel.name: kernel, constraints.params: dtb}
    return _assembled(profile, guest, constraints, addresses | ({} if initrd is None else {"initrd": initrd}))


def profile_of_model(profile: Profile, live: LiveMemory | None) -> Profile:
    """Return the profile of the model with this much RAM; None uses the profile's own RAM."""
    banks = live.banks if live else profile.ram
    return profile.for_ram(max(bank.end for bank in banks)) if banks else profile


def _search_rounded(space: FreeSpace) -> Places | None:
    """Return places at whole MiB; None if there are none."""
    places: dict[str, Range] = {}
    for name in space.sizes:
        found = next(space.places(name, places, rounded=True), None)
        if found is None:
            return None
        places[name] = found
    return places


def _search_exhaustively(space: FreeSpace) -> Places | None:
    """Return places to the page, for any order of the segments; None if there are none."""
    kernel = space.constraints.kernel
    spaces = [space]
    if kernel.unpacked and space.constraints.moved_to(kernel.name) is None:
        spaces.append(FreeSpace(space.constraints, over_unpacked=True))
    for one in spaces:
        if all(next(one.places(name, {}, rounded=False), None) for name in one.sizes):
            for order in permutations(one.sizes):
                if isinstance(kernel, ImageRequirements) and order[0] != kernel.name:
                    continue  # where the others may lie depends on it
                found = _search_order(one, order, {})
                if found:
                    return found
    return None


def _search_order(space: FreeSpace, order: tuple[str, ...], places: Places) -> Places | None:
    """Return places for the remaining segments, trying every free range; None if there are none."""
    if not order:
        return places
    for place in space.places(order[0], places, rounded=False):
        found = _search_order(space, order[1:], {**places, order[0]: place})
        if found:
            return found
    return None


def _first_unplaced(space: FreeSpace) -> tuple[str, Places]:
    """Return the first segment that fits nowhere, and the places of those before it."""
    places: dict[str, Range] = {}
    for name in space.sizes:
        found = next(space.places(name, places, rounded=False), None)
        if found is None:
            return name, places
        places[name] = found
    raise AssertionError(places)


def _assembled(
    profile: Profile, guest: Guest, constraints: Constraints, addresses: dict[str, int]
) -> BootPlan:
    kernel = constraints.kernel
    ramdisk = None
    if "initrd" in addresses:
        ramdisk = Range.sized(addresses["initrd"], len(guest.ramdisk))
    params = build_params(profile, guest, ramdisk)
    entry, params_addr = addresses[kernel.name], addresses[constraints.params]
    segments = [
        Segment(kernel.name, entry, kernel.data, kernel.memsz),
        Segment(constraints.params, params_addr, params or b"", align_up(constraints.params_size, PAGE_SIZE)),
    ]
    if ramdisk is not None:
        segments.append(Segment("initrd", ramdisk.start, guest.ramdisk, constraints.initrd_size))
    if PURGATORY in addresses:
        program = purgatory.build(kernel=entry, dtb=params_addr)
        segments.append(Segment(PURGATORY, addresses[PURGATORY], program, PAGE_SIZE))
    moved = constraints.moved_to(kernel.name)
    start = entry if moved is None else moved
    notes = list(constraints.notes)
    if not kernel.cached.contains(Range.sized(start, kernel.memsz)):
        notes.append(
            f"the {kernel.name} decompresses slowly at {start:#x}: only "
            f"{human_size(kernel.cached.size)} from {kernel.cached.start:#x} on are cached at that time"
        )
    return BootPlan(
        segments=tuple(sorted(segments, key=lambda one: one.addr)),
        entry=addresses.get(PURGATORY, entry),
        dtb_addr=params_addr,
        initrd=ramdisk,
        cmdline=guest.cmdline,
        flag=profile.hardboot.flag,
        extents=_extents(constraints, start),
        complete=params is not None,
        notes=tuple(notes),
    )


def _extents(constraints: Constraints, start: int) -> tuple[Extent, ...]:
    """Return all memory besides the segments that a kernel which starts at `start` was planned around."""
    kernel = constraints.kernel
    tail = Range.sized(start + kernel.memsz, kernel.tail_size)
    written = kernel.written(start)
    found = [
        *([constraints.page] if constraints.page.range.size else []),
        Extent(tail, kernel.tail_kind, kernel.name),
        *([Extent(written, ExtentKind.UNPACKED_KERNEL, kernel.name)] if written else []),
        *constraints.reserved,
        *([constraints.buffer] if constraints.buffer else []),
        *constraints.bootloader,
        *([constraints.below_mem_min] if constraints.below_mem_min.range.size else []),
        *constraints.moved,
    ]
    return tuple(sorted(found, key=lambda one: one.range))

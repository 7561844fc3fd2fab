"""Place a guest's segments, in a fixed order: the same input gives the same plan.

First in round numbers: each from the lowest address of the largest free range, as small gaps lie between
what a bootloader uses, whose ranges are most likely to be larger than known. If that fails, every order
of the segments and every free range is tried, to the page.
"""

from dataclasses import replace
from itertools import permutations

from hardboot.base.memory import PAGE_SIZE, Range
from hardboot.base.sizes import align_up, human_size
from hardboot.layout.ground import Ground, Places
from hardboot.layout.kernels import ImageNeeds
from hardboot.layout.live import LiveMemory
from hardboot.layout.model import BootPlan, Guest, Segment
from hardboot.layout.refusing import no_room, refused
from hardboot.layout.rules import Violation, violations
from hardboot.layout.terrain import Terrain, build_params, survey
from hardboot.profile import Profile

_SOFT = 0  # no flag of kexec_load(2): the image is jumped to


def plan(profile: Profile, guest: Guest, live: LiveMemory | None, *, soft: bool = False) -> BootPlan:
    """Place `guest` in the phone's RAM; nothing is sent. The same input gives the same plan.

    Args:
        profile: The phone.
        guest: What is to be started.
        live: The running kernel's memory map; None plans with what the profile knows.
        soft: Without a reset. Page, bootloader and host kernel have no part in it; all other rules stay, as
            what is reserved still is, and kexec itself copies from where nothing is going to lie.

    Raises:
        RefusedError: If a fact is unknown, something fits nowhere or a rule is broken; names the rule.
        InputError: If the guest's device tree, ATAGS or command line are malformed.
    """
    profile = profile.without_reset() if soft else of_model(profile, live)
    terrain = survey(profile, guest, live)
    ground = Ground(terrain)
    broken: tuple[BootPlan, list[Violation]] | None = None
    for search in (_rounded, _anywhere):
        places = search(ground)
        if places is None:
            continue
        result = _assembled(profile, guest, terrain, ground.addresses(places))
        found = violations(terrain, result.segments)
        if not found:
            return replace(result, flag=_SOFT) if soft else result
        broken = broken or (result, found)
    if broken:
        raise refused(terrain, broken[0].segments, broken[1])
    raise no_room(ground, *_stuck(ground))


def assemble(
    profile: Profile, guest: Guest, live: LiveMemory | None, *, kernel: int, initrd: int | None, dtb: int
) -> BootPlan:
    """A plan with the given physical addresses, against which no rule was checked (see `check`).

    Args:
        profile: The phone.
        guest: What is to be started.
        live: The running kernel's memory map; None plans with what the profile knows.
        kernel: Where the kernel goes.
        initrd: Where the ramdisk goes; None without one.
        dtb: Where the device tree goes, or the ATAGS.

    Raises:
        RefusedError: If a fact that is needed is unknown.
        InputError: If the guest's device tree, ATAGS or command line are malformed.
    """
    profile = of_model(profile, live)
    terrain = survey(profile, guest, live)
    addresses = {terrain.kernel.name: kernel, terrain.params: dtb}
    return _assembled(profile, guest, terrain, addresses | ({} if initrd is None else {"initrd": initrd}))


def of_model(profile: Profile, live: LiveMemory | None) -> Profile:
    """The profile with what depends on the amount of RAM."""
    banks = live.banks if live else profile.ram
    return profile.for_ram(max(bank.end for bank in banks)) if banks else profile


def _rounded(ground: Ground) -> Places | None:
    """Places in round numbers; None if that way there are none."""
    places: dict[str, Range] = {}
    for name in ground.sizes:
        found = next(ground.places(name, places, rounded=True), None)
        if found is None:
            return None
        places[name] = found
    return places


def _anywhere(ground: Ground) -> Places | None:
    """Places to the page, however the segments are ordered; None if there are none."""
    grounds = [ground]
    if ground.terrain.kernel.core and ground.terrain.moved_to(ground.terrain.kernel.name) is None:
        grounds.append(Ground(ground.terrain, over_core=True))
    for one in grounds:
        if all(next(one.places(name, {}, rounded=False), None) for name in one.sizes):
            for order in permutations(one.sizes):
                if isinstance(ground.terrain.kernel, ImageNeeds) and order[0] != ground.terrain.kernel.name:
                    continue  # where the others may lie depends on it
                found = _each(one, order, {})
                if found:
                    return found
    return None


def _each(ground: Ground, order: tuple[str, ...], places: Places) -> Places | None:
    """Places for the rest of the segments, tried in every free range; None if there are none."""
    if not order:
        return places
    for place in ground.places(order[0], places, rounded=False):
        found = _each(ground, order[1:], {**places, order[0]: place})
        if found:
            return found
    return None


def _stuck(ground: Ground) -> tuple[str, Places]:
    """The first segment without a place, and the places of those before it."""
    places: dict[str, Range] = {}
    for name in ground.sizes:
        found = next(ground.places(name, places, rounded=False), None)
        if found is None:
            return name, places
        places[name] = found
    raise AssertionError(places)


def _assembled(profile: Profile, guest: Guest, terrain: Terrain, addresses: dict[str, int]) -> BootPlan:
    needs = terrain.kernel
    ramdisk = None
    if "initrd" in addresses:
        ramdisk = Range.sized(addresses["initrd"], len(guest.ramdisk), "initrd")
    params = build_params(profile, guest, ramdisk)
    kernel, place = addresses[needs.name], addresses[terrain.params]
    segments = [
        Segment(needs.name, kernel, needs.data, needs.memsz),
        Segment(terrain.params, place, params or b"", align_up(terrain.params_size, PAGE_SIZE)),
    ]
    if ramdisk is not None:
        segments.append(Segment("initrd", ramdisk.start, guest.ramdisk, terrain.initrd_size))
    moved = terrain.moved_to(needs.name)
    running = kernel if moved is None else moved
    work = needs.work(running)
    extents = [
        *([terrain.page] if terrain.page.size else []),
        Range.sized(running + needs.memsz, needs.behind, needs.behind_name),
        *([work] if work else []),
        *terrain.reserved,
        *([terrain.buffer] if terrain.buffer else []),
        *(Range(one.start, one.end, f"bootloader: {one.name}") for one in terrain.bootloader),
        *(
            Range.sized(to, terrain.moved_size(name), f"{name} moved by the host kernel")
            for name, to in terrain.moves
        ),
    ]
    notes = list(terrain.notes)
    if not needs.cached.contains(Range.sized(running, needs.memsz)):
        notes.append(
            f"the {needs.name} unpacks itself slowly at {running:#x}: only {human_size(needs.cached.size)} "
            f"from {needs.cached.start:#x} on are cached then"
        )
    return BootPlan(
        segments=tuple(sorted(segments, key=lambda one: one.addr)),
        entry=kernel,
        dtb_addr=place,
        initrd=ramdisk,
        cmdline=guest.cmdline,
        flag=profile.hardboot.flag,
        extents=tuple(sorted(extents)),
        complete=params is not None,
        notes=tuple(notes),
    )

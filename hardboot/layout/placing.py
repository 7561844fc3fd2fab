"""Place a guest's segments: in a fixed order, from the lowest address of the largest free range.

Small gaps come last: between what a bootloader uses, its ranges are most likely to be larger than known.
"""

from hardboot import devicetree
from hardboot.layout.live import LiveMemory
from hardboot.layout.model import BootPlan, Guest, Segment
from hardboot.layout.rules import check, refusal
from hardboot.layout.terrain import WINDOW, Terrain, survey
from hardboot.memory import PAGE_SIZE, Range, align_up, human_size, subtract
from hardboot.profile import Profile

_ALIGNMENT = 1 << 20  # bytes; no rule: addresses are easier to read, and maps of MiB sections are not split
# An appended tree is looked for in the word behind the zImage: it must not be what was in RAM before.
_ZIMAGE_TAIL = 4


def plan(profile: Profile, guest: Guest, live: LiveMemory | None) -> BootPlan:
    """Place `guest` in the phone's RAM; nothing is sent. The same input gives the same plan.

    Args:
        profile: The phone.
        guest: What is to be started.
        live: The running kernel's memory map; None plans with what the profile knows.

    Raises:
        RefusedError: If a fact is unknown, something fits nowhere or a rule is broken; names the rule.
        InputError: If the guest's device tree or command line is malformed.
    """
    profile = _of_model(profile, live)
    terrain = survey(profile, guest, live)
    window = Range.sized(terrain.base, WINDOW, f"the first {human_size(WINDOW)} of RAM")
    kernel_size = align_up(guest.kernel.size + _ZIMAGE_TAIL, PAGE_SIZE)
    taken = [terrain.page, *terrain.reserved, *terrain.bootloader, terrain.decompression]
    if terrain.kernel_loc is not None:
        taken.append(Range.sized(terrain.kernel_loc, kernel_size + terrain.scratch))
    if terrain.dtb_loc is not None:
        taken.append(Range.sized(terrain.dtb_loc, align_up(terrain.dtb_size, PAGE_SIZE)))
    free = subtract(terrain.banks, [Range(0, terrain.mem_min), *taken])
    zimage, free = _take(
        free,
        window if terrain.kernel_loc is None else terrain.lowmem,
        "zImage",
        kernel_size + terrain.scratch,
    )
    initrd = None
    if len(guest.ramdisk):
        initrd, free = _take(free, terrain.lowmem, "initrd", align_up(len(guest.ramdisk), PAGE_SIZE))
    dtb, _ = _take(free, terrain.lowmem, "dtb", align_up(terrain.dtb_size, PAGE_SIZE))
    result = _assemble(profile, guest, live, terrain, zimage, initrd, dtb)
    check(terrain, result.segments)
    return result


def assemble(
    profile: Profile, guest: Guest, live: LiveMemory | None, *, kernel: int, initrd: int | None, dtb: int
) -> BootPlan:
    """A plan with the given physical addresses, against which no rule was checked (see `rules.check`).

    Raises:
        RefusedError: If a fact that is needed is unknown.
        InputError: If the guest's device tree or command line is malformed.
    """
    profile = _of_model(profile, live)
    return _assemble(profile, guest, live, survey(profile, guest, live), kernel, initrd, dtb)


def _of_model(profile: Profile, live: LiveMemory | None) -> Profile:
    """The profile with what depends on the amount of RAM."""
    banks = live.banks if live else profile.ram
    return profile.for_ram(max(bank.end for bank in banks)) if banks else profile


def _take(free: list[Range], zone: Range, name: str, size: int) -> tuple[int, list[Range]]:
    """An address in `zone` for `size` bytes, and what is still free then."""
    inside = [
        Range(max(piece.start, zone.start), min(piece.end, zone.end))
        for piece in free
        if piece.overlaps(zone)
    ]
    inside.sort(key=lambda piece: (-piece.size, piece.start))
    for piece in inside:
        start = align_up(piece.start, _ALIGNMENT)
        if start + size <= piece.end:
            return start, subtract(free, [Range.sized(start, size)])
    largest = inside[0].size if inside else 0
    raise refusal(
        "room",
        f"{name} needs {human_size(size)}, the largest free range in {zone} has {human_size(largest)}",
    )


def _assemble(
    profile: Profile,
    guest: Guest,
    live: LiveMemory | None,
    terrain: Terrain,
    zimage: int,
    initrd: int | None,
    dtb: int,
) -> BootPlan:
    ramdisk = None if initrd is None else Range.sized(initrd, len(guest.ramdisk), "initrd")
    tree = b""
    if guest.tree is not None:
        tree = devicetree.adapt(
            guest.tree, cmdline=guest.cmdline, initrd=ramdisk, live=guest.live_tree, profile=profile
        )
    kernel_size = align_up(guest.kernel.size + _ZIMAGE_TAIL, PAGE_SIZE)
    segments = [
        Segment("zImage", zimage, guest.kernel.kernel, kernel_size),
        Segment("dtb", dtb, tree, align_up(terrain.dtb_size, PAGE_SIZE)),
    ]
    if ramdisk is not None:
        segments.append(
            Segment("initrd", ramdisk.start, guest.ramdisk, align_up(len(guest.ramdisk), PAGE_SIZE))
        )
    running = zimage if terrain.kernel_loc is None else terrain.kernel_loc
    extents = [
        terrain.page,
        terrain.decompression,
        Range.sized(running + kernel_size, terrain.scratch, "heap of the running zImage"),
        *terrain.reserved,
        *(Range(one.start, one.end, f"bootloader: {one.name}") for one in terrain.bootloader),
    ]
    if terrain.kernel_loc is not None:
        extents.append(Range.sized(terrain.kernel_loc, kernel_size, "zImage moved by the host kernel"))
    if terrain.dtb_loc is not None:
        extents.append(Range.sized(terrain.dtb_loc, segments[1].memsz, "dtb moved by the host kernel"))
    return BootPlan(
        segments=tuple(sorted(segments, key=lambda one: one.addr)),
        entry=zimage,
        dtb_addr=dtb,
        initrd=ramdisk,
        cmdline=guest.cmdline,
        flag=profile.hardboot.flag,
        extents=tuple(sorted(extents)),
        complete=guest.tree is not None,
        notes=terrain.notes,
    )

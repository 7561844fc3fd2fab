"""The constraints on a plan, from the phone, the guest and the running kernel, before anything is placed."""

from collections.abc import Iterable
from dataclasses import dataclass

from hardboot import devicetree
from hardboot.base.cmdline import SIZES
from hardboot.base.errors import RefusedError
from hardboot.base.memory import PAGE_SIZE, Range, subtract
from hardboot.base.sizes import align_up, human_size
from hardboot.layout.boot_params import ATAGS, ATAGS_ROOM, DTB, params_size
from hardboot.layout.iomem import LiveMemory
from hardboot.layout.kernel_requirements import KernelRequirements, kernel_requirements
from hardboot.layout.model import Extent, ExtentKind, Guest
from hardboot.profile import Profile

_ARM_LIMIT = 1 << 32  # 32-bit ARM kernels without LPAE address no RAM above


@dataclass(frozen=True)
class Move:
    """A segment that the host kernel copies to `address` after the reset."""

    segment: str
    address: int


@dataclass(frozen=True)
class Constraints:
    """Where segments may lie and where not.

    Attributes:
        banks: RAM the guest's kernel can address.
        kernel: What the guest's kernel needs.
        initrd_size: Bytes of the ramdisk, whole pages; 0 without one.
        params: `dtb` or `atags`: what the guest's kernel gets.
        params_size: Bytes of it, as the guest gets it; if it is not known, what is reserved for it.
        purgatory: Whether kexec needs a program that gives the kernel its device tree.
        page: The hardboot page.
        reserved: Never to be written: the profile's ranges, the running kernel's, those of the guest's tree.
        bootloader: Overwritten between the reset and the host kernel.
        mem_min: Everything below is lost too; 0 if there is no such limit.
        buffer: Where the segments wait for the reset; None if they wait in their final places. No segment's
            final place is there, but a running guest may use it.
        moves: What the host kernel copies after the reset, in its order.
        cmdline: The guest's command line, encoded.
        cmdline_size: Bytes the guest's kernel has room for, with the final NUL.
        notes: Assumptions, for people.
    """

    banks: tuple[Range, ...]
    kernel: KernelRequirements
    initrd_size: int
    params: str
    params_size: int
    purgatory: bool
    page: Extent
    reserved: tuple[Extent, ...]
    bootloader: tuple[Extent, ...]
    mem_min: int
    buffer: Extent | None
    moves: tuple[Move, ...]
    cmdline: bytes
    cmdline_size: int
    notes: tuple[str, ...]

    def moved_to(self, segment: str) -> int | None:
        """Return where the host kernel moves `segment` after the reset; None if it stays."""
        return next((move.address for move in self.moves if move.segment == segment), None)

    def moved_size(self, segment: str) -> int:
        """Return how many bytes the host kernel copies: whole segments, but ATAGS tag by tag."""
        if segment == ATAGS:
            return self.params_size
        return self.kernel.memsz if segment == self.kernel.name else align_up(self.params_size, PAGE_SIZE)

    @property
    def moved(self) -> list[Extent]:
        """Where the host kernel copies segments to, in its order."""
        return [
            Extent(
                Range.sized(move.address, self.moved_size(move.segment)),
                ExtentKind.MOVED_SEGMENT,
                move.segment,
            )
            for move in self.moves
        ]

    @property
    def below_mem_min(self) -> Extent:
        """All RAM below mem_min, which is lost; empty if there is no such limit."""
        start = min(self.banks[0].start, self.mem_min)
        return Extent(Range(start, self.mem_min), ExtentKind.BELOW_MEM_MIN)


def gather_constraints(profile: Profile, guest: Guest, live: LiveMemory | None) -> Constraints:
    """Collect everything that limits a plan.

    Args:
        profile: The phone.
        guest: The ROM to start.
        live: The running kernel's memory map; None uses the profile's RAM.

    Raises:
        RefusedError: If a fact that is needed is unknown: names it and says how to find it.
        InputError: If the guest's device tree, ATAGS or command line are malformed.
    """
    banks = _banks(profile, live)
    base = banks[0].start if profile.kernel.phys_offset is None else profile.kernel.phys_offset
    kernel, notes = kernel_requirements(profile, guest, base)
    buffer, moves = _host_kernel(profile, kernel.name)
    page = profile.page
    if buffer is None and not profile.bootloader and profile.mem_min is None:
        raise profile.unknown("bootloader", "what the bootloader overwrites")
    if page.size and profile.trust("bootloader") != "verified":
        notes.insert(0, f"unverified: what the bootloader overwrites ({profile.how_to_find('bootloader')})")
    if profile.host_abi == "atags-in-r0":
        notes.append("the host kernel passes the ATAGS in r0; only a guest patched for that starts")
    params = ATAGS if profile.has_atags else DTB
    size, tree_reserves = params_size(profile, guest, page)
    if size is None:
        size = ATAGS_ROOM if params == ATAGS else kernel.dtb_limit
        name = "ATAGS are" if params == ATAGS else "device tree is"
        notes.append(f"the phone's {name} not known; {human_size(size)} reserved")
    reserved = [*tree_reserves, *profile.reserved, *(live.reserved if live else ())]
    return Constraints(
        banks=banks,
        kernel=kernel,
        initrd_size=align_up(len(guest.ramdisk), PAGE_SIZE),
        params=params,
        params_size=size,
        purgatory=profile.arch == "arm64" and not page.size,
        page=Extent(page, ExtentKind.HARDBOOT_PAGE),
        reserved=_extents(dict.fromkeys(sorted(reserved)), ExtentKind.RESERVED),
        bootloader=_extents(profile.bootloader, ExtentKind.BOOTLOADER),
        mem_min=profile.mem_min or 0,
        buffer=buffer,
        moves=moves,
        cmdline=devicetree.encode_cmdline(guest.cmdline),
        cmdline_size=SIZES[profile.arch],
        notes=tuple(notes),
    )


def _extents(ranges: Iterable[Range], kind: ExtentKind) -> tuple[Extent, ...]:
    return tuple(Extent(one, kind, one.name) for one in ranges)


def _banks(profile: Profile, live: LiveMemory | None) -> tuple[Range, ...]:
    known = live.banks if live else tuple(sorted(profile.ram))
    if not known:
        raise profile.unknown("ram", "its RAM layout", "Connect the phone, or use --iomem FILE.")
    if profile.arch != "arm":
        return known
    below = tuple(subtract(known, [Range(_ARM_LIMIT, max(_ARM_LIMIT, known[-1].end))]))
    if not below:
        raise RefusedError(
            f"all RAM lies above 4 GiB, the first bank at {known[0].start:#x}",
            state="Nothing was sent.",
            fix="A 32-bit ARM kernel cannot start there; use the right profile.",
        )
    return below


def _host_kernel(profile: Profile, kernel: str) -> tuple[Extent | None, tuple[Move, ...]]:
    """Return where segments wait for the reset, if not in their places, and what the host kernel moves."""
    hardboot = profile.hardboot
    if profile.host_abi == "buffer":
        if hardboot.buffer is None:
            raise profile.unknown("hardboot.buffer", "where the segments wait for the reset")
        return Extent(hardboot.buffer.range, ExtentKind.HARDBOOT_BUFFER), ()
    if profile.host_abi == "copy-atags":
        if profile.kernel.params is None:
            raise profile.unknown("kernel.params", "where the bootloader puts the ATAGS")
        return None, (Move(ATAGS, profile.kernel.params),)
    if profile.host_abi == "copy-dtb":
        if hardboot.dtb_loc is None:
            raise profile.unknown("hardboot.dtb_loc", "where the host kernel moves the device tree")
        moves = [Move(DTB, hardboot.dtb_loc)]
        if hardboot.kernel_loc is not None:
            moves.append(Move(kernel, hardboot.kernel_loc))
        return None, tuple(moves)
    return None, ()

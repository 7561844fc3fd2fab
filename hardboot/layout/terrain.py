"""What must be known of phone, guest and running kernel before anything is placed."""

from dataclasses import dataclass

from hardboot import devicetree
from hardboot.base.cmdline import SIZES
from hardboot.base.errors import RefusedError
from hardboot.base.memory import PAGE_SIZE, Range, subtract
from hardboot.base.sizes import align_up, human_size
from hardboot.formats.kernels import atags
from hardboot.formats.trees import fdt
from hardboot.layout.kernels import Needs, needs
from hardboot.layout.live import LiveMemory
from hardboot.layout.model import Guest
from hardboot.profile import Profile

# machine_kexec() of kernels without device tree takes the ATAGS from here: KEXEC_ARM_ZIMAGE_OFFSET 0x8000
# minus KEXEC_ARM_ATAGS_OFFSET 0x1000 below the kernel (arch/arm/include/asm/kexec.h).
ATAGS_BELOW = 0x7000
# Bytes planned for without a phone; the lists of phones have some hundred bytes to a few KiB.
ATAGS_ROOM = 2 * PAGE_SIZE


@dataclass(frozen=True)
class Terrain:
    """Where things may and may not lie; physical ranges.

    Attributes:
        banks: RAM the guest's kernel can address.
        kernel: What the guest's kernel needs.
        initrd_size: Bytes of the ramdisk, whole pages; 0 without one.
        params: `dtb` or `atags`: what the guest's kernel gets.
        params_size: Bytes of it, as the guest gets it; of the stand-in if it is not at hand.
        page: The hardboot page.
        reserved: Never to be written: the profile's ranges, the running kernel's, those of the guest's tree.
        bootloader: Lost on the way from the reset to the host kernel.
        mem_min: Everything below is lost too; 0 if there is no such limit.
        buffer: Where the segments wait for the reset; None if they wait in their places. None has its place
            there; once they are in their places, the guest may use it.
        moves: What the host kernel copies after the reset, in its order: name of the segment, where to.
        cmdline: The guest's command line, encoded.
        cmdline_size: What the guest's kernel has room for, bytes, with the final NUL.
        notes: What rests on a guess.
    """

    banks: tuple[Range, ...]
    kernel: Needs
    initrd_size: int
    params: str
    params_size: int
    page: Range
    reserved: tuple[Range, ...]
    bootloader: tuple[Range, ...]
    mem_min: int
    buffer: Range | None
    moves: tuple[tuple[str, int], ...]
    cmdline: bytes
    cmdline_size: int
    notes: tuple[str, ...]

    def moved_to(self, name: str) -> int | None:
        """Where the host kernel moves the segment `name` after the reset; None if it stays."""
        return next((place for moved, place in self.moves if moved == name), None)

    def moved_size(self, name: str) -> int:
        """How many bytes it copies: whole segments, but ATAGS tag by tag."""
        if name == "atags":
            return self.params_size
        return self.kernel.memsz if name == self.kernel.name else align_up(self.params_size, PAGE_SIZE)


def survey(profile: Profile, guest: Guest, live: LiveMemory | None) -> Terrain:
    """What is known of the ground before anything is placed.

    Raises:
        RefusedError: If a fact that is needed is unknown: names it and says how to find it.
        InputError: If the guest's device tree, ATAGS or command line are malformed.
    """
    banks = _banks(profile, live)
    base = banks[0].start if profile.kernel.phys_offset is None else profile.kernel.phys_offset
    kernel, notes = needs(profile, guest, base)
    buffer, moves = _host(profile, kernel.name)
    page = profile.page
    if buffer is None and not profile.bootloader and profile.mem_min is None:
        raise _unknown(profile, "bootloader", "what the bootloader overwrites")
    if page.size and profile.trust("bootloader") != "verified":
        notes.insert(0, f"what the bootloader overwrites is not certain: {profile.how_to_find('bootloader')}")
    if profile.hardboot.host_abi == "atags-in-r0":
        notes.append("the host kernel hands the ATAGS over in r0: only a guest patched for that starts")
    params, size, reserved = _params(profile, guest, page)
    if size is None:
        size = ATAGS_ROOM if params == "atags" else kernel.tree_limit
        name = "ATAGS are" if params == "atags" else "device tree is"
        notes.append(f"no {name} known: a stand-in of {human_size(size)} is planned for")
    reserved += [*profile.reserved, *(live.reserved if live else ())]
    return Terrain(
        banks=banks,
        kernel=kernel,
        initrd_size=align_up(len(guest.ramdisk), PAGE_SIZE),
        params=params,
        params_size=size,
        page=page,
        reserved=tuple(dict.fromkeys(sorted(reserved))),
        bootloader=profile.bootloader,
        mem_min=profile.mem_min or 0,
        buffer=buffer,
        moves=moves,
        cmdline=devicetree.encode_cmdline(guest.cmdline),
        cmdline_size=SIZES[profile.arch],
        notes=tuple(notes),
    )


def build_params(profile: Profile, guest: Guest, initrd: Range | None) -> bytes | None:
    """The device tree or ATAGS as the guest gets them; None if they are not at hand.

    Their length does not depend on where the ramdisk lies.

    Args:
        profile: The phone.
        guest: What is to be started.
        initrd: Physical addresses of the ramdisk, exact to the byte; None without one.

    Raises:
        InputError: If tree, ATAGS or command line are malformed.
        RefusedError: If the phone's RAM cannot be written into the tree's address cells.
    """
    if profile.dtb.kind == "none":
        return None if guest.atags is None else atags.build(_atags(guest, initrd))
    if guest.tree is None:
        return None
    return devicetree.adapt(
        guest.tree, cmdline=guest.cmdline, initrd=initrd, live=guest.live_tree, profile=profile
    )


def _params(profile: Profile, guest: Guest, page: Range) -> tuple[str, int | None, list[Range]]:
    """What the kernel gets, its size in bytes (None: not at hand), and what a device tree reserves."""
    somewhere = Range(0, len(guest.ramdisk)) if len(guest.ramdisk) else None
    if profile.dtb.kind == "none":
        return "atags", None if guest.atags is None else len(atags.build(_atags(guest, somewhere))), []
    if guest.tree is None:
        return "dtb", None, []
    tree = devicetree.adapted(
        guest.tree, cmdline=guest.cmdline, initrd=somewhere, live=guest.live_tree, profile=profile
    )
    return "dtb", len(fdt.build(tree)), [one for one in devicetree.reserved(tree) if not page.contains(one)]


def _atags(guest: Guest, initrd: Range | None) -> tuple[atags.Tag, ...]:
    # What the rule on its length will refuse must not be an error of the format before.
    cmdline = devicetree.encode_cmdline(guest.cmdline)[: atags.COMMAND_LINE_SIZE - 1]
    return atags.adapt(guest.atags or (), cmdline=cmdline, initrd=initrd)


def _banks(profile: Profile, live: LiveMemory | None) -> tuple[Range, ...]:
    known = live.banks if live else tuple(sorted(profile.ram))
    if not known:
        raise _unknown(profile, "ram", "the banks of RAM", "hardboot plan --iomem FILE takes a copy of it.")
    if profile.arch != "arm":
        return known
    below = tuple(subtract(known, [Range(1 << 32, max(1 << 32, known[-1].end))]))
    if not below:
        raise RefusedError(
            f"all RAM lies above 4 GiB, the first bank at {known[0].start:#x}",
            state="Nothing was sent.",
            fix="A 32-bit ARM kernel cannot start there: use the right profile.",
        )
    return below


def _host(profile: Profile, kernel: str) -> tuple[Range | None, tuple[tuple[str, int], ...]]:
    """Where segments wait for the reset, if not in their places; and what the host kernel moves after it."""
    hardboot = profile.hardboot
    if hardboot.host_abi == "buffer":
        if hardboot.buffer is None:
            raise _unknown(profile, "hardboot.buffer", "where the segments wait for the reset")
        return hardboot.buffer.range, ()
    if hardboot.host_abi == "copy-atags":
        if profile.kernel.params is None:
            raise _unknown(profile, "kernel.params", "where the bootloader puts the ATAGS")
        return None, (("atags", profile.kernel.params),)
    if hardboot.host_abi == "copy-dtb":
        if hardboot.dtb_loc is None:
            raise _unknown(profile, "hardboot.dtb_loc", "where the host kernel moves the device tree")
        moves = [("dtb", hardboot.dtb_loc)]
        if hardboot.kernel_loc is not None:
            moves.append((kernel, hardboot.kernel_loc))
        return None, tuple(moves)
    return None, ()


def _unknown(profile: Profile, fact: str, words: str, then: str = "") -> RefusedError:
    return RefusedError(
        f"not known of {profile.title}: {words}",
        state="Nothing was sent.",
        fix=f"How to find it: {profile.how_to_find(fact)}. {then}".rstrip(),
    )

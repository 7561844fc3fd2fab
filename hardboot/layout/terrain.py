"""What must be known of phone, guest and running kernel before anything is placed: 32-bit ARM.

Source of the numbers, if not said otherwise: Linux 6.1 arch/arm/boot/compressed/head.S.
"""

import re
from dataclasses import dataclass

from hardboot import devicetree
from hardboot.errors import RefusedError
from hardboot.formats import fdt
from hardboot.layout.live import LiveMemory
from hardboot.layout.model import Guest
from hardboot.memory import PAGE_SIZE, Range, align_up, subtract
from hardboot.profile import Profile

# AUTO_ZRELADDR: RAM is taken to start at pc & 0xf8000000.
WINDOW = 0x8000000
# Page tables below the kernel: 0x4000 bytes, 0x5000 with LPAE (arch/arm/kernel/head.S, PG_DIR_SIZE).
PAGE_TABLES = 0x5000
# The smallest and largest TEXT_OFFSET of arch/arm/Makefile (textofs-y).
TEXT_OFFSETS = (0x8000, 0x308000)
# The decompressor's stack (.stack section) and, above it, its heap (MALLOC_SIZE in its Makefile).
STACK_SIZE = 0x1000
MALLOC_SIZE = 0x10000
# For a kernel that does not say how large it is unpacked: xz, the strongest packer in use, makes ARM
# kernels 3.3 to 4.1 times smaller.
UNPACKED_BOUND = 5
# arch/arm/kernel/head.S maps two sections of 1 MiB for the tree, wherever it begins in the first.
DTB_MAX_SIZE = 0x100000
# arch/arm/include/uapi/asm/setup.h; with the final NUL.
COMMAND_LINE_SIZE = 1024
# Lowmem with the usual 3G/1G split, from arch/arm/mm/mmu.c: VMALLOC_END - vmalloc - VMALLOC_OFFSET -
# PAGE_OFFSET. VMALLOC_END is 0xff800000 since Linux 4.3 and was 0xff000000: the smaller is safe for both.
_VMALLOC_END = 0xFF000000
_VMALLOC_OFFSET = 8 << 20
_VMALLOC_DEFAULT = 240 << 20
_VMALLOC_ROOM = 32 << 20  # what vmalloc= leaves of lowmem at least
_PAGE_OFFSET = 0xC0000000
_ADDRESSES = Range(0, 1 << 32)


@dataclass(frozen=True)
class Terrain:
    """Where things may and may not lie; physical ranges.

    Attributes:
        banks: RAM below 4 GiB.
        base: Start of the RAM the guest uses; its zImage unpacks to `base` plus TEXT_OFFSET.
        lowmem: What the guest maps for good.
        decompression: What unpacking takes: page tables, kernel, BSS, a zImage that moves itself behind it.
        reserved: Never to be written: the profile's ranges, the running kernel's, those of the guest's tree.
        bootloader: Lost on the way from the reset to the host kernel.
        mem_min: Everything below is lost too; 0 if there is no such limit.
        kernel_loc: Where the host kernel moves the zImage; None if it does not.
        dtb_loc: Where it moves the device tree; None if it does not.
        scratch: Bytes the running zImage needs behind itself: BSS, stack, heap.
        dtb_size: Bytes of the guest's device tree, adapted; of the stand-in if there is none.
        cmdline: The guest's command line, encoded.
        notes: What rests on a guess.
    """

    banks: tuple[Range, ...]
    base: int
    lowmem: Range
    decompression: Range
    page: Range
    reserved: tuple[Range, ...]
    bootloader: tuple[Range, ...]
    mem_min: int
    kernel_loc: int | None
    dtb_loc: int | None
    scratch: int
    dtb_size: int
    cmdline: bytes
    notes: tuple[str, ...]


def survey(profile: Profile, guest: Guest, live: LiveMemory | None) -> Terrain:
    """What is known of the ground before anything is placed.

    Raises:
        RefusedError: If a fact that is needed is unknown: names it and says how to find it.
        InputError: If the guest's device tree or command line is malformed.
    """
    banks = _banks(profile, live)
    kernel_loc, dtb_loc = _copies(profile)
    base = banks[0].start if profile.kernel.phys_offset is None else profile.kernel.phys_offset
    cmdline = devicetree.encode_cmdline(guest.cmdline)
    notes = []
    if not profile.bootloader and profile.mem_min is None:
        raise _unknown(profile, "bootloader", "what the bootloader overwrites")
    if profile.trust("bootloader") != "verified":
        notes.append(f"what the bootloader overwrites is not certain: {profile.how_to_find('bootloader')}")
    if not guest.kernel.edata_size:
        guess = "BSS" if guest.unpacked_size else "unpacked size"
        notes.append(f"the zImage does not state its {guess}: a bound is used")
    page = profile.page
    reserved = [*profile.reserved, *(live.reserved if live else ())]
    dtb_size = DTB_MAX_SIZE
    if guest.tree is None:
        notes.append("no device tree is known: a stand-in of 1 MiB is planned for")
    else:
        tree = devicetree.adapted(
            guest.tree,
            cmdline=guest.cmdline,
            initrd=Range(0, len(guest.ramdisk)) if len(guest.ramdisk) else None,
            live=guest.live_tree,
            profile=profile,
        )
        dtb_size = len(fdt.build(tree))
        reserved += (one for one in devicetree.reserved(tree) if not page.contains(one))
    return Terrain(
        banks=banks,
        base=base,
        lowmem=Range.sized(base, _lowmem_size(guest.cmdline), "lowmem"),
        decompression=_decompression(profile, guest, base),
        page=page,
        reserved=tuple(dict.fromkeys(sorted(reserved))),
        bootloader=profile.bootloader,
        mem_min=profile.mem_min or 0,
        kernel_loc=kernel_loc,
        dtb_loc=dtb_loc,
        scratch=align_up(STACK_SIZE + (guest.kernel.malloc_size or MALLOC_SIZE), PAGE_SIZE) + PAGE_SIZE,
        dtb_size=dtb_size,
        cmdline=cmdline,
        notes=tuple(notes),
    )


def _banks(profile: Profile, live: LiveMemory | None) -> tuple[Range, ...]:
    known = live.banks if live else tuple(sorted(profile.ram))
    if not known:
        raise _unknown(profile, "ram", "the banks of RAM", "hardboot plan --iomem FILE takes a copy of it.")
    above = Range(_ADDRESSES.end, max(_ADDRESSES.end, known[-1].end))
    below = tuple(subtract(known, [above]))
    if not below:
        raise RefusedError(
            f"all RAM lies above 4 GiB, the first bank at {known[0].start:#x}",
            unchanged="Nothing was sent.",
            fix="A 32-bit ARM kernel cannot start there: use the right profile.",
        )
    return below


def _copies(profile: Profile) -> tuple[int | None, int | None]:
    """Where the host kernel moves zImage and DTB after the reset."""
    if profile.arch != "arm":
        raise RefusedError(
            f"profile {profile.name} is for {profile.arch}: only 32-bit ARM can be planned",
            unchanged="Nothing was sent.",
            fix="Use a 32-bit ARM phone.",
        )
    hardboot = profile.hardboot
    if hardboot.host_abi in ("copy-atags", "atags-in-r0"):
        raise RefusedError(
            f"the host kernel of {profile.name} passes ATAGS on, which cannot be planned yet",
            unchanged="Nothing was sent.",
            fix="Use a host kernel that takes a device tree.",
        )
    if hardboot.host_abi == "direct":
        return None, None
    if hardboot.dtb_loc is None:
        raise _unknown(profile, "hardboot.dtb_loc", "where the host kernel moves the device tree")
    return hardboot.kernel_loc, hardboot.dtb_loc


def _unknown(profile: Profile, fact: str, words: str, then: str = "") -> RefusedError:
    return RefusedError(
        f"not known of {profile.title}: {words}",
        unchanged="Nothing was sent.",
        fix=f"How to find it: {profile.how_to_find(fact)}. {then}".rstrip(),
    )


def _decompression(profile: Profile, guest: Guest, base: int) -> Range:
    """What unpacking the kernel takes, from the page tables below it to the end of a zImage behind it.

    If zImage and unpacked kernel overlap, the decompressor moves itself behind the kernel first, with its
    stack and heap; and the kernel's BSS lies there afterwards. The larger of both counts.
    """
    zimage = guest.kernel
    workspace = zimage.size + STACK_SIZE + max(zimage.malloc_size or 0, MALLOC_SIZE)
    unpacked = zimage.edata_size or guest.unpacked_size or UNPACKED_BOUND * zimage.size
    # Without KLSZ the BSS is not known; it is far smaller than the zImage, which is counted anyway.
    need = max(unpacked + (zimage.bss_size or 0), unpacked + workspace)
    low, high = TEXT_OFFSETS
    if zimage.text_offset is not None:
        low = high = zimage.text_offset
    elif zimage.edata_size is None and profile.kernel.zreladdr is not None:
        low = high = profile.kernel.zreladdr - base  # a kernel older than KLSZ, made for this SoC
    return Range(max(base + low - PAGE_TABLES, 0), base + high + need, "unpacked kernel")


def _lowmem_size(cmdline: str) -> int:
    """Bytes of lowmem; a larger vmalloc= makes it smaller."""
    vmalloc = _VMALLOC_DEFAULT
    for word in cmdline.split():
        found = re.fullmatch(r"vmalloc=(0[xX][0-9a-fA-F]{1,12}|[0-9]{1,12})([kKmMgG]?).*", word)
        if found:
            digits, unit = found[1], "kmg".find(found[2].lower()) + 1 if found[2] else 0
            value = int(digits, 16 if digits[:2].lower() == "0x" else 10)
            vmalloc = max(_VMALLOC_DEFAULT, value << (10 * unit))
    most = _VMALLOC_END - _PAGE_OFFSET - _VMALLOC_OFFSET
    return max(most - vmalloc, _VMALLOC_ROOM)

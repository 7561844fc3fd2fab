"""What a zImage needs in RAM besides its own bytes, and where it must lie.

Source of the numbers, unless stated otherwise: Linux 6.1 arch/arm/boot/compressed/head.S.
"""

import re
from dataclasses import dataclass, field

from hardboot.base.memory import PAGE_SIZE, Range
from hardboot.base.sizes import align_down, align_up, human_size
from hardboot.formats.kernels.zimage import ZImage
from hardboot.formats.reading import Data
from hardboot.layout.model import ExtentKind, Guest
from hardboot.profile import Profile

MIB = 1 << 20
ANYWHERE = Range(0, 1 << 48, "RAM")

# AUTO_ZRELADDR: RAM is taken to start at pc & 0xf8000000, by code in the first 8 KiB of the zImage.
WINDOW = 128 * MIB
_CODE = 0x2000
# Page tables below the kernel: 0x4000 bytes, 0x5000 with LPAE (arch/arm/kernel/head.S, PG_DIR_SIZE).
PAGE_TABLES = 0x5000
# The smallest and largest TEXT_OFFSET of arch/arm/Makefile (textofs-y).
TEXT_OFFSETS = (0x8000, 0x308000)
# The decompressor's stack (.stack section) and, above it, its heap (MALLOC_SIZE in its Makefile).
STACK_SIZE = 0x1000
MALLOC_SIZE = 0x10000
# __setup_mmu makes 256 MiB from the page tables on cacheable; the decompressor is slow outside of them.
CACHED = 256 * MIB
# For a kernel that does not state its unpacked size: xz, the strongest compression in use, makes ARM
# kernels 3.3 to 4.1 times smaller.
UNPACKED_BOUND = 5
# For a kernel that does not state its BSS size: four times the largest of the kernels 3.4 of phones that were
# looked at (0.25 MiB on an Exynos 5, 0.95 MiB on an APQ8064); Debian's 6.1 for all boards has 0.37 MiB.
BSS_BOUND = 4 * MIB
# Lowmem with the usual 3G/1G split, from arch/arm/mm/mmu.c: VMALLOC_END - vmalloc - VMALLOC_OFFSET -
# PAGE_OFFSET. VMALLOC_END is 0xff800000 since Linux 4.3 and was 0xff000000: the smaller is safe for both.
_VMALLOC_END = 0xFF000000
_VMALLOC_OFFSET = 8 * MIB
_VMALLOC_DEFAULT = 240 * MIB
_VMALLOC_ROOM = 32 * MIB  # vmalloc= always leaves this much lowmem
_PAGE_OFFSET = 0xC0000000


@dataclass(frozen=True)
class ZImageRequirements:
    """Memory a zImage needs; addresses are physical.

    Attributes:
        data: What is loaded.
        memsz: Its memory, whole pages, with the zero word that ends a search for an appended tree.
        tail_size: Bytes it needs right behind itself while it runs: BSS, stack, heap.
        unpacked: What it writes wherever it lies: page tables and the unpacked kernel.
        bss: Bytes of the kernel's BSS, behind `unpacked`.
        workspace: Bytes it needs behind `unpacked` if it has to move itself out of the way first.
        window: Where it must begin, or it takes another address for the start of RAM.
        lowmem: RAM the guest maps permanently.
        dtb_limit: Largest device tree, bytes.
    """

    data: Data = field(repr=False)
    memsz: int
    tail_size: int
    unpacked: Range
    bss: int
    workspace: int
    window: Range
    lowmem: Range
    name: str = "zImage"
    tail_kind: ExtentKind = ExtentKind.HEAP
    dtb_limit: int = MIB  # arch/arm/kernel/head.S maps two sections, wherever in the first the tree begins

    @property
    def cached(self) -> Range:
        """RAM where it runs at full speed; all of it, unless it unpacks to a fixed address."""
        if self.window != ANYWHERE:
            return ANYWHERE
        return Range.sized(align_down(self.unpacked.start, 1 << 18), CACHED)

    @property
    def start_zones(self) -> tuple[Range, ...]:
        """Zones in which it may begin when it starts, the best first."""
        return (self.cached, self.lowmem, ANYWHERE) if self.window == ANYWHERE else (self.window,)

    def next_start(self, address: int) -> int:
        """Return the lowest address, `address` or above, where it may start."""
        return align_up(address, PAGE_SIZE)

    def written(self, place: int) -> Range:
        """Return what it writes elsewhere, from its start at `place` until the kernel has cleared its BSS.

        If it overlaps what it unpacks, it first moves itself behind that.
        """
        over = Range.sized(place, self.memsz + self.tail_size).overlaps(self.unpacked)
        more = max(self.bss, self.workspace) if over else self.bss
        return Range(self.unpacked.start, self.unpacked.end + more)

    def initrd_zone(self, place: int) -> Range:  # an Image's depends on its place
        """Return where the ramdisk must lie."""
        return self.lowmem

    dtb_zone = initrd_zone

    def dtb_block(self, tree: Range) -> Range | None:  # an Image's may be limited
        """Return the aligned block the device tree must not leave; None if there is no such limit."""
        return None


def zimage_requirements(
    profile: Profile, guest: Guest, zimage: ZImage, base: int
) -> tuple[ZImageRequirements, list[str]]:
    """Return what `zimage` needs on a phone whose RAM starts at `base`, and the assumptions made."""
    notes = []
    unpacked_size = zimage.edata_size or guest.unpacked_size
    if unpacked_size is None:
        notes.append(
            f"the zImage does not state its unpacked size; assuming at most {UNPACKED_BOUND} times its own"
        )
        unpacked_size = UNPACKED_BOUND * zimage.size
    if zimage.bss_size is None:
        notes.append(f"the zImage does not state its BSS size; assuming at most {human_size(BSS_BOUND)}")
    window = Range.sized(align_down(base, WINDOW), WINDOW - _CODE, f"the first {human_size(WINDOW)} of RAM")
    low, high = TEXT_OFFSETS
    if zimage.text_offset is not None:
        low = high = zimage.text_offset
    low, high = window.start + low, window.start + high
    if zimage.zreladdr is not None:
        low = high = zimage.zreladdr
        window = ANYWHERE
    elif not zimage.relocatable:
        if zimage.edata_size is None and profile.kernel.zreladdr is not None:
            low = high = profile.kernel.zreladdr  # a kernel older than KLSZ, made for this phone
        notes.append("the zImage does not show where it unpacks to; assuming relative to its own address")
    malloc = max(zimage.malloc_size or 0, MALLOC_SIZE)
    return ZImageRequirements(
        data=zimage.kernel,
        # An appended tree is looked for in the word behind the zImage: it must not be what was there before.
        memsz=align_up(zimage.size + 4, PAGE_SIZE),
        tail_size=align_up(STACK_SIZE + (zimage.malloc_size or MALLOC_SIZE), PAGE_SIZE) + PAGE_SIZE,
        unpacked=Range(max(low - PAGE_TABLES, 0), high + unpacked_size),
        bss=BSS_BOUND if zimage.bss_size is None else zimage.bss_size,
        workspace=zimage.size + STACK_SIZE + malloc,
        window=window,
        lowmem=Range.sized(
            window.start if zimage.relocatable else base, _lowmem_size(guest.cmdline), "lowmem"
        ),
    ), notes


def _lowmem_size(cmdline: str) -> int:
    """Return the bytes of lowmem; a larger vmalloc= makes it smaller."""
    vmalloc = _VMALLOC_DEFAULT
    for word in cmdline.split():
        found = re.fullmatch(r"vmalloc=(0[xX][0-9a-fA-F]{1,12}|[0-9]{1,12})([kKmMgG]?).*", word)
        if found:
            digits, unit = found[1], "kmg".find(found[2].lower()) + 1 if found[2] else 0
            value = int(digits, 16 if digits[:2].lower() == "0x" else 10)
            vmalloc = max(_VMALLOC_DEFAULT, value << (10 * unit))
    most = _VMALLOC_END - _PAGE_OFFSET - _VMALLOC_OFFSET
    return max(most - vmalloc, _VMALLOC_ROOM)

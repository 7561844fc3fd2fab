"""What a kernel takes in RAM besides its own bytes, and where it wants things: zImage and arm64 Image.

Source of the numbers, if not said otherwise: Linux 6.1 arch/arm/boot/compressed/head.S for the zImage,
Documentation/arm64/booting.rst for the Image.
"""

import re
from dataclasses import dataclass, field
from typing import TypeAlias

from hardboot.base.errors import RefusedError
from hardboot.base.memory import PAGE_SIZE, Range
from hardboot.base.sizes import align_down, align_up, human_size
from hardboot.formats.kernels.zimage import ZImage
from hardboot.formats.reading import Data
from hardboot.layout.model import Arm64Kernel, Guest
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
# __setup_mmu makes 256 MiB from the page tables on cacheable: the decompressor crawls outside of them.
CACHED = 256 * MIB
# For a kernel that does not say how large it is unpacked: xz, the strongest packer in use, makes ARM
# kernels 3.3 to 4.1 times smaller.
UNPACKED_BOUND = 5
# For a kernel that does not state its BSS: four times the largest of the kernels 3.4 of phones that were
# looked at (0.25 MiB on an Exynos 5, 0.95 MiB on an APQ8064); Debian's 6.1 for all boards has 0.37 MiB.
BSS_BOUND = 4 * MIB
# Lowmem with the usual 3G/1G split, from arch/arm/mm/mmu.c: VMALLOC_END - vmalloc - VMALLOC_OFFSET -
# PAGE_OFFSET. VMALLOC_END is 0xff800000 since Linux 4.3 and was 0xff000000: the smaller is safe for both.
_VMALLOC_END = 0xFF000000
_VMALLOC_OFFSET = 8 * MIB
_VMALLOC_DEFAULT = 240 * MIB
_VMALLOC_ROOM = 32 * MIB  # what vmalloc= leaves of lowmem at least
_PAGE_OFFSET = 0xC0000000

# An Image lies text_offset above a multiple of 2 MiB.
IMAGE_ALIGNMENT = 2 * MIB
# Without image_size (before Linux 3.17) this is the offset, whatever the header says.
_OLD_TEXT_OFFSET = 0x80000
# Kernels up to 4.1 want the tree this close behind the start of what they map, and inside one block of 2 MiB.
_TREE_REACH = 512 * MIB
# Initrd and Image lie in one window of so much that starts at a multiple of 1 GiB.
_INITRD_WINDOW = 32 << 30
_GIB = 1 << 30


@dataclass(frozen=True)
class ZImageNeeds:
    """What a zImage needs; addresses are physical.

    Attributes:
        data: What is loaded.
        memsz: Its memory, whole pages, with the zero word that ends a search for an appended tree.
        behind: Bytes it needs behind itself while it runs: BSS, stack, heap.
        core: What it writes wherever it lies: page tables and the unpacked kernel.
        bss: Bytes of the kernel's BSS, behind `core`.
        workspace: Bytes it needs behind `core` if it has to move itself out of the way first.
        window: Where it must begin, or it takes another address for the start of RAM.
        lowmem: What the guest maps for good.
    """

    data: Data = field(repr=False)
    memsz: int
    behind: int
    core: Range
    bss: int
    workspace: int
    window: Range
    lowmem: Range
    name: str = "zImage"
    behind_name: str = "heap of the running zImage"
    tree_limit: int = MIB  # arch/arm/kernel/head.S maps two sections, wherever in the first the tree begins

    @property
    def cached(self) -> Range:
        """Where it runs at full speed, if it unpacks to a fixed address."""
        if self.window != ANYWHERE:
            return ANYWHERE
        return Range.sized(align_down(self.core.start, 1 << 18), CACHED, "what the decompressor caches")

    @property
    def zones(self) -> tuple[Range, ...]:
        """Where it may begin when it starts, the best first."""
        return (self.cached, self.lowmem, ANYWHERE) if self.window == ANYWHERE else (self.window,)

    def aligned(self, address: int) -> int:
        """The lowest address from `address` on where it may start."""
        return align_up(address, PAGE_SIZE)

    def work(self, place: int) -> Range:
        """What is written from its start at `place` until the kernel has cleared its BSS.

        If it lies over what it unpacks, it moves itself behind that first.
        """
        over = Range.sized(place, self.memsz + self.behind).overlaps(self.core)
        more = max(self.bss, self.workspace) if over else self.bss
        return Range(self.core.start, self.core.end + more, self.core.name)

    def initrd_zone(self, place: int) -> Range:  # an Image's depends on it
        """Where the ramdisk must lie."""
        return self.lowmem

    tree_zone = initrd_zone

    def tree_block(self, tree: Range) -> Range | None:  # an Image's may
        """The one block the tree must lie in; None if there is no such limit."""
        return None


@dataclass(frozen=True)
class ImageNeeds:
    """What an arm64 Image needs; the same as of a zImage, which see.

    Attributes:
        text_offset: Bytes above a multiple of 2 MiB where it has to lie.
        behind: Bytes of its BSS, and whatever else of its image_size is not in the file.
        lowest: For a kernel that loses the RAM below itself (up to Linux 4.5) the one place; else None.
        recent: True from Linux 4.6 on, as far as the header tells.
    """

    data: Data = field(repr=False)
    memsz: int
    behind: int
    text_offset: int
    lowest: int | None
    recent: bool
    name: str = "Image"
    behind_name: str = "BSS of the Image"
    tree_limit: int = 2 * MIB
    cached: Range = ANYWHERE
    core: None = None

    @property
    def zones(self) -> tuple[Range, ...]:
        """Where it may lie when it starts."""
        return (
            (ANYWHERE,) if self.lowest is None else (Range.sized(self.lowest, self.memsz, "the one place"),)
        )

    def aligned(self, address: int) -> int:
        """The lowest address from `address` on where it may start."""
        return align_up(max(address - self.text_offset, 0), IMAGE_ALIGNMENT) + self.text_offset

    def work(self, place: int) -> None:
        """An Image writes nothing but its own memory."""
        return

    def initrd_zone(self, place: int) -> Range:
        """Where the ramdisk must lie."""
        if not self.recent:
            return Range(self._base(place), ANYWHERE.end, "RAM above the start of the Image")
        end = align_up(place + self.memsz + self.behind, _GIB)
        return Range(
            max(end - _INITRD_WINDOW, 0), align_down(place, _GIB) + _INITRD_WINDOW, "32 GiB around the Image"
        )

    def tree_zone(self, place: int) -> Range:
        """Where the device tree must lie."""
        if self.recent:
            return ANYWHERE
        return Range.sized(self._base(place), _TREE_REACH, "512 MiB from the start of the Image")

    def _base(self, place: int) -> int:
        return max(place - self.text_offset, 0)

    def tree_block(self, tree: Range) -> Range | None:
        """The one block the tree must lie in; None if there is no such limit."""
        if self.recent:
            return None
        return Range.sized(align_down(tree.start, 2 * MIB), 2 * MIB, "one block of 2 MiB")


Needs: TypeAlias = ZImageNeeds | ImageNeeds


def needs(profile: Profile, guest: Guest, base: int) -> tuple[Needs, list[str]]:
    """What the guest's kernel needs on a phone whose RAM starts at `base`, and what rests on a guess.

    Raises:
        RefusedError: If the kernel is not for the phone's architecture.
    """
    arch = "arm" if isinstance(guest.kernel, ZImage) else "arm64"
    if arch != profile.arch:
        raise RefusedError(
            f"the ROM's kernel is for {arch}, {profile.title} ({profile.name}) is {profile.arch}",
            state="Nothing was sent.",
            fix="Use a ROM that is made for this phone.",
        )
    if isinstance(guest.kernel, ZImage):
        return _zimage(profile, guest, guest.kernel, base)
    return _image(guest.kernel, base)


def _zimage(profile: Profile, guest: Guest, zimage: ZImage, base: int) -> tuple[ZImageNeeds, list[str]]:
    notes = []
    unpacked = zimage.edata_size or guest.unpacked_size
    if unpacked is None:
        notes.append(f"the zImage does not state its unpacked size: a bound is used, {UNPACKED_BOUND} times")
        unpacked = UNPACKED_BOUND * zimage.size
    if zimage.bss_size is None:
        notes.append(f"the zImage does not state its BSS: a bound is used, {human_size(BSS_BOUND)}")
    first = f"the first {human_size(WINDOW)} of RAM"
    window = Range.sized(align_down(base, WINDOW), WINDOW - _CODE, first)
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
        notes.append("the zImage does not tell where it unpacks to: taken for relative to its own address")
    malloc = max(zimage.malloc_size or 0, MALLOC_SIZE)
    return ZImageNeeds(
        data=zimage.kernel,
        # An appended tree is looked for in the word behind the zImage: it must not be what was there before.
        memsz=align_up(zimage.size + 4, PAGE_SIZE),
        behind=align_up(STACK_SIZE + (zimage.malloc_size or MALLOC_SIZE), PAGE_SIZE) + PAGE_SIZE,
        core=Range(max(low - PAGE_TABLES, 0), high + unpacked, "unpacked kernel"),
        bss=BSS_BOUND if zimage.bss_size is None else zimage.bss_size,
        workspace=zimage.size + STACK_SIZE + malloc,
        window=window,
        lowmem=Range.sized(
            window.start if zimage.relocatable else base, _lowmem_size(guest.cmdline), "lowmem"
        ),
    ), notes


def _image(kernel: Arm64Kernel, base: int) -> tuple[ImageNeeds, list[str]]:
    header, notes = kernel.header, []
    offset = header.text_offset if header.image_size else _OLD_TEXT_OFFSET
    memsz = align_up(len(kernel.data), PAGE_SIZE)
    size = header.image_size
    if not size:
        size = len(kernel.data) + BSS_BOUND
        notes.append(f"the Image does not state its BSS: a bound is used, {human_size(BSS_BOUND)}")
    return ImageNeeds(
        data=kernel.data,
        memsz=memsz,
        behind=max(align_up(size, PAGE_SIZE) - memsz, 0),
        text_offset=offset,
        lowest=None if header.anywhere else align_up(base, IMAGE_ALIGNMENT) + offset,
        recent=header.anywhere,
    ), notes


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

"""What an arm64 Image needs in RAM besides its own bytes, and where it must lie.

Source of the numbers, unless stated otherwise: Linux 6.1 Documentation/arm64/booting.rst.
"""

from dataclasses import dataclass, field

from hardboot.base.memory import PAGE_SIZE, Range
from hardboot.base.sizes import align_down, align_up, human_size
from hardboot.formats.reading import Data
from hardboot.layout.model import Arm64Kernel, ExtentKind
from hardboot.layout.zimage import ANYWHERE, BSS_BOUND, MIB

# An Image lies text_offset above a multiple of 2 MiB.
IMAGE_ALIGNMENT = 2 * MIB
# Without image_size (before Linux 3.17) this is the offset, whatever the header says.
_OLD_TEXT_OFFSET = 0x80000
# Kernels up to 4.1 want the tree this close behind the start of what they map, and inside one block of 2 MiB.
_DTB_REACH = 512 * MIB
_DTB_BLOCK = 2 * MIB
# Initrd and Image lie in one window of this size that starts at a multiple of 1 GiB.
_INITRD_WINDOW = 32 << 30
_GIB = 1 << 30


@dataclass(frozen=True)
class ImageRequirements:
    """Memory an arm64 Image needs; attributes not listed are those of ZImageRequirements.

    Attributes:
        text_offset: Bytes above a multiple of 2 MiB where it has to lie.
        tail_size: Bytes of its BSS, and whatever else of its image_size is not in the file.
        only_start: For a kernel that loses the RAM below itself (up to Linux 4.5) the one place; else None.
        recent: True from Linux 4.6 on, as far as the header tells.
    """

    data: Data = field(repr=False)
    memsz: int
    tail_size: int
    text_offset: int
    only_start: int | None
    recent: bool
    name: str = "Image"
    tail_kind: ExtentKind = ExtentKind.BSS
    dtb_limit: int = 2 * MIB
    cached: Range = ANYWHERE
    unpacked: None = None

    @property
    def start_zones(self) -> tuple[Range, ...]:
        """Zones in which it may begin when it starts."""
        if self.only_start is None:
            return (ANYWHERE,)
        return (Range.sized(self.only_start, self.memsz, "the only possible place"),)

    def next_start(self, address: int) -> int:
        """Return the lowest address, `address` or above, where it may start."""
        return align_up(max(address - self.text_offset, 0), IMAGE_ALIGNMENT) + self.text_offset

    def written(self, place: int) -> None:
        """Return None: an Image writes nothing but its own memory."""
        return

    def initrd_zone(self, place: int) -> Range:
        """Return where the ramdisk must lie."""
        if not self.recent:
            return Range(self._base(place), ANYWHERE.end, "RAM above the start of the Image")
        end = align_up(place + self.memsz + self.tail_size, _GIB)
        return Range(
            max(end - _INITRD_WINDOW, 0), align_down(place, _GIB) + _INITRD_WINDOW, "32 GiB around the Image"
        )

    def dtb_zone(self, place: int) -> Range:
        """Return where the device tree must lie."""
        if self.recent:
            return ANYWHERE
        return Range.sized(self._base(place), _DTB_REACH, "512 MiB from the start of the Image")

    def _base(self, place: int) -> int:
        return max(place - self.text_offset, 0)

    def dtb_block(self, tree: Range) -> Range | None:
        """Return the aligned block the device tree must not leave; None if there is no such limit."""
        if self.recent:
            return None
        return Range.sized(align_down(tree.start, _DTB_BLOCK), _DTB_BLOCK, "one block of 2 MiB")


def image_requirements(kernel: Arm64Kernel, base: int) -> tuple[ImageRequirements, list[str]]:
    """Return what `kernel` needs on a phone whose RAM starts at `base`, and the assumptions made."""
    header, notes = kernel.header, []
    offset = header.text_offset if header.image_size else _OLD_TEXT_OFFSET
    memsz = align_up(len(kernel.data), PAGE_SIZE)
    size = header.image_size
    if not size:
        size = len(kernel.data) + BSS_BOUND
        notes.append(f"the Image does not state its BSS size; assuming at most {human_size(BSS_BOUND)}")
    return ImageRequirements(
        data=kernel.data,
        memsz=memsz,
        tail_size=max(align_up(size, PAGE_SIZE) - memsz, 0),
        text_offset=offset,
        only_start=None if header.anywhere else align_up(base, IMAGE_ALIGNMENT) + offset,
        recent=header.anywhere,
    ), notes

"""What is planned for, and the plan."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from hardboot.base.memory import Range
from hardboot.formats.kernels.arm64image import Arm64Image
from hardboot.formats.kernels.atags import Tag
from hardboot.formats.kernels.zimage import ZImage
from hardboot.formats.reading import Data
from hardboot.formats.trees.fdt import Fdt


@dataclass(frozen=True)
class Arm64Kernel:
    """An arm64 kernel, decompressed: its bytes and what its header says."""

    data: Data = field(repr=False)
    header: Arm64Image


AnyKernel: TypeAlias = ZImage | Arm64Kernel


@dataclass(frozen=True)
class Guest:
    """The ROM to start, as the planner needs it.

    Attributes:
        kernel: The kernel.
        ramdisk: The initial ramdisk as stored in the image; empty if there is none.
        tree: The device tree that `devicetree.choose_tree` chose; None reserves room for the largest one.
            None on a phone whose kernels get ATAGS.
        cmdline: Kernel command line.
        live_tree: The phone's own tree, for what only its bootloader knows; None without a phone.
        atags: The phone's /proc/atags; None without a phone: ATAGS_ROOM bytes are reserved.
        unpacked_size: Bytes of the decompressed kernel, for a zImage that does not state it; None if unknown.
    """

    kernel: AnyKernel
    ramdisk: Data = field(repr=False)
    tree: Fdt | None = field(repr=False)
    cmdline: str
    live_tree: Fdt | None = field(repr=False, default=None)
    atags: tuple[Tag, ...] | None = field(repr=False, default=None)
    unpacked_size: int | None = None


class ExtentKind(StrEnum):
    """What uses a range of memory; the value is stable, scripts read it (hardboot plan --json)."""

    SEGMENT = "segment"
    MOVED_SEGMENT = "moved-segment"  # where the host kernel copies a segment after the reset
    UNPACKED_KERNEL = "unpacked-kernel"  # page tables, decompressed kernel and BSS of a zImage
    RUNNING_KERNEL = "running-kernel"  # a kernel with the heap or BSS behind it
    HEAP = "heap"  # stack and heap of a running zImage
    BSS = "bss"  # BSS of an Image
    HARDBOOT_PAGE = "hardboot-page"
    HARDBOOT_BUFFER = "hardboot-buffer"
    RESERVED = "reserved"
    BOOTLOADER = "bootloader"  # overwritten between reset and host kernel
    BELOW_MEM_MIN = "below-mem-min"  # all RAM below mem_min


_NAMES = {
    ExtentKind.SEGMENT: "{}",
    ExtentKind.MOVED_SEGMENT: "{} moved by the host kernel",
    ExtentKind.UNPACKED_KERNEL: "unpacked kernel",
    ExtentKind.RUNNING_KERNEL: "running {}",
    ExtentKind.HEAP: "{} heap",
    ExtentKind.BSS: "{} BSS",
    ExtentKind.HARDBOOT_PAGE: "hardboot page",
    ExtentKind.HARDBOOT_BUFFER: "hardboot buffer",
    ExtentKind.RESERVED: "{}",
    ExtentKind.BOOTLOADER: "{} (bootloader)",
    ExtentKind.BELOW_MEM_MIN: "all RAM below mem_min",
}
_OF_SEGMENTS = frozenset(
    {
        ExtentKind.SEGMENT,
        ExtentKind.MOVED_SEGMENT,
        ExtentKind.UNPACKED_KERNEL,
        ExtentKind.RUNNING_KERNEL,
        ExtentKind.HEAP,
        ExtentKind.BSS,
    }
)


@dataclass(frozen=True)
class Extent:
    """A range of physical addresses and what uses it.

    Attributes:
        owner: Name of the segment it belongs to; for RESERVED and BOOTLOADER the name of the range in the
            profile, the device tree or /proc/iomem; else "".
    """

    range: Range
    kind: ExtentKind
    owner: str = ""

    @property
    def name(self) -> str:
        """The name people read."""
        return _NAMES[self.kind].format(self.owner)

    @property
    def segment(self) -> str | None:
        """Name of the segment whose place decides where this is; None if none does."""
        return self.owner if self.kind in _OF_SEGMENTS else None

    def __str__(self) -> str:
        """Return name, addresses and size, for messages."""
        return f"{self.name} {Range(self.range.start, self.range.end)}"


@dataclass(frozen=True)
class Segment:
    """Bytes and the physical address where they must lie when the guest starts.

    Attributes:
        name: `zImage` or `Image`, `initrd`, `dtb` or `atags`, `purgatory`.
        addr: Physical address, page aligned.
        memsz: Bytes of memory, whole pages; what `data` does not fill is zero.
    """

    name: str
    addr: int
    data: Data = field(repr=False)
    memsz: int

    @property
    def range(self) -> Range:
        """The memory it takes."""
        return Range.sized(self.addr, self.memsz, self.name)

    @property
    def extent(self) -> Extent:
        """The memory it takes, and that a segment takes it."""
        return Extent(Range.sized(self.addr, self.memsz), ExtentKind.SEGMENT, self.name)


@dataclass(frozen=True)
class BootPlan:
    """Everything decided before anything is sent; all addresses are physical.

    Attributes:
        segments: By address; as kexec_load(2) takes them.
        entry: Where the record tells the host kernel to jump; without a reset, where kexec jumps: on arm64 to
            the purgatory.
        dtb_addr: Address of device tree or ATAGS for the record; without a reset, what kexec puts into r2.
        initrd: The ramdisk, exact to the byte; None without one.
        flag: The kexec_load(2) flag of the profile; 0 for a start without a reset.
        extents: What else was taken into account, by address; extents may overlap.
        complete: False if room was reserved for an unknown device tree or ATAGS: such a plan can be shown,
            not started.
        notes: Assumptions the plan rests on, for people.
    """

    segments: tuple[Segment, ...]
    entry: int
    dtb_addr: int
    initrd: Range | None
    cmdline: str
    flag: int
    extents: tuple[Extent, ...]
    complete: bool
    notes: tuple[str, ...]

    def segment(self, name: str) -> Segment | None:
        """Return the segment called `name`; None if there is none."""
        return next((one for one in self.segments if one.name == name), None)

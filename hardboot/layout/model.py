"""What is planned for, and the plan."""

from dataclasses import dataclass, field
from typing import TypeAlias

from hardboot.base.memory import Range
from hardboot.formats.kernels.arm64image import Arm64Image
from hardboot.formats.kernels.atags import Tag
from hardboot.formats.kernels.zimage import ZImage
from hardboot.formats.reading import Data
from hardboot.formats.trees.fdt import Fdt


@dataclass(frozen=True)
class Arm64Kernel:
    """An arm64 kernel, unpacked: its bytes and what its header says."""

    data: Data = field(repr=False)
    header: Arm64Image


AnyKernel: TypeAlias = ZImage | Arm64Kernel


@dataclass(frozen=True)
class Guest:
    """What is to be started.

    Attributes:
        kernel: The kernel.
        ramdisk: The initial ramdisk as it stands in the image; empty if there is none.
        tree: The device tree `devicetree.choose` chose; None plans with a stand-in of the largest size.
            A phone whose kernels get ATAGS has none.
        cmdline: Kernel command line.
        live_tree: The phone's own tree, for what only its bootloader knows; None if no phone is asked.
        atags: The phone's /proc/atags; None if no phone is asked: plans with a stand-in of ATAGS_ROOM bytes.
        unpacked_size: Bytes of the decompressed kernel, for a zImage that does not state it; None if unknown.
    """

    kernel: AnyKernel
    ramdisk: Data = field(repr=False)
    tree: Fdt | None = field(repr=False)
    cmdline: str
    live_tree: Fdt | None = field(repr=False, default=None)
    atags: tuple[Tag, ...] | None = field(repr=False, default=None)
    unpacked_size: int | None = None


@dataclass(frozen=True)
class Segment:
    """Bytes and the physical address where they must lie when the guest starts.

    Attributes:
        name: `zImage` or `Image`, `initrd`, `dtb` or `atags`.
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


@dataclass(frozen=True)
class BootPlan:
    """Everything decided before anything is sent; all addresses are physical.

    Attributes:
        segments: By address; as kexec_load(2) takes them.
        entry: Where the record tells the host kernel to jump; without a reset, where kexec jumps.
        dtb_addr: What the record tells it about the device tree, or the ATAGS; what kexec puts into r2.
        initrd: The ramdisk, exact to the byte; None without one.
        flag: The kexec_load(2) flag of the profile; 0 for a start without a reset.
        extents: What else was taken into account, by address: named ranges that may lie over each other.
        complete: False if device tree or ATAGS are a stand-in: such a plan can be shown, not started.
        notes: What rests on a guess, for people.
    """

    segments: tuple[Segment, ...]
    entry: int
    dtb_addr: int
    initrd: Range | None
    cmdline: str
    flag: int
    extents: tuple[Range, ...]
    complete: bool
    notes: tuple[str, ...]

    def segment(self, name: str) -> Segment | None:
        """The segment called `name`."""
        return next((one for one in self.segments if one.name == name), None)

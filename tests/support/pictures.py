"""Plans to draw, and what their pictures show."""

from hardboot import memorymap
from hardboot.base.memory import Range
from hardboot.layout import BootPlan, Extent, ExtentKind, Segment
from hardboot.memorymap import MemoryMap

MIB = 1 << 20
RAM = Range(0x40000000, 0x80000000, "bank0")
HOSTILE = "</text><script>\x1b]0;x\x07[bold]\u202eü\ud800&日本"


def plan(segments: list[Range], extents: list[Extent]) -> BootPlan:
    return BootPlan(
        segments=tuple(Segment(one.name, one.start, b"", one.size) for one in segments),
        entry=0,
        dtb_addr=0,
        initrd=None,
        cmdline="",
        flag=4,
        extents=tuple(extents),
        complete=True,
        notes=(),
    )


def hardboot_page(start: int) -> Extent:
    return Extent(Range.sized(start, 0x1000), ExtentKind.HARDBOOT_PAGE)


def below(mem_min: int) -> Extent:
    return Extent(Range(RAM.start, mem_min), ExtentKind.BELOW_MEM_MIN)


def virtual_phone() -> MemoryMap:
    """Return the picture of a plan with each kind of shape."""
    segments = [Range(0x44200000, 0x44733000, "zImage"), Range(0x44800000, 0x45000000, "initrd")]
    extents = [
        Extent(Range(0x40203000, 0x41AEC2B4), ExtentKind.UNPACKED_KERNEL, "zImage"),
        Extent(Range(0x43000000, 0x44000000), ExtentKind.BOOTLOADER, "ramdisk-load"),
        Extent(Range(0x44000000, 0x44001000), ExtentKind.HARDBOOT_PAGE),
        Extent(Range(0x44100000, 0x44200000), ExtentKind.RESERVED, "ramoops"),
        Extent(Range(0x44733000, 0x44745000), ExtentKind.HEAP, "zImage"),
        Extent(Range(0x7DDE7000, 0x80000000), ExtentKind.BOOTLOADER, "u-boot"),
    ]
    host = [Range(0x40300000, 0x41300000, "Kernel code")]
    return memorymap.draw(plan(segments, extents), banks=[RAM], host=host)


def text(picture: MemoryMap, width: int = 80, *, unicode: bool = True) -> list[str]:
    return [
        "".join(piece for piece, _ in line) for line in memorymap.lines(picture, width=width, unicode=unicode)
    ]

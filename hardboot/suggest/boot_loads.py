"""Where a phone's bootloader loads the parts of a boot image, and itself."""

from hardboot.base.memory import PAGE_SIZE, Range
from hardboot.formats.boot.bootheader import AddressedHeader, BootHeader
from hardboot.formats.trees.fdt import Fdt
from hardboot.profile import Trust
from hardboot.suggest import bootloader_families
from hardboot.suggest.findings import Findings
from hardboot.suggest.stated import Stated

# Names of the ranges.
KERNEL, DTB, RAMDISK = "kernel-load", "dtb-load", "ramdisk-load"
_TREE_SIZE = 0x200000  # bytes left for a device tree: what ARM kernels map of it at most
_MOST = 1 << 40  # no phone has RAM there
_HEADER = "the header of the boot partition; as large as the partition or the gap"
_INITRD = "linux,initrd-start in the running tree; as large as the boot partition or the gap"
_UBOOT = "U-Boot moves itself to the end of RAM (common/board_f.c); the size is a bound"


def of_boot_image(found: Findings, header: BootHeader | None) -> dict[str, Stated]:
    """Return where the parts of a boot image are loaded: each as large as the partition or the gap behind it.

    Args:
        found: What the phone says.
        header: The header of its boot image; None if unknown.
    """
    link = found.boot_link()
    most = (link and found.partition_size(link)) or PAGE_SIZE
    ramdisk = initrd(found.tree)
    starts = {}
    if isinstance(header, AddressedHeader) and header_trusted(found, header) is not False:
        starts = {KERNEL: header.kernel_addr, DTB: header.tags_addr, RAMDISK: header.ramdisk_addr}
    if ramdisk is not None:
        starts[RAMDISK] = ramdisk.start
    loads = {}
    for name, start in sorted(starts.items(), key=lambda item: (item[1], item[0])):
        size = max(most, _TREE_SIZE) if name == DTB else most
        end = min([start + size, *(one for one in starts.values() if one > start)])
        status: Trust = "inferred"
        source = _HEADER
        if name == RAMDISK and ramdisk is not None:
            end = max(end, ramdisk.end)
            status, source = "verified", _INITRD
        loads[name] = Stated(Range(start, end, name), status, source)
    return loads


def of_uboot(tree: Fdt | None, banks: tuple[Range, ...]) -> list[Stated]:
    """Return where U-Boot moves itself, if that is the bootloader.

    Args:
        tree: The running device tree; None if unknown.
        banks: RAM; empty if unknown.
    """
    chosen = tree.find("/chosen") if tree else None
    if not banks or not chosen or "u-boot,version" not in chosen.properties:
        return []
    top = max(one.end for one in banks if one.end <= 1 << 32) if banks[0].end <= 1 << 32 else banks[-1].end
    place = Range(max(top - bootloader_families.UBOOT_SIZE, 0), top, "u-boot")
    return [Stated(place, "inferred", _UBOOT)]


def initrd(tree: Fdt | None) -> Range | None:
    """Return where the bootloader put the running kernel's ramdisk; None if the tree does not say."""
    chosen = tree.find("/chosen") if tree else None
    start, end = (
        int.from_bytes(chosen.properties.get(f"linux,initrd-{name}", b"")[:8], "big") if chosen else 0
        for name in ("start", "end")
    )
    return Range(start, end, RAMDISK) if 0 < start < end <= _MOST else None


def header_trusted(found: Findings, header: AddressedHeader) -> bool | None:
    """Return whether the bootloader put the ramdisk where the header says; None if that is unknown."""
    ramdisk = initrd(found.tree)
    return None if ramdisk is None else ramdisk.start == header.ramdisk_addr

"""What is known of a phone's RAM: banks, what is in use for good, what its bootloader writes to."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from hardboot import devicetree, layout
from hardboot.base.errors import InputError
from hardboot.base.memory import PAGE_SIZE, Range, subtract
from hardboot.base.sizes import align_down, align_up
from hardboot.formats.boot import headerpage
from hardboot.formats.boot.bootheader import AddressedHeader, BootHeader
from hardboot.formats.trees.fdt import Fdt
from hardboot.profile import Trust
from hardboot.suggest import families
from hardboot.suggest.findings import Findings

_MEMORY_BEFORE = re.compile(r"ramoops|ram[_-]?console|pstore|persistent[_-]?ram|last_?kmsg", re.IGNORECASE)
_HOLE = re.compile(r"kexec|hardboot", re.IGNORECASE)  # such as kexec_hardboot-hole, kexechb_region
# The old patches' boards say it when they take the page away; kernels of 3.x print 0x%lx or 0x%X.
_LOG_PAGE = re.compile(r"hardboot page reserved at (?:0x)?([0-9a-f]{1,8})\b", re.IGNORECASE)
_LOG_RAMOOPS = re.compile(r"\b0x([0-9a-f]{1,8})@0x([0-9a-f]{1,9})\b", re.IGNORECASE)
_LOG_PERSISTENT = re.compile(r"persistent memory from ([0-9a-f]{6,9})-([0-9a-f]{6,9})\b", re.IGNORECASE)
_IOMEM_LINE = re.compile(r"^ *([0-9a-f]{1,16})-([0-9a-f]{1,16}) : (.+)$", re.MULTILINE)
_TREE_SIZE = 0x200000  # bytes left for a device tree: what ARM kernels map of it at most
_MOST_RESERVED = 128  # the largest trees of phones reserve some thirty
_MOST_PAGE = 64 << 20  # bytes taken away for a page; the largest that is known is 1 MiB
_MOST = 1 << 40  # no phone has RAM there


@dataclass(frozen=True)
class Stated:
    """A named range and where it was read."""

    range: Range
    status: Trust
    source: str


@dataclass(frozen=True)
class Ground:
    """What was found of the RAM; physical addresses.

    Attributes:
        banks: System RAM; empty if unknown.
        banks_source: Where that was read.
        kernel: The running kernel's code and data.
        reserved: In use for good; disjoint, names differ.
        bootloader: What the way to the running kernel wrote to, seen or known of its family; the same.
        ramoops: What is known to survive a reset: logs of the last boot.
        holes: Ranges taken away for a hardboot page.
        logged: Where kernel logs say that the hardboot page was reserved.
        header: Of the image in the boot partition; None if there is none, or it cannot be read.
        doubtful: What was reported of similar phones' bootloaders.
        notes: What could not be read.
    """

    banks: tuple[Range, ...]
    banks_source: str
    kernel: tuple[Range, ...]
    reserved: tuple[Stated, ...]
    bootloader: tuple[Stated, ...]
    ramoops: tuple[Range, ...]
    holes: tuple[Range, ...]
    logged: tuple[int, ...]
    header: BootHeader | None
    doubtful: tuple[tuple[Range, str], ...]
    notes: tuple[str, ...]


def look(found: Findings) -> Ground:
    """All that can be read of the RAM in what was found."""
    notes = list(found.notes)
    banks, kernel, listed, source = _live(found, notes)
    reserved = [*listed, *_of_tree(found.tree, notes)]
    holes = tuple(
        one.range for one in reserved if _HOLE.search(one.range.name) and one.range.size <= _MOST_PAGE
    )
    header = _header(found.boot_header, notes)
    doubtful: tuple[tuple[Range, str], ...] = ()
    loads = list(_loads(found, header, banks))
    family = families.find(_words(found))
    if family:
        loads += [Stated(one, "inferred", family.source) for one in family.ranges]
        doubtful = family.doubtful
    initrd = next((one.range for one in loads if one.range.name == "ramdisk-load"), Range(0, 0))
    ramoops = _merged([*_ramoops(found), *(r.range for r in reserved if _MEMORY_BEFORE.search(r.range.name))])
    logs = [Stated(Range(one.start, one.end, "ramoops"), "verified", _RAMOOPS) for one in ramoops]
    kept = [
        one
        for one in [*logs, *reserved]
        if one.range not in holes
        and not (isinstance(header, AddressedHeader) and one.range.start == header.tags_addr)
        and not initrd.overlaps(one.range)
    ]
    return Ground(
        banks=banks,
        banks_source=source,
        kernel=kernel,
        reserved=tidy(kept, banks),
        bootloader=tidy(loads, banks),
        ramoops=ramoops,
        holes=holes,
        logged=tuple(dict.fromkeys(int(one, 16) for one in _LOG_PAGE.findall(_logs(found)))),
        header=header,
        doubtful=doubtful,
        notes=tuple(notes),
    )


_RAMOOPS = "ramoops, as the running kernel has it: tree, /proc/iomem or log"


def tidy(stated: Iterable[Stated], banks: tuple[Range, ...]) -> tuple[Stated, ...]:
    """The parts of ranges that are RAM, disjoint, with names that differ; the first one keeps its place."""
    taken: list[Range] = []
    names: set[str] = set()
    found = []
    for one in stated:
        pieces = subtract([one.range], taken)
        if banks:
            outside = subtract([Range(0, max(_MOST, one.range.end))], banks)
            pieces = subtract(pieces, outside)
        for piece in pieces:
            word = re.sub(r"[^A-Za-z0-9_.+-]+", "-", one.range.name).lstrip("_.+-")[:56] or "range"
            name = next(
                name for n in range(1, 1 << 20) if (name := word if n == 1 else f"{word}-{n}") not in names
            )
            names.add(name)
            taken.append(piece)
            found.append(replace(one, range=Range(piece.start, piece.end, name)))
    return tuple(sorted(found, key=lambda one: one.range))


def _live(
    found: Findings, notes: list[str]
) -> tuple[tuple[Range, ...], tuple[Range, ...], list[Stated], str]:
    """Banks, running kernel, what else lies in RAM, and where the banks were read."""
    live = layout.LiveMemory(())
    source = "/proc/iomem: System RAM"
    if not found.text("iomem").strip():
        notes.append("/proc/iomem is missing: where the running kernel lies is not known")
    else:
        try:
            live = layout.parse_iomem(found.text("iomem"))
        except InputError as error:
            notes.append(f"{error.what}. {error.fix}")
    banks = live.banks
    if not banks and found.tree:
        try:
            banks = _merged(devicetree.memory_banks(found.tree))
            source = "the memory nodes of the running device tree: its kernel may have taken some away"
        except InputError as error:
            notes.append(f"the banks of RAM could not be read: {error.what}")
    pages = (Range(align_up(one.start, PAGE_SIZE), max(align_down(one.end, PAGE_SIZE), 0)) for one in banks
             if align_up(one.start, PAGE_SIZE) < align_down(one.end, PAGE_SIZE))  # fmt: skip
    named = [Stated(one, "verified", "/proc/iomem: inside System RAM") for one in live.reserved]
    return tuple(pages), live.kernel, named[:_MOST_RESERVED], source


def _of_tree(tree: Fdt | None, notes: list[str]) -> list[Stated]:
    if tree is None:
        return []
    try:
        found = devicetree.reserved_memory(tree)
    except InputError as error:
        notes.append(f"reserved memory could not be read: {error.what}")
        return []
    if len(found) > _MOST_RESERVED:
        notes.append(
            f"of {len(found)} reserved ranges in the tree, the first {_MOST_RESERVED} are in the draft"
        )
    return [Stated(one, "verified", "the running device tree") for one in found[:_MOST_RESERVED]]


def _header(data: bytes, notes: list[str]) -> BootHeader | None:
    if not data:
        return None
    try:
        return headerpage.parse_header(data)
    except InputError as error:
        notes.append(f"the boot partition: {error.what}")
        return None


def initrd(tree: Fdt | None) -> Range | None:
    """Where the bootloader put the running kernel's ramdisk; None if the tree does not say."""
    chosen = tree.find("/chosen") if tree else None
    start, end = (
        int.from_bytes(chosen.properties.get(f"linux,initrd-{name}", b"")[:8], "big") if chosen else 0
        for name in ("start", "end")
    )
    return Range(start, end, "ramdisk-load") if 0 < start < end <= _MOST else None


def _loads(found: Findings, header: BootHeader | None, banks: tuple[Range, ...]) -> Iterator[Stated]:
    """Where the bootloader loads the parts of a boot image: each as large as the partition or its gap."""
    most = found.partition_size("boot") or PAGE_SIZE
    ramdisk = initrd(found.tree)
    starts: list[tuple[int, str, str]] = []
    if isinstance(header, AddressedHeader) and header_trusted(found, header) is not False:
        source = "the header of the boot partition; as large as the partition or the gap"
        starts = [(header.kernel_addr, "kernel-load", source), (header.tags_addr, "dtb-load", source)]
        if ramdisk is None:
            starts.append((header.ramdisk_addr, "ramdisk-load", source))
    if ramdisk is not None:
        source = "linux,initrd-start in the running tree; as large as the boot partition or the gap"
        starts.append((ramdisk.start, "ramdisk-load", source))
    starts.sort()
    for index, (start, name, source) in enumerate(starts):
        size = max(most, _TREE_SIZE) if name == "dtb-load" else most
        end = min([start + size, *(one for one, _, _ in starts[index + 1 :] if one > start)])
        if ramdisk is not None and name == "ramdisk-load":
            end = max(end, ramdisk.end)
        status: Trust = "verified" if name == "ramdisk-load" and ramdisk else "inferred"
        yield Stated(Range(start, end, name), status, source)
    chosen = found.tree.find("/chosen") if found.tree else None
    if banks and chosen and "u-boot,version" in chosen.properties:
        top = (
            max(one.end for one in banks if one.end <= 1 << 32) if banks[0].end <= 1 << 32 else banks[-1].end
        )
        source = "U-Boot moves itself to the end of RAM (common/board_f.c); the size is a bound"
        yield Stated(Range(max(top - families.UBOOT_SIZE, 0), top, "u-boot"), "inferred", source)


def header_trusted(found: Findings, header: AddressedHeader) -> bool | None:
    """Whether the bootloader put the ramdisk where the header says; None if that is not known."""
    ramdisk = initrd(found.tree)
    return None if ramdisk is None else ramdisk.start == header.ramdisk_addr


def _ramoops(found: Findings) -> Iterator[Range]:
    for start, last, name in _IOMEM_LINE.findall(found.text("iomem")):
        if _MEMORY_BEFORE.search(name) and int(start, 16) <= int(last, 16):
            yield Range(int(start, 16), int(last, 16) + 1)
    for line in _logs(found).splitlines():
        if _MEMORY_BEFORE.search(line) and (place := _LOG_RAMOOPS.search(line)):
            yield Range.sized(int(place[2], 16), int(place[1], 16))
        if (place := _LOG_PERSISTENT.search(line)) and int(place[1], 16) <= int(place[2], 16):
            yield Range(int(place[1], 16), int(place[2], 16) + 1)


def _merged(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """Sorted, ranges that touch as one, without empty ones."""
    found: list[Range] = []
    for one in sorted(one for one in ranges if one.size):
        if found and one.start <= found[-1].end:
            found[-1] = Range(found[-1].start, max(one.end, found[-1].end))
        else:
            found.append(Range(one.start, one.end))
    return tuple(found)


def _logs(found: Findings) -> str:
    return f"{found.text('dmesg')}\n{found.text('last_kmsg')}"


def _words(found: Findings) -> str:
    """What tells the SoC."""
    names = ("ro.board.platform", "ro.hardware", "ro.product.board", "ro.soc.model", "ro.chipname")
    words = [found.properties.get(name, "") for name in names]
    if found.tree:
        words.append(found.tree.root.properties.get("compatible", b"").decode("ascii", "replace"))
    return " ".join(words)

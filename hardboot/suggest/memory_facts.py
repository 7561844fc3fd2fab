"""What is known of a phone's RAM: banks, what is always in use, what its bootloader writes to."""

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
from hardboot.suggest import boot_loads, bootloader_families
from hardboot.suggest.boot_loads import RAMDISK
from hardboot.suggest.findings import Findings
from hardboot.suggest.stated import Stated

# Node names and log lines of memory that keeps the log of the last boot.
_LOG_MEMORY = re.compile(r"ramoops|ram[_-]?console|pstore|persistent[_-]?ram|last_?kmsg", re.IGNORECASE)
_HOLE = re.compile(r"kexec|hardboot", re.IGNORECASE)  # nodes such as kexec_hardboot-hole, kexechb_region
# The boards of the old patches print it when they reserve the page; kernels of 3.x print 0x%lx or 0x%X.
_LOG_PAGE = re.compile(r"hardboot page reserved at (?:0x)?([0-9a-f]{1,8})\b", re.IGNORECASE)
_LOG_RAMOOPS = re.compile(r"\b0x([0-9a-f]{1,8})@0x([0-9a-f]{1,9})\b", re.IGNORECASE)
_LOG_PERSISTENT = re.compile(r"persistent memory from ([0-9a-f]{6,9})-([0-9a-f]{6,9})\b", re.IGNORECASE)
_IOMEM_LINE = re.compile(r"^ *([0-9a-f]{1,16})-([0-9a-f]{1,16}) : (.+)$", re.MULTILINE)
_RAMOOPS = "ramoops, as the running kernel has it: tree, /proc/iomem or log"
_MOST_RESERVED = 128  # ranges; the largest trees of phones reserve some thirty
_MOST_PAGE = 64 << 20  # bytes reserved for a page; the largest that is known is 1 MiB
_MOST = 1 << 40  # no phone has RAM there


@dataclass(frozen=True)
class MemoryFacts:
    """What was found about the RAM; physical addresses.

    Attributes:
        banks: System RAM; empty if unknown.
        banks_source: Where that was read.
        kernel: The running kernel's code and data.
        reserved: Always in use; disjoint, names differ.
        bootloader: What was written before the running kernel started, seen or known of the SoC family;
            disjoint, names differ.
        ramoops: Logs of the last boot: memory that survives a reset.
        holes: Ranges reserved for a hardboot page.
        logged_pages: Addresses at which kernel logs say that the hardboot page was reserved.
        header: Header of the image in the boot partition; None if there is none, or it cannot be read.
        doubtful: What was reported of bootloaders of similar phones, with the source.
        notes: What could not be read.
    """

    banks: tuple[Range, ...]
    banks_source: str
    kernel: tuple[Range, ...]
    reserved: tuple[Stated, ...]
    bootloader: tuple[Stated, ...]
    ramoops: tuple[Range, ...]
    holes: tuple[Range, ...]
    logged_pages: tuple[int, ...]
    header: BootHeader | None
    doubtful: tuple[tuple[Range, str], ...]
    notes: tuple[str, ...]


def gather_memory_facts(found: Findings) -> MemoryFacts:
    """Collect everything about the RAM that a phone's files say."""
    notes = list(found.notes)
    banks, source, live = _banks(found, notes)
    named = [Stated(one, "verified", "/proc/iomem: inside System RAM") for one in live.reserved]
    reserved = [*named[:_MOST_RESERVED], *_reserved_in_tree(found.tree, notes)]
    holes = tuple(
        one.range for one in reserved if _HOLE.search(one.range.name) and one.range.size <= _MOST_PAGE
    )
    header = _header(found.boot_header, notes)
    doubtful: tuple[tuple[Range, str], ...] = ()
    loaded = boot_loads.of_boot_image(found, header)
    ramdisk = loaded[RAMDISK].range if RAMDISK in loaded else Range(0, 0)
    loads = [*loaded.values(), *boot_loads.of_uboot(found.tree, banks)]
    family = bootloader_families.find(_soc_words(found))
    if family:
        loads += [Stated(one, "inferred", family.source) for one in family.ranges]
        doubtful = family.doubtful
    log_nodes = [one.range for one in reserved if _LOG_MEMORY.search(one.range.name)]
    ramoops = _merged([*_ramoops(found), *log_nodes])
    logs = [Stated(Range(one.start, one.end, "ramoops"), "verified", _RAMOOPS) for one in ramoops]
    kept = [
        one
        for one in [*logs, *reserved]
        if one.range not in holes
        and not (isinstance(header, AddressedHeader) and one.range.start == header.tags_addr)
        and not ramdisk.overlaps(one.range)
    ]
    return MemoryFacts(
        banks=banks,
        banks_source=source,
        kernel=live.kernel,
        reserved=disjoint(kept, banks),
        bootloader=disjoint(loads, banks),
        ramoops=ramoops,
        holes=holes,
        logged_pages=tuple(dict.fromkeys(int(one, 16) for one in _LOG_PAGE.findall(_logs(found)))),
        header=header,
        doubtful=doubtful,
        notes=tuple(notes),
    )


def disjoint(stated: Iterable[Stated], banks: tuple[Range, ...]) -> tuple[Stated, ...]:
    """Return the parts of ranges that are RAM, disjoint, each with a name of its own; earlier ones win."""
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


def _banks(found: Findings, notes: list[str]) -> tuple[tuple[Range, ...], str, layout.LiveMemory]:
    """Return the banks in whole pages, where they were read, and what else /proc/iomem says."""
    live = layout.LiveMemory(())
    source = "/proc/iomem: System RAM"
    if not found.text("iomem").strip():
        notes.append("/proc/iomem is missing: the place of the running kernel is unknown")
    else:
        try:
            live = layout.parse_iomem(found.text("iomem"))
        except InputError as error:
            notes.append(f"{error.what}. {error.fix}")
    banks = live.banks
    if not banks and found.tree:
        try:
            banks = _merged(devicetree.memory_banks(found.tree))
            source = "the memory nodes of the running device tree: its kernel may have removed parts"
        except InputError as error:
            notes.append(f"cannot read the banks of RAM: {error.what}")
    whole = ((align_up(one.start, PAGE_SIZE), align_down(one.end, PAGE_SIZE)) for one in banks)
    return tuple(Range(start, end) for start, end in whole if start < end), source, live


def _reserved_in_tree(tree: Fdt | None, notes: list[str]) -> list[Stated]:
    if tree is None:
        return []
    try:
        found = devicetree.reserved_memory(tree)
    except InputError as error:
        notes.append(f"cannot read the reserved memory: {error.what}")
        return []
    if len(found) > _MOST_RESERVED:
        notes.append(f"the tree reserves {len(found)} ranges; the draft has the first {_MOST_RESERVED}")
    return [Stated(one, "verified", "the running device tree") for one in found[:_MOST_RESERVED]]


def _header(data: bytes, notes: list[str]) -> BootHeader | None:
    if not data:
        return None
    try:
        return headerpage.parse_header(data)
    except InputError as error:
        notes.append(f"the boot partition: {error.what}")
        return None


def _ramoops(found: Findings) -> Iterator[Range]:
    for start, last, name in _IOMEM_LINE.findall(found.text("iomem")):
        if _LOG_MEMORY.search(name) and int(start, 16) <= int(last, 16):
            yield Range(int(start, 16), int(last, 16) + 1)
    for line in _logs(found).splitlines():
        if _LOG_MEMORY.search(line) and (place := _LOG_RAMOOPS.search(line)):
            yield Range.sized(int(place[2], 16), int(place[1], 16))
        if (place := _LOG_PERSISTENT.search(line)) and int(place[1], 16) <= int(place[2], 16):
            yield Range(int(place[1], 16), int(place[2], 16) + 1)


def _merged(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """Return the ranges sorted, those that touch joined, without empty ones and names."""
    found: list[Range] = []
    for one in sorted(one for one in ranges if one.size):
        if found and one.start <= found[-1].end:
            found[-1] = Range(found[-1].start, max(one.end, found[-1].end))
        else:
            found.append(Range(one.start, one.end))
    return tuple(found)


def _logs(found: Findings) -> str:
    return f"{found.text('dmesg')}\n{found.text('last_kmsg')}"


def _soc_words(found: Findings) -> str:
    """Return everything that names the SoC."""
    names = ("ro.board.platform", "ro.hardware", "ro.product.board", "ro.soc.model", "ro.chipname")
    words = [found.properties.get(name, "") for name in names]
    if found.tree:
        words.append(found.tree.root.properties.get("compatible", b"").decode("ascii", "replace"))
    return " ".join(words)

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
from hardboot.suggest import boot_loads, bootloader_families, kernel_log
from hardboot.suggest.boot_loads import RAMDISK
from hardboot.suggest.findings import Findings
from hardboot.suggest.kernel_log import LOG_MEMORY
from hardboot.suggest.stated import Stated

_HOLE = re.compile(r"kexec|hardboot", re.IGNORECASE)  # nodes such as kexec_hardboot-hole, kexechb_region
_IOMEM_LINE = re.compile(r"^ *([0-9a-f]{1,16})-([0-9a-f]{1,16}) : (.+)$", re.MULTILINE)
_RAMOOPS = "ramoops, as the running kernel has it: tree, /proc/iomem or log"
_OLD_RAMOOPS = "ramoops, as the previous kernel's log has it; the running one may have another"
_LOG = "the running kernel's log"
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
        logged_pages: Addresses at which the running kernel's log says that it reserved a hardboot page.
        previous_pages: The same of the previous kernel's log: the running one may be another.
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
    previous_pages: tuple[int, ...]
    header: BootHeader | None
    doubtful: tuple[tuple[Range, str], ...]
    notes: tuple[str, ...]


def gather_memory_facts(found: Findings) -> MemoryFacts:
    """Collect everything about the RAM that a phone's files say."""
    notes = list(found.notes)
    banks, source, live = _banks(found, notes)
    named = [Stated(one, "verified", "/proc/iomem: inside System RAM") for one in live.reserved]
    logged = [Stated(one, "verified", _LOG) for one in kernel_log.reserved_memory(found.text("dmesg"))]
    in_tree = _reserved_in_tree(found.tree, notes)
    reserved = [*named[:_MOST_RESERVED], *in_tree, *logged[:_MOST_RESERVED]]
    holes = tuple(
        dict.fromkeys(
            one.range for one in reserved if _HOLE.search(one.range.name) and one.range.size <= _MOST_PAGE
        )
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
    log_nodes = [one.range for one in reserved if LOG_MEMORY.search(one.range.name)]
    ramoops = _merged([*_ramoops(found), *log_nodes])
    previous = _merged(subtract(kernel_log.log_memory(found.text("last_kmsg")), ramoops))
    logs = [Stated(Range(one.start, one.end, "ramoops"), "verified", _RAMOOPS) for one in ramoops]
    logs += [Stated(Range(one.start, one.end, "ramoops"), "inferred", _OLD_RAMOOPS) for one in previous]
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
        ramoops=(*ramoops, *previous),
        holes=holes,
        logged_pages=kernel_log.hardboot_pages(found.text("dmesg")),
        previous_pages=kernel_log.hardboot_pages(found.text("last_kmsg")),
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
        if LOG_MEMORY.search(name) and int(start, 16) <= int(last, 16):
            yield Range(int(start, 16), int(last, 16) + 1)
    yield from kernel_log.log_memory(found.text("dmesg"))


def _merged(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """Return the ranges sorted, those that touch joined, without empty ones and names."""
    found: list[Range] = []
    for one in sorted(one for one in ranges if one.size):
        if found and one.start <= found[-1].end:
            found[-1] = Range(found[-1].start, max(one.end, found[-1].end))
        else:
            found.append(Range(one.start, one.end))
    return tuple(found)


def _soc_words(found: Findings) -> str:
    """Return everything that names the SoC."""
    names = ("ro.board.platform", "ro.hardware", "ro.product.board", "ro.soc.model", "ro.chipname")
    words = [found.properties.get(name, "") for name in names]
    if found.tree:
        words.append(found.tree.root.properties.get("compatible", b"").decode("ascii", "replace"))
    return " ".join(words)

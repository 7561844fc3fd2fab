"""Find each place of the feature in a tree, whoever wrote it, by what kernels must do for it.

Tried on the public trees listed in docs/kernel-patches-test-record.md.
"""

import bisect
import re
from collections.abc import Container
from itertools import pairwise

from hardboot.patches.candidates import Candidates, PlaceFinding
from hardboot.patches.constants import MAGIC, Constants, evaluate, hex_list
from hardboot.patches.series import Place
from hardboot.patches.source import SourceFile

_PATTERNS: dict[Place, str] = {
    "flag": r"^[ \t]*#[ \t]*define[ \t]+KEXEC_HARDBOOT[ \t]",
    "kimage": r"\bhardboot\b[ \t]*(?::[ \t]*1[ \t]*)?;",
    "load": r"->[ \t]*hardboot[ \t]*=",
    "prepare": r"->[ \t]*hardboot\b",
    "relocation": MAGIC,
    "decompressor": MAGIC,
    "kconfig": r"^[ \t]*(?:menu)?config[ \t]+KEXEC_HARDBOOT(?:_64|_ARM64|_SUPPORT)?[ \t]*$",
}
_RESERVES = r"\bmemblock_\w+[ \t]*\(|reserve\w*[ \t]*\(|\bKEXEC_HB_PAGE_ADDR\b"
_LARGEST = 64 << 20  # bytes of a reserved region; banks of RAM are larger
_NEAR = 1200  # characters from the name of the feature to the call
_CELLS = re.compile(r"\breg(?:ion)?\b[ \t]*=[^;]{0,400};|memblock[\w-]*[ \t]*=[^;]{0,400};")
_RESERVED = r"reserve|no-map|remove|ramoops|memblock|(?i:hardboot|kexec_?hb)"
# What relocation code uses to reset: Qualcomm's PS_HOLD, Tegra's PMC, the two calls of PSCI.
_RESETS = (
    r"PS_?HOLD|_TLMM_PHYS|_PMC_BASE|\b__(?:SMC|HVC)\(|^[ \t]*(?:smc|hvc)[ \t]|RESET_ADDR|SW_?RESET|SW_?RST"
)

# In our own series reservation and reset are in files of their own.
_OURS = _PATTERNS | {
    "reservation": r"\bkexec_hardboot_reserve[ \t]*\(",
    "reset": rf"\bkexec_hardboot_hook[ \t]*=|{_RESETS}",
}


def usual_files(candidates: Candidates, place: Place) -> tuple[str, ...]:
    """Return the files where a place usually is, as far as they exist; none if it may be anywhere."""
    base = f"arch/{candidates.arch}"
    files: dict[str, tuple[str, ...]] = {
        "flag": ("include/uapi/linux/kexec.h", "include/linux/kexec.h"),
        "kimage": ("include/linux/kexec.h",),
        "load": ("kernel/kexec.c", "kernel/kexec_core.c"),
        "prepare": (f"{base}/kernel/machine_kexec.c",),
        "relocation": candidates.writers,
        "decompressor": (candidates.entry,),
        "kconfig": (f"{base}/Kconfig", "arch/Kconfig", "kernel/Kconfig.kexec"),
    }
    return tuple(path for path in files.get(place, ()) if candidates.tree.has(path))


def find_line_of_ours(place: Place, file: SourceFile, ours: Container[bytes]) -> int:
    """Return the line, from 1, of `file` that is the place and one of `ours`; 0 if there is none."""
    for match in re.finditer(_OURS[place], file.code, re.MULTILINE):
        line = file.line_at(match.start())
        if file.line(line).strip().encode("latin-1") in ours:
            return line
    return 0


def find_places(candidates: Candidates, constants: Constants) -> dict[Place, PlaceFinding]:
    """Find the places of the feature that are in the tree."""
    found: dict[Place, PlaceFinding] = {}
    for place, pattern in _PATTERNS.items():
        for file in candidates.files(*usual_files(candidates, place)):
            line = file.find(pattern)
            if line and place not in found:
                found[place] = PlaceFinding(file.path, line)
    if found:  # the others may be in many files: search them only if there is something to find
        reservation, reset = _find_reservation(candidates, constants), _find_reset(candidates)
        if reservation:
            found["reservation"] = reservation
        if reset:
            found["reset"] = reset
    return found


def _find_reservation(candidates: Candidates, constants: Constants) -> PlaceFinding | None:
    """Find what keeps the page from the kernel's allocator: a board file, or a node of a device tree."""
    for file in candidates.boards:
        calls = [match.start() for match in re.finditer(_RESERVES, file.code)]
        pairs = []
        for match in re.finditer(r"(?i:hardboot|kexec_hb)", file.code):
            following = bisect.bisect_left(calls, match.end())
            if following < len(calls) and calls[following] - match.end() < _NEAR:
                pairs.append((calls[following] - match.end(), match.end(), calls[following]))
        if pairs:
            _, name, call = min(pairs)
            return PlaceFinding(
                file.path, file.line_at(call), note=_other_page(constants, file.code[name:call])
            )
    for file in candidates.early_code:
        shared = re.search(
            r"\bmemblock_(?:reserve|remove)[ \t]*\([^;]*(?i:hardboot|kexec_hb)[^;]*;", file.code
        )
        if shared:
            return PlaceFinding(file.path, file.line_at(shared.start()))
    pages = constants.pages - {0}
    nodes = (_find_node(file, pages) for file in candidates.device_trees(pages))
    return next(filter(None, nodes), None)


def _other_page(constants: Constants, code: str) -> str:
    """Return a note on a board file that reserves another address than that of the page."""
    pages = constants.pages
    match = re.search(r"\bstart\b[ \t]*=[ \t]*([^;\n]+);", code)
    start = evaluate(match[1]) if match else None
    if start is None or not pages or start in pages:
        return ""
    return f"it reserves {start:#x}, but the page is at {hex_list(pages)}"


def _covers(cells: list[int], pages: set[int]) -> bool:
    """Return whether a region of `cells`, address and size in turn, has a page inside it."""
    regions = pairwise([cell for cell in cells if cell])  # the upper halves of 64-bit cells are 0
    return any(start <= page < start + size <= start + _LARGEST for start, size in regions for page in pages)


def _find_node(file: SourceFile, pages: set[int]) -> PlaceFinding | None:
    """Find a device tree property that covers the page, or else a node named after the feature."""
    for match in _CELLS.finditer(file.code):
        cells = [int(text, 16) for text in re.findall(r"\b0x[0-9a-fA-F]{1,16}\b", match[0])]
        around = file.code[max(0, match.start() - 300) : match.end() + 100]
        if (pages.intersection(cells) or _covers(cells, pages)) and re.search(_RESERVED, around):
            return PlaceFinding(file.path, file.line_at(match.start()))
    line = file.find(r"^[^\n;]*(?i:hardboot|kexec_?hb)[^\n;]*\{")
    note = f"the node does not start at the page ({hex_list(pages)})" if pages else ""
    return PlaceFinding(file.path, line, note=note) if line else None


def _find_reset(candidates: Candidates) -> PlaceFinding | None:
    """Find where the machine is reset: in the hook of the board, else in the relocation code."""
    for file in candidates.boards:
        line = file.find(r"\bkexec_hardboot_hook[ \t]*=[ \t]*&?\w")
        if line:
            return PlaceFinding(file.path, line)
    for file in candidates.files(candidates.relocation):
        line = file.find(_RESETS)
        if line:
            return PlaceFinding(file.path, line, note="the relocation code resets; this tree sets no hook")
    return None

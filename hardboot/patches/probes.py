"""Where hardboot support is in a tree, whoever wrote it: each place of the feature, found by what it means.

Written from what kernels must do for the feature, and tried on the public trees that docs/kernel-patches.md
lists.
"""

import bisect
import re
from collections.abc import Container

from hardboot.patches.constants import MAGIC, Constants, shown, value
from hardboot.patches.look import Look, Spot
from hardboot.patches.series import Place
from hardboot.patches.source import Source

_PATTERNS: dict[Place, str] = {
    "flag": r"^[ \t]*#[ \t]*define[ \t]+KEXEC_HARDBOOT[ \t]",
    "kimage": r"\bhardboot\b[ \t]*(?::[ \t]*1[ \t]*)?;",
    "load": r"->[ \t]*hardboot[ \t]*=",
    "prepare": r"->[ \t]*hardboot\b",
    "relocation": MAGIC,
    "decompressor": MAGIC,
    "kconfig": r"^[ \t]*config[ \t]+KEXEC_HARDBOOT[ \t]*$",
}
_TAKES = r"\bmemblock_\w+[ \t]*\(|reserve\w*[ \t]*\(|\bKEXEC_HB_PAGE_ADDR\b"
_NEAR = 1200  # characters between the name of the feature and the call
_CELLS = re.compile(r"\breg(?:ion)?\b[ \t]*=[^;]{0,400};|memblock[\w-]*[ \t]*=[^;]{0,400};")
_KEPT = r"reserve|no-map|remove|ramoops|memblock|(?i:hardboot|kexec_?hb)"
# What the relocation code touches to reset: Qualcomm's PS_HOLD, Tegra's PMC, PSCI by its two calls.
_RESETS = r"PS_?HOLD|_TLMM_PHYS|_PMC_BASE|\b__(?:SMC|HVC)\(|^[ \t]*(?:smc|hvc)[ \t]|RESET_ADDR"

# The same in our own series, whose reservation and reset are in files of their own.
_OURS = _PATTERNS | {
    "reservation": r"\bkexec_hardboot_reserve[ \t]*\(",
    "reset": rf"\bkexec_hardboot_hook[ \t]*=|{_RESETS}",
}


def usual(look: Look, place: Place) -> tuple[str, ...]:
    """The files a place is in; none if it may be anywhere."""
    base = f"arch/{look.arch}"
    files: dict[str, tuple[str, ...]] = {
        "flag": ("include/uapi/linux/kexec.h", "include/linux/kexec.h"),
        "kimage": ("include/linux/kexec.h",),
        "load": ("kernel/kexec.c", "kernel/kexec_core.c"),
        "prepare": (f"{base}/kernel/machine_kexec.c",),
        "relocation": (look.relocation,),
        "decompressor": (look.entry,),
        "kconfig": (f"{base}/Kconfig", "arch/Kconfig", "kernel/Kconfig.kexec"),
    }
    return tuple(path for path in files.get(place, ()) if look.tree.has(path))


def line_of_ours(place: Place, file: Source, ours: Container[bytes]) -> int:
    """The line, from 1, that makes `file` the place, among the lines `ours`; 0 if there is none."""
    for match in re.finditer(_OURS[place], file.code, re.MULTILINE):
        line = file.line_at(match.start())
        if file.line(line).strip().encode("latin-1") in ours:
            return line
    return 0


def spots(look: Look, constants: Constants) -> dict[Place, Spot]:
    """The places of the feature that are in the tree."""
    found: dict[Place, Spot] = {}
    for place, pattern in _PATTERNS.items():
        for file in look.sources(*usual(look, place)):
            line = file.find(pattern)
            if line and place not in found:
                found[place] = Spot(file.path, line)
    if found:  # the rest is in no fixed file: a search only where there is something to find
        reservation, reset = _reservation(look, constants), _reset(look)
        if reservation:
            found["reservation"] = reservation
        if reset:
            found["reset"] = reset
    return found


def _reservation(look: Look, constants: Constants) -> Spot | None:
    """Where the page is kept from the kernel's allocator: in a board file, or by a node of a device tree."""
    for file in look.boards:
        takes = [match.start() for match in re.finditer(_TAKES, file.code)]
        pairs = []
        for match in re.finditer(r"(?i:hardboot|kexec_hb)", file.code):
            following = bisect.bisect_left(takes, match.end())
            if following < len(takes) and takes[following] - match.end() < _NEAR:
                pairs.append((takes[following] - match.end(), match.end(), takes[following]))
        if pairs:
            _, name, take = min(pairs)
            return Spot(file.path, file.line_at(take), note=_other_page(constants, file.code[name:take]))
    pages = constants.pages - {0}
    nodes = (_node(file, pages) for file in look.device_trees(pages))
    return next(filter(None, nodes), None)


def _other_page(constants: Constants, code: str) -> str:
    """A word on a board file that reserves another address than the record is written to."""
    pages = constants.pages
    match = re.search(r"\bstart\b[ \t]*=[ \t]*([^;\n]+);", code)
    start = value(match[1]) if match else None
    if start is None or not pages or start in pages:
        return ""
    return f"it reserves {start:#x}, the page is at {shown(pages)}"


def _node(file: Source, pages: set[int]) -> Spot | None:
    """A property of a device tree that covers the page, or else a node that is named for it."""
    for match in _CELLS.finditer(file.code):
        cells = {int(text, 16) for text in re.findall(r"\b0x[0-9a-fA-F]{1,16}\b", match[0])}
        around = file.code[max(0, match.start() - 300) : match.end() + 100]
        if cells & pages and re.search(_KEPT, around):
            return Spot(file.path, file.line_at(match.start()))
    line = file.find(r"^[^\n;]*(?i:hardboot|kexec_?hb)[^\n;]*\{")
    note = f"the node does not begin at the page, {shown(pages)}" if pages else ""
    return Spot(file.path, line, note=note) if line else None


def _reset(look: Look) -> Spot | None:
    """Where the machine is reset: the hook of the board, else the relocation code itself."""
    for file in look.boards:
        line = file.find(r"\bkexec_hardboot_hook[ \t]*=[ \t]*&?\w")
        if line:
            return Spot(file.path, line)
    for file in look.sources(look.relocation):
        line = file.find(_RESETS)
        if line:
            return Spot(file.path, line, note="by the relocation code; no hook is set in this tree")
    return None

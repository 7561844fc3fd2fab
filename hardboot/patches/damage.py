"""What a patch that went wrong leaves in a tree, and what cannot work although it looks whole."""

import re
from dataclasses import replace

from hardboot.patches import source
from hardboot.patches.constants import MAGIC, Constants
from hardboot.patches.look import Look, Spot, named_in
from hardboot.patches.source import Source

# No line of C, assembly or a device tree begins like this; a lone + or - may have one blank before it.
_MARKER = re.compile(
    r"^(?:<{7} |={7}$|>{7} |@@ -\d|diff --git |--- [ab]/|\+\+\+ [ab]/"
    r"|[ ]?[-+][ \t]*$|[-+][ \t]*#[a-z]|\+[\t ]+\w)",
    re.MULTILINE,
)
_DEFINE = r"^[ \t]*#[ \t]*define[ \t]+"
_UPDATE_ELFCOREHDR = (6, 6, 0)  # from this version on the flag 0x4 means something else


def examine(look: Look, constants: Constants, place: str, spot: Spot) -> Spot:
    """`spot`, or where and how it is damaged."""
    file = look.source(spot.file)
    if file is None:
        return spot
    broken = leftovers(look, file)
    if broken is None and place in ("relocation", "decompressor"):
        broken = constants.page_fault(file)
    if broken is None and place == "decompressor":
        broken = constants.disagreement(file)
    if broken is None and place == "flag":
        broken = _flag(look, file, spot)
    if broken:
        return broken
    return spot if spot.note else replace(spot, note=_oddity(look, place, file))


def leftovers(look: Look, file: Source) -> Spot | None:
    """Rejected hunks beside `file`; lines of a diff, and braces or conditionals that do not pair, in it."""
    beside = rejected(look, file.path)
    if beside:
        return beside
    found: list[tuple[int, str]] = []
    if file.path.endswith((".c", ".h", ".S", ".dts", ".dtsi")):
        for match in _MARKER.finditer(file.code):
            line = file.line_at(match.start())
            found.append((line, f"a line of a diff was left: {file.line(line).strip()[:30]!r}"))
        if source.open_conditionals(file.code):
            found.append((1, "#if and #endif do not pair"))
    if file.path.endswith((".c", ".h")):
        for line, body in file.functions():
            if named_in(body.encode()) and source.unbalanced(body):
                found.append((line, f"the braces of the function in line {line} do not pair"))
    if not found:
        return None
    return Spot(file.path, found[0][0], "; ".join(text for _, text in found[:3]))


def rejected(look: Look, path: str) -> Spot | None:
    """What patch(1) left beside the file `path`, if it is of this feature."""
    content = look.tree.read(f"{path}.rej")
    if content is None or not named_in(content):
        return None
    return Spot(f"{path}.rej", 1, "hunks of a patch were rejected")


def _flag(look: Look, file: Source, spot: Spot) -> Spot | None:
    match = re.search(
        _DEFINE + r"KEXEC_HARDBOOT[ \t]+\(?(0x[0-9a-fA-F]{1,8}|\d{1,9})\b", file.code, re.MULTILINE
    )
    flag = int(match[1], 0) if match else None
    if flag == 0x4 and look.tree.version() >= _UPDATE_ELFCOREHDR:
        return replace(spot, damage="0x4 means KEXEC_UPDATE_ELFCOREHDR from Linux 6.6 on")
    for other in re.finditer(
        _DEFINE + r"KEXEC_(?!ARCH|FILE|HARDBOOT)(\w+)[ \t]+(0x[0-9a-fA-F]{1,8})\b", file.code, re.MULTILINE
    ):
        if int(other[2], 16) == flag:
            return replace(spot, damage=f"KEXEC_{other[1]} has the same value, {flag:#x}")
    for header in look.sources("include/linux/kexec.h"):
        masks = list(re.finditer(_DEFINE + r"KEXEC_FLAGS\b(?:[^\n]*\\\n)*[^\n]*", header.code, re.MULTILINE))
        if masks and not any("HARDBOOT" in mask[0] for mask in masks):
            return Spot(
                header.path, header.line_at(masks[0].start()), "KEXEC_FLAGS does not let the flag pass"
            )
    return None


def _oddity(look: Look, place: str, file: Source) -> str:
    if look.tree.has(f"{file.path}.orig"):
        return f"a patch left {file.path}.orig"
    if look.arch == "arm" and place == "decompressor":
        start = file.find(r"^start:")
        if file.find(MAGIC) < start:
            return f"it stands before the entry in line {start}: nothing runs it"
    if look.arch == "arm" and place == "relocation":
        copy = file.find(r"\bldr[ \t]+\w+,[ \t]*kexec_indirection_page\b")
        if 0 < file.find(r"\bldr[ \t]+\w+,[ \t]*kexec_hardboot\b") < copy:
            return f"it leaves before the segments are copied in line {copy}"
    return ""

"""Find damage: leftovers of a patch that failed, and code that is complete but cannot work."""

import re
from dataclasses import replace

from hardboot.patches import source
from hardboot.patches.candidates import Candidates, PlaceFinding, mentions_feature
from hardboot.patches.constants import MAGIC, Constants
from hardboot.patches.series import Place
from hardboot.patches.source import SourceFile

# No line of C, assembly or a device tree begins like this; a lone + or - may have one space before it.
_MARKER = re.compile(
    r"^(?:<{7} |={7}$|>{7} |@@ -\d|diff --git |--- [ab]/|\+\+\+ [ab]/"
    r"|[ ]?[-+][ \t]*$|[-+][ \t]*#[a-z]|\+[\t ]+\w)",
    re.MULTILINE,
)
_DEFINE = r"^[ \t]*#[ \t]*define[ \t]+"
_UPDATE_ELFCOREHDR = (6, 6, 0)  # since this version 0x4 is KEXEC_UPDATE_ELFCOREHDR


def find_damage(
    candidates: Candidates, constants: Constants, place: Place, finding: PlaceFinding
) -> PlaceFinding:
    """Return where and how `place`, found at `finding`, is damaged; if it is not, `finding` with any note."""
    file = candidates.file(finding.file)
    if file is None:
        return finding
    broken = leftovers(candidates, file)
    if broken is None and place in ("relocation", "decompressor"):
        broken = constants.page_problem(file)
    if broken is None and place == "decompressor":
        broken = constants.reader_problem(file)
    if broken is None and place == "flag":
        broken = _flag_problem(candidates, file, finding)
    if broken:
        return broken
    return finding if finding.note else replace(finding, note=_oddity(candidates, place, file))


def leftovers(candidates: Candidates, file: SourceFile) -> PlaceFinding | None:
    """Return rejected hunks beside `file`, or lines of a diff and unbalanced braces or conditionals in it."""
    beside = rejected(candidates, file.path)
    if beside:
        return beside
    found: list[tuple[int, str]] = []
    if file.path.endswith((".c", ".h", ".S", ".dts", ".dtsi")):
        for match in _MARKER.finditer(file.code):
            line = file.line_at(match.start())
            found.append((line, f"leftover line of a diff: {file.line(line).strip()[:30]!r}"))
        if source.open_conditionals(file.code):
            found.append((1, "#if and #endif are unbalanced"))
    if file.path.endswith((".c", ".h")):
        for line, body in file.functions():
            if mentions_feature(body.encode()) and source.unbalanced_braces(body):
                found.append((line, f"the braces of the function at line {line} are unbalanced"))
    if not found:
        return None
    return PlaceFinding(file.path, found[0][0], "; ".join(text for _, text in found[:3]))


def rejected(candidates: Candidates, path: str) -> PlaceFinding | None:
    """Return the hunks of this feature that patch(1) rejected for the file `path`."""
    content = candidates.tree.read(f"{path}.rej")
    if content is None or not mentions_feature(content):
        return None
    return PlaceFinding(f"{path}.rej", 1, "patch(1) rejected hunks")


def _flag_problem(candidates: Candidates, file: SourceFile, finding: PlaceFinding) -> PlaceFinding | None:
    match = re.search(
        _DEFINE + r"KEXEC_HARDBOOT[ \t]+\(?(0x[0-9a-fA-F]{1,8}|\d{1,9})\b", file.code, re.MULTILINE
    )
    flag = int(match[1], 0) if match else None
    if flag == 0x4 and candidates.tree.version() >= _UPDATE_ELFCOREHDR:
        return replace(finding, damage="0x4 is KEXEC_UPDATE_ELFCOREHDR since Linux 6.6")
    for other in re.finditer(
        _DEFINE + r"KEXEC_(?!ARCH|FILE|HARDBOOT)(\w+)[ \t]+(0x[0-9a-fA-F]{1,8})\b", file.code, re.MULTILINE
    ):
        if int(other[2], 16) == flag:
            return replace(finding, damage=f"KEXEC_{other[1]} has the same value, {flag:#x}")
    for header in candidates.files("include/linux/kexec.h"):
        masks = list(re.finditer(_DEFINE + r"KEXEC_FLAGS\b(?:[^\n]*\\\n)*[^\n]*", header.code, re.MULTILINE))
        if masks and not any("HARDBOOT" in mask[0] for mask in masks):
            return PlaceFinding(
                header.path, header.line_at(masks[0].start()), "KEXEC_FLAGS does not include the flag"
            )
    return None


def _oddity(candidates: Candidates, place: Place, file: SourceFile) -> str:
    if candidates.tree.has(f"{file.path}.orig"):
        return f"patch(1) left {file.path}.orig"
    if candidates.arch == "arm" and place == "decompressor":
        start = file.find(r"^start:")
        if file.find(MAGIC) < start:
            return f"it is before the entry point at line {start}, so it never runs"
    if candidates.arch == "arm" and place == "relocation":
        copy = file.find(r"\bldr[ \t]+\w+,[ \t]*kexec_indirection_page\b")
        if 0 < file.find(r"\bldr[ \t]+\w+,[ \t]*kexec_hardboot\b") < copy:
            return f"it resets before the segments are copied at line {copy}"
    return ""

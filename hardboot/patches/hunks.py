"""Apply one file's hunks to its content: exactly, or not at all.

A hunk applies where every one of its old lines stands, byte for byte; there is no fuzz. If that is not at its
own line but at exactly one other, it applies there, and the offset is reported. Pure: bytes in, bytes out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hardboot.patches.unified import FilePatch, Hunk, split_lines

_SHOWN = 60  # characters of a line in a message


@dataclass(frozen=True, slots=True)
class Patched:
    """The file's new content; None if it is deleted. `offsets`: (hunk from 1, lines off), without zeros."""

    content: bytes | None
    offsets: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Why a patch does not apply: the hunk from 1 (0: the file as a whole), the line from 1, and in words."""

    hunk: int
    line: int
    reason: str


def patch_content(content: bytes | None, patch: FilePatch) -> Patched | Mismatch:
    """Return what `patch` makes of a file's `content` (None: no such file), or why it does not apply."""
    if patch.creates and content is not None:
        return Mismatch(0, 0, "the file already exists")
    if not patch.creates and content is None:
        return Mismatch(0, 0, "no such file")
    lines = split_lines(content or b"")
    result: list[bytes] = []
    offsets: list[tuple[int, int]] = []
    done, offset = 0, 0
    for number, hunk in enumerate(patch.hunks, 1):
        index = locate(lines, hunk, done, offset)
        if isinstance(index, Mismatch):
            return replace(index, hunk=number)
        offset = index - hunk.index
        if offset:
            offsets.append((number, offset))
        result += lines[done:index]
        result += hunk.new
        done = index + len(hunk.old)
    result += lines[done:]
    if patch.deletes:
        if result:
            return Mismatch(0, 1, "the file has more lines than the patch deletes")
        return Patched(None)
    return Patched(b"".join(result), tuple(offsets))


def locate(lines: Sequence[bytes], hunk: Hunk, first: int, offset: int) -> int | Mismatch:
    """Return the index in `lines` where `hunk` applies, not below `first`; expected `offset` lines off."""
    size = len(hunk.old)
    if not size:
        return Mismatch(0, 1, "the file is not empty") if lines else 0
    # diff gives less context on one side only at an end of the file: such a hunk belongs there. So does one
    # that names line 1 or has no context at its end (git apply and GNU patch without fuzz judge likewise).
    last = len(lines) - size
    at_start = hunk.old_start == 1 or hunk.leading < hunk.trailing
    at_end = hunk.trailing == 0 or hunk.trailing < hunk.leading
    low = max(first, last) if at_end else first
    high = min(0, last) if at_start else last
    old = list(hunk.old)
    expected = hunk.index + offset
    if low <= expected <= high and lines[expected : expected + size] == old:
        return expected
    found = [i for i in range(low, high + 1) if lines[i] == old[0] and lines[i : i + size] == old]
    if len(found) == 1:
        return found[0]
    if found:
        where = ", ".join(str(index + 1) for index in found[:3])
        return Mismatch(
            0, expected + 1, f"it matches at more than one place (lines {where}), but not at its own line"
        )
    return _difference(lines, hunk, max(expected, 0))


def _difference(lines: Sequence[bytes], hunk: Hunk, start: int) -> Mismatch:
    """Return the first line that differs if `hunk` is laid over `lines` from the index `start` on."""
    for index, wanted in enumerate(hunk.old, start):
        if index >= len(lines):
            return Mismatch(0, index + 1, f"the file ends here, expected {_show(wanted)}")
        if lines[index] != wanted and lines[index].split() == wanted.split():
            return Mismatch(0, index + 1, _blanks(lines[index], wanted))
        if lines[index] != wanted:
            return Mismatch(0, index + 1, f"found {_show(lines[index])}, expected {_show(wanted)}")
    return Mismatch(
        0, start + 1, "the lines match here, but the hunk belongs at the start or end of the file"
    )


def _blanks(line: bytes, wanted: bytes) -> str:
    """Say in which blanks `line` differs from `wanted`; it has the same words."""
    if line.rstrip(b"\r\n") == wanted.rstrip(b"\r\n"):
        ends = {b"\r\n": "CR LF", b"\n": "LF", b"": "no newline"}
        kinds = [ends.get(text[len(text.rstrip(b"\r\n")) :], "CR") for text in (line, wanted)]
        return f"{_show(line)} ends with {kinds[0]}, expected {kinds[1]}"
    return f"{_show(line)} differs only in blanks or tabs from what is expected"


def _show(line: bytes) -> str:
    text = line.decode(errors="replace").strip()
    if not text:
        return "an empty line"
    text = "".join(char if char.isprintable() else " " for char in text)
    return f'"{text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"}"'

"""Find the lines of each hunk in a patch file that may be damaged.

Pure: lines in, records out.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

HUNK = re.compile(rb"@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@(.*)")
_HEADERS = (b"diff ", b"Index: ", b"@@ -", b"-- \n", b"--\n", b"Only in ", b"=====")
_MAIL = re.compile(rb"From [0-9a-f]{7,64} ")
_MARKS = (b"+", b"-", b" ", b"\\", b"\n")

Counts = tuple[int, int]  # old and new lines


@dataclass(frozen=True, slots=True)
class Body:
    """The lines of a hunk, up to but not including the index `end`; `wanted` says its header, `counts` they.

    Attributes:
        wrapped: It has the wanted counts if lines without a mark belong to the line before.
        certain: `counts` is right: the next hunk of the file begins where it says.
    """

    end: int
    wanted: Counts
    counts: Counts
    wrapped: bool = False
    certain: bool = False


def find_bodies(lines: Sequence[bytes]) -> dict[int, Body]:
    """Return the hunks of a patch by the index of their headers.

    Where the counts of the header fit the lines, the hunk ends there, whatever follows.
    """
    found: dict[int, Body] = {}
    at = 0
    while at < len(lines):
        match = HUNK.match(lines[at])
        if match is None:
            at += 1
            continue
        wanted = int(match[2] or 1), int(match[4] or 1)
        end = _fit(lines, at + 1, wanted, wrapped=False)
        wrapped_end = (
            _fit(lines, at + 1, wanted, wrapped=True) if end is None or _goes_on(lines, at, end) else None
        )
        if wrapped_end is not None:
            found[at] = Body(wrapped_end, wanted, wanted, wrapped=True)
        elif end is not None:
            found[at] = Body(end, wanted, wanted)
        else:
            found[at] = _misfit(lines, at, match, wanted)
        at = found[at].end
    return found


def _fit(lines: Sequence[bytes], start: int, wanted: Counts, *, wrapped: bool) -> int | None:
    """Return the index after the lines from `start` on that make the counts `wanted`; None if they do not.

    Lines without a mark are context that has lost its space or, if `wrapped`, the rest of the line before.
    """
    old, new = wanted
    at = start
    while old > 0 or new > 0:
        if at >= len(lines) or _unmarked_header(lines[at]):
            return None
        line = lines[at]
        at += 1
        if line.startswith(b"\\") or (wrapped and not line.startswith(_MARKS)):
            continue
        old -= not line.startswith(b"+")
        new -= not line.startswith(b"-")
    if old or new:
        return None
    # The last line may be wrapped as well, and a note that it has no newline belongs to it.
    while at < len(lines) and (lines[at].startswith(b"\\") or (wrapped and _is_rest(lines[at]))):
        at += 1
    return at


def _goes_on(lines: Sequence[bytes], at: int, end: int) -> bool:
    """Return whether lines without a mark, taken for context, leave one of the hunk at `at` after `end`."""
    unmarked = any(not line.startswith(_MARKS) for line in lines[at + 1 : end])
    return unmarked and end < len(lines) and lines[end].startswith((b" ", b"+"))


def _unmarked_header(line: bytes) -> bool:
    return not line.startswith(b"-") and (line.startswith(_HEADERS) or _MAIL.match(line) is not None)


def _is_rest(line: bytes) -> bool:
    return not line.startswith(_MARKS) and not _unmarked_header(line)


def _misfit(lines: Sequence[bytes], at: int, match: re.Match[bytes], wanted: Counts) -> Body:
    """Return the hunk at `at` up to the next header, without the empty lines before that."""
    end = at + 1
    while end < len(lines):
        following = lines[end + 1] if end + 1 < len(lines) else b""
        names = lines[end].startswith(b"--- ") and following.startswith(b"+++ ")
        if names or lines[end].startswith(_HEADERS) or _MAIL.match(lines[end]):
            break
        end += 1
    after = HUNK.match(lines[end]) if end < len(lines) else None
    while end > at + 1 and lines[end - 1] == b"\n":
        end -= 1
    counts = _counts(lines[at + 1 : end])
    certain = False
    if after is not None:
        # A hunk that lost lines fits what its header says, one whose header was not kept up does not.
        drift = int(after[3]) - int(after[1]) - (int(match[3]) - int(match[1]))
        certain = drift == counts[1] - counts[0] != wanted[1] - wanted[0]
    return Body(end, wanted, counts, certain=certain)


def _counts(body: Sequence[bytes]) -> Counts:
    added = sum(line.startswith(b"+") for line in body)
    removed = sum(line.startswith(b"-") for line in body)
    notes = sum(line.startswith(b"\\") for line in body)
    context = len(body) - added - removed - notes
    return context + removed, context + added

"""Find and repair what copying through web pages and mails has damaged in a patch file.

Pure: bytes in, bytes out.
"""

import re
from dataclasses import dataclass

from hardboot.patches import unified

_HUNK = re.compile(rb"@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@(.*)")
_HEADERS = (b"diff --git ", b"Index: ", b"@@ -", b"-- \n")
_EXTENDED = (b"index ", b"new file mode", b"deleted file mode", b"old mode", b"new mode", b"--- ")
_LOST = "get the patch from another source"
_MODE = {b"--- /dev/null": b"new file mode 100644\n", b"+++ /dev/null": b"deleted file mode 100644\n"}


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault in a patch file; `line` from 1; `repaired`: whether it can be repaired."""

    line: int
    what: str
    repaired: bool = True

    def __str__(self) -> str:
        """Return line and fault, for messages."""
        return f"line {self.line}: {self.what}"


@dataclass(frozen=True, slots=True)
class LintResult:
    """The faults of a patch file, and the file without those that can be repaired."""

    faults: tuple[Fault, ...]
    repaired: bytes

    @property
    def beyond_repair(self) -> tuple[Fault, ...]:
        """The faults that cannot be repaired."""
        return tuple(fault for fault in self.faults if not fault.repaired)


def lint(data: bytes) -> LintResult:
    """Find the faults of the patch `data`, and repair those whose repair is certain."""
    return _Linter(data).run()


class _Linter:
    def __init__(self, data: bytes) -> None:
        self._faults: list[Fault] = []
        self._out: list[bytes] = []
        self._inserted: list[int] = []  # indices in the output
        first = data.find(b"\r\n")
        if first >= 0:
            count = data.count(b"\r\n")
            self._fault(data.count(b"\n", 0, first), f"{count} lines end with CR LF")
            data = data.replace(b"\r\n", b"\n")
        if data and not data.endswith(b"\n"):
            self._fault(data.count(b"\n"), "the last line has no newline")
            data += b"\n"
        self._lines = unified.split_lines(data)
        self._stripped = self._all_context_stripped()

    def _fault(self, index: int, what: str, *, repaired: bool = True) -> None:
        self._faults.append(Fault(index + 1, what, repaired))

    def run(self) -> LintResult:
        at, drift = 0, 0  # drift: lines by which the new file is longer before this hunk
        header = 0  # index of the file's header in the output
        in_header = False  # between `diff --git` and `---`
        while at < len(self._lines):
            line = self._lines[at]
            match = _HUNK.match(line)
            if match is None:
                if line.startswith(b"diff --git ") or (line.startswith(b"--- ") and not in_header):
                    header, drift = len(self._out), 0
                in_header = line.startswith(b"diff --git ") or (in_header and line.startswith(_EXTENDED))
                following = self._lines[at + 1] if at + 1 < len(self._lines) else b""
                is_name = line.startswith(b"+++ ") and self._lines[at - 1].startswith(b"--- ")
                if is_name and not _HUNK.match(following):
                    self._fault(at + 1, f"the hunk headers (@@) are missing; {_LOST}", repaired=False)
                if is_name or line.startswith(b"--- "):
                    for mark, mode in _MODE.items():
                        if line.startswith(mark):
                            self._add_mode(at, header, mode)
                self._out.append(line)
                at += 1
                continue
            at, drift = self._hunk(at, match, drift)
        self._check_tabs()
        repaired = b"".join(self._out)
        if all(fault.repaired for fault in self._faults):
            try:
                unified.parse(repaired, "")
            except unified.PatchError as error:
                inserted = sum(index < error.line for index in self._inserted)
                self._fault(max(error.line - inserted, 1) - 1, error.fault, repaired=False)
        return LintResult(tuple(sorted(self._faults, key=lambda fault: fault.line)), repaired)

    def _add_mode(self, at: int, header: int, mode: bytes) -> None:
        if not 0 <= header < len(self._out) or not self._out[header].startswith(b"diff --git "):
            return  # not git's format: no modes
        if any(mode.split(b" 1")[0] in line for line in self._out[header:]):
            return
        self._fault(at, f"this line is missing: {mode.decode().strip()}")
        self._out.insert(header + 1, mode)
        self._inserted.append(header + 1)

    def _body(self, start: int) -> int:
        """Return the index after the last line that can belong to a hunk whose first line is `start`."""
        end = start
        while end < len(self._lines):
            line = self._lines[end]
            following = self._lines[end + 1] if end + 1 < len(self._lines) else b""
            if line.startswith(_HEADERS) or (line.startswith(b"--- ") and following.startswith(b"+++ ")):
                break
            end += 1
        return end

    def _hunk(self, at: int, match: re.Match[bytes], drift: int) -> tuple[int, int]:
        """Output the hunk at `at`, repaired; return the index after it, and the new drift."""
        old_start, new_start = int(match[1]), int(match[3])
        wanted = int(match[2] or 1), int(match[4] or 1)
        end = self._body(at + 1)
        counts = _counts(self._lines[at + 1 : end])
        while end > at + 1 and self._lines[end - 1] == b"\n" and counts != wanted:
            end, counts = end - 1, (counts[0] - 1, counts[1] - 1)  # empty lines between two parts of a mail
        body = [self._context(index) for index in range(at + 1, end)]
        if counts != wanted:
            self._fault(
                at,
                f"the hunk header says {wanted[0]} old and {wanted[1]} new lines, "
                f"but the hunk has {counts[0]} and {counts[1]}",
            )
        expected = old_start + drift if counts[0] and counts[1] else new_start
        if new_start != expected:
            self._fault(at, f"the hunk starts at line {expected} of the new file, not at {new_start}")
        head = b"@@ -%d,%d +%d,%d @@" % (old_start, counts[0], expected, counts[1])
        unchanged = counts == wanted and new_start == expected
        self._out.append(self._lines[at] if unchanged else head + match[5] + b"\n")
        self._out += body
        return end, drift + counts[1] - counts[0]

    def _context(self, index: int) -> bytes:
        """Return a line of a hunk, with the space that a context line begins with."""
        line = self._lines[index]
        if line.startswith((b"+", b"-", b"\\")):
            return line
        if line == b"\n" or (line.startswith(b" ") and not self._stripped):
            return line
        self._fault(index, "the space before this context line is missing")
        return b" " + line

    def _all_context_stripped(self) -> bool:
        """Return whether all context lines have lost their space, those that still begin with one too."""
        inside = False
        context: list[bytes] = []
        changed: list[bytes] = []
        for line in self._lines:
            inside = line.startswith(b"@@ -") or (inside and not line.startswith(_HEADERS))
            if inside and line.startswith((b"+", b"-")):
                changed.append(line[1:])
            elif inside and line.strip() and not line.startswith((b"@@ -", b"\\")):
                context.append(line)
        lost = [line for line in context if not line.startswith(b" ")]
        kept = [line for line in context if line.startswith(b" \t")]
        indented = any(line.startswith(b"\t") for line in context)
        if len(lost) > 4 and not kept and not indented and any(line.startswith(b"\t") for line in changed):
            index = self._lines.index(lost[0])
            self._fault(index, f"the context lines have lost their tabs; {_LOST}", repaired=False)
        return bool(lost) and not kept

    def _check_tabs(self) -> None:
        """Report lost tabs: kernel sources are indented with tabs."""
        indented = [
            line for line in self._out if line[:1] in (b"+", b"-", b" ") and line[1:].startswith(b"       ")
        ]
        if len(indented) > 4 and not any(b"\t" in line for line in self._out):
            index = self._out.index(indented[0])
            self._fault(index, f"tabs have become spaces; {_LOST}", repaired=False)


def _counts(body: list[bytes]) -> tuple[int, int]:
    """Return the numbers of old and new lines of a hunk."""
    added = sum(line.startswith(b"+") for line in body)
    removed = sum(line.startswith(b"-") for line in body)
    notes = sum(line.startswith(b"\\") for line in body)
    context = len(body) - added - removed - notes
    return context + removed, context + added

"""Find and repair what copying through web pages and mails has damaged in a patch file.

What git apply or patch(1) takes as it is, is never changed. Pure: bytes in, bytes out.
"""

import re
from dataclasses import dataclass

from hardboot.patches import other_forms, unified
from hardboot.patches.characters import Suspicious, in_patch
from hardboot.patches.hunk_bodies import HUNK, Body, find_bodies

_EXTENDED = (b"index ", b"new file mode", b"deleted file mode", b"old mode", b"new mode", b"--- ")
_LOST = "get the patch from another source"
_MODE = {b"--- /dev/null": b"new file mode 100644\n", b"+++ /dev/null": b"deleted file mode 100644\n"}
_ENTITIES = {b"&lt;": b"<", b"&gt;": b">", b"&quot;": b'"', b"&#39;": b"'", b"&#039;": b"'", b"&amp;": b"&"}
_ENTITY = re.compile(b"|".join(_ENTITIES))
_ESCAPED_C = re.compile(rb"-&gt;|&amp;&amp;|#[ \t]*include[ \t]+&lt;|&lt;&lt;|\(&amp;|= &amp;")
_CODE_NAME = re.compile(rb"^\+\+\+ \S+\.(?:[chS]|dtsi?)\b", re.MULTILINE)
_UNSURE = 5  # lines with one sign of damage that may be chance


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
    """The faults of a patch file, and the file without those that can be repaired.

    `suspicious` are characters in it that are no fault for git, but deceive who reads it.
    """

    faults: tuple[Fault, ...]
    repaired: bytes
    suspicious: tuple[Suspicious, ...] = ()

    @property
    def beyond_repair(self) -> tuple[Fault, ...]:
        """The faults that cannot be repaired."""
        return tuple(fault for fault in self.faults if not fault.repaired)


def lint(data: bytes) -> LintResult:
    """Find the faults of the patch `data`, and repair those whose repair is certain."""
    return _Linter(data).run()


def _no_hunk(line: bytes) -> str:
    """Return what is wrong with `line`, which is where the first hunk of a file begins."""
    if line.startswith(b"@@@"):
        return "a diff of a merge (git diff --cc) is not supported"
    if line.startswith(b"@@"):
        return "the hunk header (@@) is damaged"
    if line == b"\n":
        return "an empty line is where the hunk header (@@) belongs"
    return "the hunk headers (@@) are missing"


class _Linter:
    def __init__(self, data: bytes) -> None:
        self._faults: list[Fault] = []
        self._out: list[bytes] = []
        self._inserted: list[int] = []  # indices in the output
        self._suspicious = in_patch(data)
        data = self._as_diff(data)
        self._cut = bool(data) and not data.endswith(b"\n")
        data = self._without_cr(data + b"\n" * self._cut)
        data = self._without_entities(data)
        self._lines = unified.split_lines(data)
        self._bodies = find_bodies(self._lines)
        self._stripped = self._all_context_stripped()
        self._check_tabs(data)
        self._check_end()

    def _fault(self, index: int, what: str, *, repaired: bool = True) -> None:
        self._faults.append(Fault(index + 1, what, repaired))

    def _as_diff(self, data: bytes) -> bytes:
        """Return the diff that `data` holds in another form, where that is certain."""
        found = other_forms.find(data)
        if found is None:
            return data
        if found.diff is None:
            self._suspicious = []  # they are not those of a patch
            self._fault(0, f"{found.what}; {found.fix}", repaired=False)
            return data
        self._fault(0, found.what)
        return found.diff

    def _without_cr(self, data: bytes) -> bytes:
        """Remove CR where the headers have it too; a patch to a file with such lines has it in them alone."""
        first = data.find(b"\r\n")
        if first < 0 or not re.search(rb"^@@ -.*\r\n", data, re.MULTILINE):
            return data
        count = data.count(b"\r\n")
        self._fault(data.count(b"\n", 0, first), f"{count} lines end with CR LF")
        return data.replace(b"\r\n", b"\n")

    def _without_entities(self, data: bytes) -> bytes:
        """Replace HTML entities, if all of the file was escaped: then no such character is left in it."""
        escaped = _ESCAPED_C.search(data)
        if escaped is None:
            return data
        certain = not re.search(rb"[<>]|&(?!lt;|gt;|amp;|quot;|#0?39;)", data)
        index = data.count(b"\n", 0, escaped.start())
        what = "characters have become HTML entities (&lt; &gt; &amp;)"
        self._fault(index, what if certain else f"{what}, but not all; {_LOST}", repaired=certain)
        return _ENTITY.sub(lambda entity: _ENTITIES[entity[0]], data) if certain else data

    def run(self) -> LintResult:
        at = 0
        header = 0  # index of the file's header in the output
        in_header = False  # between `diff --git` and `---`
        while at < len(self._lines):
            line = self._lines[at]
            body = self._bodies.get(at)
            if body is None:
                if line.startswith(b"diff --git ") or (line.startswith(b"--- ") and not in_header):
                    header = len(self._out)
                in_header = line.startswith(b"diff --git ") or (in_header and line.startswith(_EXTENDED))
                following = self._lines[at + 1] if at + 1 < len(self._lines) else b""
                is_name = line.startswith(b"+++ ") and self._lines[at - 1].startswith(b"--- ")
                if is_name and not HUNK.match(following):
                    self._fault(at + 1, f"{_no_hunk(following)}; {_LOST}", repaired=False)
                if is_name or line.startswith(b"--- "):
                    for mark, mode in _MODE.items():
                        if line.startswith(mark):
                            self._add_mode(at, header, mode)
                self._out.append(line)
                at += 1
                continue
            self._hunk(at, body)
            at = body.end
        repaired = b"".join(self._out)
        if all(fault.repaired for fault in self._faults):
            try:
                unified.parse(repaired, "")
            except unified.PatchError as error:
                inserted = sum(index < error.line for index in self._inserted)
                self._fault(max(error.line - inserted, 1) - 1, error.fault, repaired=False)
        faults = tuple(sorted(self._faults, key=lambda fault: fault.line))
        return LintResult(faults, repaired, tuple(self._suspicious))

    def _add_mode(self, at: int, header: int, mode: bytes) -> None:
        if not 0 <= header < len(self._out) or not self._out[header].startswith(b"diff --git "):
            return  # not git's format: no modes
        if any(mode.split(b" 1")[0] in line for line in self._out[header:]):
            return
        self._fault(at, f"this line is missing: {mode.decode().strip()}")
        self._out.insert(header + 1, mode)
        self._inserted.append(header + 1)

    def _hunk(self, at: int, body: Body) -> None:
        """Output the hunk whose header is at `at`, repaired."""
        lines = self._lines[at : body.end]
        if body.wrapped:
            self._unwrap(at, lines)
            return
        wanted, counts = body.wanted, body.counts
        if counts != wanted:
            self._fault(
                at,
                f"the hunk header says {wanted[0]} old and {wanted[1]} new lines, "
                f"but the hunk has {counts[0]} and {counts[1]}",
                repaired=body.certain,
            )
            new = rb"@@ -\1,%d +\3,%d @@\5" % counts
            lines[0] = HUNK.sub(new, lines[0])
        self._out.append(lines[0])
        self._out += [self._context(index) for index in range(at + 1, body.end)]

    def _unwrap(self, at: int, lines: list[bytes]) -> None:
        """Output a hunk, joining the lines that a mailer wrapped at a blank which it kept."""
        for index, line in enumerate(lines):
            if index == 0 or line.startswith((b"+", b"-", b" ", b"\\", b"\n")):
                self._out.append(line)
                continue
            certain = self._out[-1].endswith(b" \n")
            what = "this line is the rest of the one before it, wrapped by a mailer"
            self._fault(at + index, what if certain else f"{what}; {_LOST}", repaired=certain)
            self._out[-1] = self._out[-1].removesuffix(b"\n") + line

    def _context(self, index: int) -> bytes:
        """Return a line of a hunk, with the space that a context line begins with."""
        line = self._lines[index]
        if line.startswith((b"+", b"-", b"\\")):
            return line
        if line == b"\n" or (line.startswith(b" ") and not self._stripped):
            return line
        self._fault(index, "the space before this context line is missing")
        return b" " + line

    def _in_hunks(self) -> list[int]:
        return [index for at, body in self._bodies.items() for index in range(at + 1, body.end)]

    def _all_context_stripped(self) -> bool:
        """Return whether all context lines have lost their space, those that still begin with one too."""
        context: list[bytes] = []
        changed: list[bytes] = []
        lost: list[int] = []
        for at, body in self._bodies.items():
            for index in () if body.wrapped else range(at + 1, body.end):
                line = self._lines[index]
                if line.startswith((b"+", b"-")):
                    changed.append(line[1:])
                elif line.strip() and not line.startswith(b"\\"):
                    context.append(line)
                    lost += [index] * (not line.startswith(b" "))
        kept = [line for line in context if line.startswith(b" \t")]
        indented = any(line.startswith(b"\t") for line in context)
        tabs = any(line.startswith(b"\t") for line in changed)
        if len(lost) >= _UNSURE and not kept and not indented and tabs:
            self._fault(lost[0], f"the context lines have lost their tabs; {_LOST}", repaired=False)
        return bool(lost) and not kept

    def _check_tabs(self, data: bytes) -> None:
        """Report lost tabs: kernel sources are indented with tabs, and never with one blank."""
        lines = [(index, self._lines[index]) for index in self._in_hunks()]
        if any(b"\t" in line for _, line in lines):
            return
        marked = [(index, line[1:]) for index, line in lines if line[:1] in (b"+", b"-", b" ")]
        wide = [index for index, text in marked if text.startswith(b"       ")]
        single = [index for index, text in marked if re.match(rb" [^ *\n]", text)]
        if len(wide) >= _UNSURE:
            self._fault(wide[0], f"tabs have become spaces; {_LOST}", repaired=False)
        elif len(single) >= _UNSURE and not self._stripped and _CODE_NAME.search(data):
            self._fault(single[0], f"tabs have become single blanks; {_LOST}", repaired=False)

    def _check_end(self) -> None:
        """Report a hunk whose last line may be cut; the tree shows whether context and removed lines are."""
        last = len(self._lines) - 1
        if not self._cut:
            return
        if all(body.end != last + 1 for body in self._bodies.values()):
            self._lines[last] = self._lines[last].removesuffix(b"\n")  # git does not mind
            return
        added = self._lines[last].startswith(b"+")
        what = "the last line has no newline"
        self._fault(last, f"{what} and may be cut; {_LOST}" if added else what, repaired=not added)

"""Find characters that make source code read otherwise than it compiles.

They change the direction of the text, are invisible, or look like another character.

Pure: bytes in, records out. The characters are those of Unicode's Technical Reports 36 and 55.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

_HIDDEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064"
    "\u2066-\u206f\u3164\ufeff\uffa0\U000e0000-\U000e007f]"
)
_BIDIRECTIONAL = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# Outside comments and strings, C and assembly are ASCII. Bytes that are not UTF-8 are left alone.
_COMMENT = re.compile(
    r"/\*.*?(?:\*/|$)|//.*|@ .*|^(?:(?!/\*|\*/).)*\*/|^\s*\*(?:\s.*)?$|\"(?:[^\"\\]|\\.)*\""
)
_MIXED = re.compile(r"[A-Za-z_]+[\u0370-\u03ff\u0400-\u052f]|[\u0370-\u03ff\u0400-\u052f]+[A-Za-z_]")
_CODE = (".c", ".h", ".S", ".dts", ".dtsi", ".lds")
_MOST = 20  # findings in one file: the first tell enough


@dataclass(frozen=True, slots=True)
class Suspicious:
    """A character that deceives the reader; `line` from 1."""

    line: int
    code_point: int

    def __str__(self) -> str:
        """Return line and code point with its name, for messages."""
        char = chr(self.code_point)
        kind = "invisible" if _HIDDEN.match(char) else "looks like another character"
        if _BIDIRECTIONAL.match(char):
            kind = "changes the direction of the text"
        return f"line {self.line}: U+{self.code_point:04X} {unicodedata.name(char, 'unnamed')} ({kind})"


def in_source(data: bytes, path: str) -> list[Suspicious]:
    """Return the suspicious characters in the source file `path`, the first of each line."""
    if data.isascii():
        return []
    lines = enumerate(data.split(b"\n"), 1)
    found = (_in_code(line, number, path) for number, line in lines if not line.isascii())
    return [item for item in found if item][:_MOST]


def in_patch(data: bytes) -> list[Suspicious]:
    """Return those in a patch, the first of each line.

    In the text of its mails only those count that change the direction of the text.
    """
    return list(_in_patch(data))[:_MOST] if not data.isascii() else []


def _in_patch(data: bytes) -> Iterator[Suspicious]:
    path, in_text = "", True
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.startswith((b"diff --git ", b"--- ", b"+++ ", b"@@ -")):
            in_text = False
            if line.startswith(b"+++ ") or (line.startswith(b"--- ") and not line.startswith(b"--- /dev")):
                path = line[4:].decode(errors="replace").partition("\t")[0].rstrip()
        elif line.rstrip() == b"--" or line.startswith(b"From "):
            in_text = True
        if line.isascii():
            continue
        is_name = line.startswith((b"diff --git ", b"--- ", b"+++ "))
        if in_text:
            match = _BIDIRECTIONAL.search(line.decode(errors="replace"))
            found = Suspicious(number, ord(match[0])) if match else None
        else:
            code = line[line[:1] in (b"+", b"-", b" ") :]
            found = _in_code(code, number, "" if is_name else path)
        if found:
            yield found


def _in_code(line: bytes, number: int, path: str) -> Suspicious | None:
    text = line.decode(errors="surrogateescape")
    match = _HIDDEN.search(text)
    if match:
        return Suspicious(number, ord(match[0]))
    if not path.endswith(_CODE):
        return None
    match = _MIXED.search(text)
    code = match[0] if match else _COMMENT.sub("", text)
    other = next((char for char in code if char > "\x7f" and not "\udc80" <= char <= "\udcff"), "")
    return Suspicious(number, ord(other)) if other else None

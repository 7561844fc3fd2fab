"""Kernel source files without comments and dead code, line for line.

Pure: text in, text out.
"""

import re
from collections.abc import Iterator

# A string or comment that is not closed ends with its line, or with the file: so each is scanned once.
_STRING = r'"(?:\\.|[^"\\\n])*"?'
_PIECES = {
    "c": re.compile(rf"/\*.*?(?:\*/|\Z)|//[^\n]*|{_STRING}|'(?:\\.|[^'\\\n])*'?", re.DOTALL),
    # GNU as for 32-bit ARM: @ begins a comment anywhere in a line.
    "S": re.compile(rf"/\*.*?(?:\*/|\Z)|//[^\n]*|@[^\n]*|{_STRING}", re.DOTALL),
    "kconfig": re.compile(rf"#[^\n]*|{_STRING}"),
}
_DIRECTIVE = re.compile(r"^[ \t]*#[ \t]*(if|ifdef|ifndef|elif|else|endif)\b[ \t]*([^\n]*)", re.MULTILINE)
_HELP = re.compile(r"^[ \t]*(?:---)?help(?:---)?[ \t]*$")
_EDGE = re.compile(r"^(?:(\})|\{[ \t]*$|[A-Za-z_][^\n;]*\)[ \t]*\{[ \t]*$)", re.MULTILINE)  # of functions


class SourceFile:
    """A source file: `text` as it is; `code` the same lines without comments, help texts and `#if 0`."""

    def __init__(self, path: str, data: bytes) -> None:
        """Strip `data`, the content of `path`, whose name tells the language."""
        self.path = path
        self.text = data.decode("latin-1").replace("\r\n", "\n")
        name = path.rpartition("/")[2]
        if name.startswith("Kconfig"):
            self.code = _without_help(_blank(_PIECES["kconfig"], self.text))
        elif name.endswith(("config", ".txt")):
            self.code = self.text
        else:
            self.code = _without_dead(_blank(_PIECES["S" if name.endswith(".S") else "c"], self.text))

    def line_at(self, offset: int) -> int:
        """Return the number, from 1, of the line at `offset` of the code."""
        return line_at(self.code, offset)

    def line(self, number: int) -> str:
        """Return the text of the line `number`, from 1."""
        return self.text.split("\n")[number - 1]

    def find(self, pattern: str) -> int:
        """Return the line, from 1, where `pattern` first matches in the code; 0 if it does not."""
        match = re.search(pattern, self.code, re.MULTILINE)
        return line_at(self.code, match.start()) if match else 0

    def functions(self) -> Iterator[tuple[int, str]]:
        """Yield the first line and the body of every function whose last line is a brace in column 0."""
        start: re.Match[str] | None = None
        line, counted = 1, 0
        for match in _EDGE.finditer(self.code):
            if start is None:
                start = None if match[1] else match
            elif match[1]:
                line += self.code.count("\n", counted, start.start())
                counted = start.start()
                brace_alone = start[0].startswith("{")
                yield line - brace_alone, self.code[start.end() : match.start()]
                start = None


def line_at(text: str, offset: int) -> int:
    """Return the number, from 1, of the line at `offset`."""
    return text.count("\n", 0, offset) + 1


def unbalanced_braces(body: str) -> bool:
    """Return whether the braces of a function are unbalanced, whichever branch of each #if is compiled."""
    return _depth(_branch(body, first=True)) != 0 and _depth(_branch(body, first=False)) != 0


def open_conditionals(code: str) -> int:
    """Count the #if without #endif of a file; negative: #endif without #if."""
    words: list[str] = [match[1] for match in _DIRECTIVE.finditer(code)]
    return sum(word.startswith("if") for word in words) - words.count("endif")


def _blank(pieces: re.Pattern[str], text: str) -> str:
    """Replace comments by spaces; strings stay, so that what looks like a comment in them is none."""

    def blank(match: re.Match[str]) -> str:
        piece = match[0]
        return piece if piece[0] in "\"'" else re.sub(r"[^\n]", " ", piece)

    return pieces.sub(blank, text)


def _without_help(text: str) -> str:
    """Drop the help texts of Kconfig: each ends at the first line indented less than its own first line."""
    lines = text.split("\n")
    depth = 0  # of the current help text; -1: it begins with the next line that is not empty
    for index, line in enumerate(lines):
        indent = len(line.expandtabs()) - len(line.expandtabs().lstrip())
        if depth < 0 and line.strip():
            depth = indent
        if depth and line.strip() and indent < depth:
            depth = 0
        if depth:
            lines[index] = ""
        elif _HELP.match(line):
            depth = -1
    return "\n".join(lines)


def _without_dead(text: str) -> str:
    """Replace the code between `#if 0` and its #else or #endif by spaces."""
    dead: list[tuple[int, int]] = []
    stack: list[int] = []  # for each open #if: where its dead part began, or -1
    for match in _DIRECTIVE.finditer(text):
        word, condition = match[1], match[2].strip()
        if word.startswith("if"):
            stack.append(match.end() if word == "if" and condition == "0" else -1)
        elif stack:
            if stack[-1] >= 0:
                dead.append((stack[-1], match.start()))
            stack[-1] = -1
            if word == "endif":
                stack.pop()
    pieces, done = [], 0
    for start, end in sorted(dead):
        if start >= done:  # not inside another one
            pieces += [text[done:start], re.sub(r"[^\n]", " ", text[start:end])]
            done = end
    return "".join(pieces) + text[done:]


def _branch(body: str, *, first: bool) -> str:
    """Return `body` with one branch of each conditional: that of the #if, or that of the #else."""
    kept: list[str] = []
    taken: list[bool] = []  # for each open #if: whether its current branch is kept
    for line in body.split("\n"):
        match = _DIRECTIVE.match(line)
        if match is None:
            if all(taken):
                kept.append(line)
        elif match[1].startswith("if"):
            taken.append(first)
        elif taken and match[1] == "endif":
            taken.pop()
        elif taken:
            taken[-1] = match[1] == "else" and not first
    return "\n".join(kept)


def _depth(code: str) -> int:
    code = _PIECES["c"].sub("", code)
    return code.count("{") - code.count("}")

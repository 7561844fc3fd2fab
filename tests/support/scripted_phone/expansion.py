"""What a shell makes of words: parameters, $(...), fields, and names of files in place of patterns."""

import re
from abc import abstractmethod
from collections.abc import Generator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from glob import escape

from scripted_phone.calls import System
from scripted_phone.files import Folder
from scripted_phone.streams import Output
from scripted_phone.syntax import Literal, Node, Parameter, Substitution, Word

Text = Generator[float, None, str]


@dataclass
class Expansion:
    """The state of a shell, and its words."""

    system: System
    user: int
    variables: dict[str, str] = field(default_factory=dict)
    functions: dict[str, Node] = field(default_factory=dict)
    arguments: list[str] = field(default_factory=list)
    folder: str = "/"
    code: int = 0
    umask: int | None = None  # None is that of su on some phones: nobody else may read
    keeps_files: bool = False  # `set -C`: > fails on a file that is there

    @abstractmethod
    def substitute(self, body: Node, err: Output) -> Text:
        """Return what $(body) becomes."""

    def path(self, name: str) -> str:
        """`name` as an absolute path."""
        return name if name.startswith("/") else f"{self.folder.rstrip('/')}/{name}"

    def expand(self, words: tuple[Word, ...], err: Output) -> Generator[float, None, list[str]]:
        """Yield the fields that words become: expanded, split, and names of files in place of patterns."""
        found = []
        for word in words:
            for text, pattern in (yield from self._fields(word, err)):
                names = self._glob(pattern) if re.search(r"[*?]|\[(?!\])", _unescaped(pattern)) else []
                found += names or [text]
        return found

    def _fields(self, word: Word, err: Output) -> Generator[float, None, list[tuple[str, str]]]:
        """Yield the fields of one word: each as text, and as a pattern."""
        fields = [("", "")]
        is_there = False
        for part in word:
            quoted = part.quoted
            text = yield from self._part(part, err)
            if quoted or isinstance(part, Literal):
                is_there = True
                pieces = [text]
            else:
                pieces = text.split()
                if text[:1].isspace() and fields[-1][0]:
                    fields.append(("", ""))
            for number, piece in enumerate(pieces):
                if number:
                    fields.append(("", ""))
                as_pattern = escape(piece) if quoted else piece
                fields[-1] = (fields[-1][0] + piece, fields[-1][1] + as_pattern)
            if not quoted and not isinstance(part, Literal) and pieces and text[-1:].isspace():
                fields.append(("", ""))
        kept = [one for one in fields if one[0]]
        return kept or ([("", "")] if is_there else [])

    def text(self, word: Word, err: Output) -> Text:
        """Return a word as one text, not split."""
        found = ""
        for part in word:
            found += yield from self._part(part, err)
        return found

    def _pattern(self, word: Word, err: Output) -> Text:
        found = ""
        for part in word:
            text = yield from self._part(part, err)
            found += escape(text) if part.quoted else text
        return found

    def _part(self, part: Literal | Parameter | Substitution, err: Output) -> Text:
        if isinstance(part, Literal):
            return part.text
        if isinstance(part, Parameter):
            value = self._variable(part.name)
            if part.operator == ":-":
                return value or (yield from self.text(part.word, err))
            pattern = yield from self._pattern(part.word, err)
            return _trimmed(value, part.operator, pattern)
        return (yield from self.substitute(part.body, err))

    def _variable(self, name: str) -> str:
        if name == "?":
            return str(self.code)
        if name == "#":
            return str(len(self.arguments))
        if name in "@*":
            return " ".join(self.arguments)
        if name.isdecimal():
            number = int(name)
            return (["sh", *self.arguments] + [""] * (number + 1))[number]
        return self.variables.get(name, "")

    def _glob(self, pattern: str) -> list[str]:
        """Return the names that fit a pattern, part by part, as they would be written."""
        absolute = self.path(pattern)
        wanted = [part for part in absolute.split("/") if part]
        prefix = "" if pattern.startswith("/") else f"{self.folder.rstrip('/')}/"
        tail = "/" if pattern.endswith("/") else ""
        found = [""]
        for part in wanted:
            next_found = []
            for folder in found:
                if any(char in part for char in "*?["):
                    names = [
                        name for name in self.system.files.names(folder or "/") if fnmatchcase(name, part)
                    ]
                    next_found += [f"{folder}/{name}" for name in names]
                elif self.system.files.find(f"{folder}/{part}") is not None:
                    next_found.append(f"{folder}/{part}")
            found = next_found
        if tail:
            found = [path for path in found if isinstance(self.system.files.find(path), Folder)]
        return [path.removeprefix(prefix) + tail for path in found]


def _unescaped(pattern: str) -> str:
    """`pattern` without what glob.escape() made of quoted characters."""
    return re.sub(r"\[[*?\[]\]", "", pattern)


def _trimmed(value: str, operator: str, pattern: str) -> str:
    lengths = range(len(value) + 1)
    if operator.startswith("%"):
        for length in lengths if operator == "%" else reversed(lengths):
            if fnmatchcase(value[len(value) - length :], pattern):
                return value[: len(value) - length]
    elif operator.startswith("#"):
        for length in lengths if operator == "#" else reversed(lengths):
            if fnmatchcase(value[:length], pattern):
                return value[length:]
    return value

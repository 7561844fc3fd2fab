"""A small POSIX shell: runs what `syntax` reads, with the programs it is given."""

import errno
import re
import shlex
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from glob import escape
from typing import Protocol

from scripted_phone.clock import FOREVER, Clock, Steps
from scripted_phone.faults import Fault
from scripted_phone.files import FileSystem, Folder, failure, may
from scripted_phone.streams import Collected, Input, Opened, Output
from scripted_phone.syntax import (
    AndOr,
    Compound,
    Function,
    Literal,
    Node,
    Parameter,
    Pipeline,
    Redirect,
    Sequence,
    Simple,
    SyntaxProblem,
    Word,
    parse,
)

Fields = Generator[float, None, list[str]]


class Exit(Exception):
    """The shell, or a function of it, ends with this code."""

    def __init__(self, code: int) -> None:
        self.code = code


class Return(Exit):
    """A function ends."""


class Killed(Exit):
    """The shell is killed, and with it the one it is in."""


@dataclass
class Call:
    """A program that runs: its words, and what it reads and prints."""

    shell: "Shell"
    words: list[str]
    stdin: Input
    out: Output
    err: Output
    fault: Fault

    @property
    def user(self) -> int:
        return self.shell.user

    @property
    def files(self) -> FileSystem:
        return self.shell.system.files

    def fail(self, subject: str, error: OSError, code: int = 1) -> int:
        """Print an error as programs of a phone do; returns `code`."""
        name = self.words[0].rpartition("/")[2]
        self.err.write(f"{name}: {subject}: {error.strerror}\n".encode())
        return code


Program = Callable[[Call], "int | Steps"]


class System(Protocol):
    """The phone as its shells know it."""

    files: FileSystem
    clock: Clock
    epoch: int

    def program(self, name: str, user: int) -> Program:
        """The program called `name`. Raises OSError if there is none."""

    def happens(self, event: str) -> Fault:
        """Note an event; returns what goes wrong with it."""


@dataclass
class Shell:
    """One shell, or a subshell."""

    system: System
    user: int
    variables: dict[str, str] = field(default_factory=dict)
    functions: dict[str, Node] = field(default_factory=dict)
    arguments: list[str] = field(default_factory=list)
    folder: str = "/"
    code: int = 0

    def subshell(self) -> "Shell":
        """A shell that begins with what this one has."""
        return replace(
            self,
            variables=dict(self.variables),
            functions=dict(self.functions),
            arguments=list(self.arguments),
        )

    def script(self, text: str, stdin: Input, out: Output, err: Output) -> Steps:
        """Run the script `text`; the steps return its exit code."""
        try:
            return (yield from self.run(parse(text), stdin, out, err))
        except SyntaxProblem as problem:
            err.write(f"sh: syntax error: {problem}\n".encode())
            return 2
        except Killed:
            raise
        except Exit as end:
            return end.code

    def path(self, name: str) -> str:
        """`name` as an absolute path."""
        return name if name.startswith("/") else f"{self.folder.rstrip('/')}/{name}"

    # Commands

    def run(self, node: Node, stdin: Input, out: Output, err: Output) -> Steps:
        """Run a tree; the steps return its exit code."""
        if isinstance(node, Simple):
            self.code = yield from self._simple(node, stdin, out, err)
        elif isinstance(node, Sequence):
            self.code = 0 if not node.commands else self.code
            for command, background in node.commands:
                if background:
                    steps = self._inside(command, stdin, out, err)
                    self.variables["!"] = str(self.system.clock.start("background", steps).pid)
                    self.code = 0
                else:
                    yield from self.run(command, stdin, out, err)
        elif isinstance(node, AndOr):
            yield from self.run(node.first, stdin, out, err)
            for operator, command in node.others:
                if (self.code == 0) == (operator == "&&"):
                    yield from self.run(command, stdin, out, err)
        elif isinstance(node, Pipeline):
            for command in node.commands[:-1]:
                pipe = Collected()
                yield from self._inside(command, stdin, pipe, err)
                stdin = Input(data=bytes(pipe.data))
            last = node.commands[-1]
            whole = self.run if len(node.commands) == 1 else self._inside
            self.code = yield from whole(last, stdin, out, err)
            if node.negated:
                self.code = int(not self.code)
        elif isinstance(node, Function):
            self.functions[node.name] = node.body
            self.code = 0
        else:
            try:
                stdin, out, err = yield from self._redirected(node.redirects, stdin, out, err)
            except OSError as error:
                err.write(f"sh: {error.filename}: {error.strerror}\n".encode())
                self.code = 1
                return self.code
            self.code = yield from self._compound(node, stdin, out, err)
        return self.code

    def _inside(self, node: Node, stdin: Input, out: Output, err: Output) -> Steps:
        """Run in a subshell."""
        shell = self.subshell()
        try:
            return (yield from shell.run(node, stdin, out, err))
        except Killed as end:
            return end.code
        except Exit as end:
            return end.code

    def _compound(self, node: Compound, stdin: Input, out: Output, err: Output) -> Steps:
        (condition, body) = node.branches[0] if node.branches else (None, Sequence(()))
        if node.kind == "{":
            return (yield from self.run(body, stdin, out, err))
        if node.kind == "(":
            return (yield from self._inside(body, stdin, out, err))
        if node.kind == "if":
            for condition, body in node.branches:
                if condition is None or (yield from self.run(condition, stdin, out, err)) == 0:
                    return (yield from self.run(body, stdin, out, err))
            return 0
        code = 0
        if node.kind in ("while", "until"):
            assert condition
            wanted = node.kind == "while"
            while ((yield from self.run(condition, stdin, out, err)) == 0) == wanted:
                code = yield from self.run(body, stdin, out, err)
        elif node.kind == "for":
            for value in (yield from self._expand(node.words, err)):
                self.variables[node.name] = value
                code = yield from self.run(body, stdin, out, err)
        else:
            value = yield from self._text(node.words[0], err)
            for patterns, branch in node.cases:
                for pattern in patterns:
                    if fnmatchcase(value, (yield from self._pattern(pattern, err))):
                        return (yield from self.run(branch, stdin, out, err))
        return code

    def _simple(self, node: Simple, stdin: Input, out: Output, err: Output) -> Steps:
        words = yield from self._expand(node.words, err)
        code = 0
        for name, word in node.assignments:
            self.code = 0
            self.variables[name] = yield from self._text(word, err)
            code = self.code  # of the last $(...)
        try:
            stdin, out, err = yield from self._redirected(node.redirects, stdin, out, err)
        except OSError as error:
            err.write(f"sh: {error.filename}: {error.strerror}\n".encode())
            return 1
        if not words:
            return code
        if words[0] in self.functions:
            outer, self.arguments = self.arguments, words[1:]
            try:
                return (yield from self.run(self.functions[words[0]], stdin, out, err))
            except Return as end:
                return end.code
            finally:
                self.arguments = outer
        builtin = _BUILTINS.get(words[0])
        if builtin:
            return builtin(self, words, stdin)
        if words[0] == "exec":
            raise Exit((yield from self.call(words[1:], stdin, out, err)))
        return (yield from self.call(words, stdin, out, err))

    def call(self, words: list[str], stdin: Input, out: Output, err: Output) -> Steps:
        """Run one program, with what goes wrong with it; the steps return its exit code."""
        event = shlex.join(words) if any(not word for word in words) else " ".join(words)
        event += f" <{stdin.name}" if stdin.name else ""
        event += f" >{out.name}" if out.name else ""
        fault = self.system.happens(event)
        epoch = self.system.epoch
        fault.before()
        if epoch != self.system.epoch:
            yield FOREVER  # the phone went down
        if fault.hangs_s:
            yield fault.hangs_s
        if fault.code is not None:
            err.write(fault.says.encode())
            code = fault.code
        elif words[0] != "dd" and (fault.alters or fault.most is not None):
            kept = Collected()
            code = yield from self._program(Call(self, words, stdin, kept, err, fault))
            data = bytes(kept.data)[: fault.most]
            out.write(fault.alters(data) if fault.alters else data)
        else:
            code = yield from self._program(Call(self, words, stdin, out, err, fault))
        fault.after()
        if fault.kills_shell:
            raise Killed(137)
        return code

    def _program(self, call: Call) -> Steps:
        name = call.words[0]
        try:
            program = self.system.program(self.path(name) if "/" in name else name, self.user)
        except OSError as error:
            missing = error.errno == errno.ENOENT
            call.err.write(f"sh: {name}: {'not found' if missing else error.strerror}\n".encode())
            return 127 if missing else 126
        try:
            result = program(call)
            return result if isinstance(result, int) else (yield from result)
        except OSError as error:
            return call.fail(error.filename or "write error", error)

    # Words

    def _expand(self, words: tuple[Word, ...], err: Output) -> Fields:
        """The fields that words become: expanded, split, and names of files in place of patterns."""
        found = []
        for word in words:
            for text, pattern in (yield from self._fields(word, err)):
                names = self._glob(pattern) if re.search(r"[*?]|\[(?!\])", _unescaped(pattern)) else []
                found += names or [text]
        return found

    def _fields(self, word: Word, err: Output) -> Generator[float, None, list[tuple[str, str]]]:
        """The fields of one word: each as text, and as a pattern."""
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

    def _text(self, word: Word, err: Output) -> Generator[float, None, str]:
        """A word as one text, not split."""
        found = ""
        for part in word:
            found += yield from self._part(part, err)
        return found

    def _pattern(self, word: Word, err: Output) -> Generator[float, None, str]:
        found = ""
        for part in word:
            text = yield from self._part(part, err)
            found += escape(text) if part.quoted else text
        return found

    def _part(self, part: object, err: Output) -> Generator[float, None, str]:
        if isinstance(part, Literal):
            return part.text
        if isinstance(part, Parameter):
            value = self._variable(part.name)
            if part.operator == ":-":
                return value or (yield from self._text(part.word, err))
            pattern = yield from self._pattern(part.word, err)
            return _trimmed(value, part.operator, pattern)
        kept = Collected()
        self.code = yield from self._inside(part.body, Input(), kept, err)  # type: ignore[attr-defined]
        return kept.data.decode(errors="replace").rstrip("\n")

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
        """The names that fit a pattern, part by part, as they would be written."""
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

    # Redirections

    def _redirected(
        self, redirects: tuple[Redirect, ...], stdin: Input, out: Output, err: Output
    ) -> Generator[float, None, tuple[Input, Output, Output]]:
        outputs = {1: out, 2: err}
        for one in redirects:
            target = yield from self._text(one.target, err)
            try:
                if one.operator == "<":
                    node = self.system.files.open(self.path(target), self.user)
                    stdin = Input(self.path(target), node.read())
                elif one.operator == ">&":
                    outputs[one.descriptor] = outputs[int(target)]
                else:
                    outputs[one.descriptor] = self.opened(self.path(target), append=one.operator == ">>")
            except OSError as error:
                raise OSError(error.errno, error.strerror, target) from error
        return stdin, outputs[1], outputs[2]

    def opened(self, path: str, *, append: bool = False) -> Opened:
        """The file at `path` for writing; made empty unless `append`.

        Raises:
            OSError: If it cannot be.
        """
        files = self.system.files
        node = files.create(path, self.user, 0o600 if self.user == 0 else 0o644)
        if not append:
            node.truncate()
        return Opened(files, path, node, node.size() if append else 0)


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


# What a shell does by itself


def _cd(shell: Shell, words: list[str], stdin: Input) -> int:
    path = shell.system.files.resolve(shell.path(words[1]))
    if not shell.system.files.names(path):
        return 1
    shell.folder = path
    return 0


def _exit(shell: Shell, words: list[str], stdin: Input) -> int:
    raise Exit(int(words[1]) if len(words) > 1 else shell.code)


def _return(shell: Shell, words: list[str], stdin: Input) -> int:
    raise Return(int(words[1]) if len(words) > 1 else shell.code)


def _read(shell: Shell, words: list[str], stdin: Input) -> int:
    names = [word for word in words[1:] if word != "-r"]
    line = stdin.line().decode()
    parts = line.split(None, len(names) - 1)
    parts += [""] * (len(names) - len(parts))
    for name, value in zip(names, parts, strict=True):
        shell.variables[name] = value.rstrip()
    return int(not line.endswith("\n"))


def _set(shell: Shell, words: list[str], stdin: Input) -> int:
    assert words[1] == "--"
    shell.arguments = words[2:]
    return 0


def _shift(shell: Shell, words: list[str], stdin: Input) -> int:
    count = int(words[1]) if len(words) > 1 else 1
    if count > len(shell.arguments):
        raise Exit(2)
    del shell.arguments[:count]
    return 0


def _nothing(shell: Shell, words: list[str], stdin: Input) -> int:
    return 0


_BUILTINS: dict[str, Callable[[Shell, list[str], Input], int]] = {
    ":": _nothing,
    "cd": _cd,
    "exit": _exit,
    "read": _read,
    "return": _return,
    "set": _set,
    "shift": _shift,
    "trap": _nothing,
    "umask": _nothing,
    "wait": _nothing,
}
__all__ = ["FOREVER", "Call", "Program", "Shell", "System", "failure", "may"]

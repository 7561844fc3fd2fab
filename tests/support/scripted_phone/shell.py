"""A small POSIX shell: runs what `parser` reads, with the programs of its phone."""

import errno
import shlex
from collections.abc import Generator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from scripted_phone.builtins import BUILTINS
from scripted_phone.calls import Call, Exit, Killed, Return
from scripted_phone.clock import FOREVER, Steps
from scripted_phone.expansion import Expansion, Text
from scripted_phone.files import File, failure
from scripted_phone.parser import SyntaxProblem, parse
from scripted_phone.streams import Collected, Input, Opened, Output
from scripted_phone.syntax import (
    AndOr,
    Compound,
    Function,
    Node,
    Pipeline,
    Redirect,
    Sequence,
    Simple,
)


@dataclass
class Shell(Expansion):
    """One shell, or a subshell."""

    def subshell(self) -> "Shell":
        """Return a shell that begins with what this one has."""
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

    def substitute(self, body: Node, err: Output) -> Text:
        """See `Expansion`."""
        kept = Collected()
        self.code = yield from self._inside(body, Input(), kept, err)
        return kept.data.decode(errors="replace").rstrip("\n")

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
            for value in (yield from self.expand(node.words, err)):
                self.variables[node.name] = value
                code = yield from self.run(body, stdin, out, err)
        else:
            value = yield from self.text(node.words[0], err)
            for patterns, branch in node.cases:
                for pattern in patterns:
                    if fnmatchcase(value, (yield from self._pattern(pattern, err))):
                        return (yield from self.run(branch, stdin, out, err))
        return code

    def _simple(self, node: Simple, stdin: Input, out: Output, err: Output) -> Steps:
        words = yield from self.expand(node.words, err)
        code = 0
        for name, word in node.assignments:
            self.code = 0
            self.variables[name] = yield from self.text(word, err)
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
        builtin = BUILTINS.get(words[0])
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

    # Redirections

    def _redirected(
        self, redirects: tuple[Redirect, ...], stdin: Input, out: Output, err: Output
    ) -> Generator[float, None, tuple[Input, Output, Output]]:
        outputs = {1: out, 2: err}
        for one in redirects:
            target = yield from self.text(one.target, err)
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
        """Return the file at `path` for writing; made empty unless `append`.

        Raises:
            OSError: If it cannot be.
        """
        files = self.system.files
        umask = self.umask if self.umask is not None else 0o077 if self.user == 0 else 0o022
        if self.keeps_files and not append and isinstance(files.find(path), File):
            raise failure(errno.EEXIST)
        node = files.create(path, self.user, 0o666 & ~umask)
        if not append:
            node.truncate()
        return Opened(files, path, node, node.size() if append else 0)

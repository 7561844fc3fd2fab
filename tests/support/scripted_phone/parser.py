"""The grammar of the POSIX shell, as far as commands for phones use it: text to a tree."""

import re
from dataclasses import dataclass, field
from functools import lru_cache

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
    Substitution,
    Word,
)

_OPERATOR = re.compile(r"&&|\|\||;;|>>|>&|<&|[;&|()<>\n]")
_REDIRECT = {"<", ">", ">>", ">&", "<&"}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9?#@*$!-]")
_ENDS = {"then", "else", "elif", "fi", "do", "done", "esac", "}"}
_EMPTY: Node = Sequence(())


class SyntaxProblem(Exception):
    """What a shell does not understand."""


@lru_cache(maxsize=4096)
def parse(text: str) -> Node:
    """Return the tree of a script.

    Raises:
        SyntaxProblem: If it is none.
    """
    parser = _Parser(text)
    tree = parser.sequence()
    if parser.peek() != "":
        raise SyntaxProblem(f"unexpected {parser.peek()!r}")
    return tree


Token = str | tuple[int, Word]  # an operator, "" at the end; or a word with the number of a descriptor or -1


@dataclass
class _Parser:
    text: str
    at: int = 0
    _next: list[Token] = field(default_factory=list)

    # Tokens

    def peek(self) -> Token:
        if not self._next:
            self._next.append(self._token())
        return self._next[0]

    def take(self) -> Token:
        token = self.peek()
        self._next.clear()
        return token

    def expect(self, token: str) -> None:
        if self.keyword() != token and self.peek() != token:
            raise SyntaxProblem(f"{token!r} expected, not {self.peek()!r}")
        self.take()

    def keyword(self) -> str:
        """Return the next token if it is a bare word, else ""."""
        token = self.peek()
        if isinstance(token, tuple) and len(token[1]) == 1:
            (part,) = token[1]
            if isinstance(part, Literal) and not part.quoted:
                return part.text
        return ""

    def newlines(self) -> None:
        while self.peek() == "\n":
            self.take()

    def _token(self) -> Token:
        while True:
            blank = re.compile(r"(?:[ \t]|\\\n)*(?:#[^\n]*)?").match(self.text, self.at)
            assert blank
            self.at = blank.end()
            if self.at >= len(self.text):
                return ""
            operator = _OPERATOR.match(self.text, self.at)
            if operator:
                self.at = operator.end()
                return operator[0]
            number = re.compile(r"\d(?=[<>])").match(self.text, self.at)
            if number:
                self.at = number.end()
                return int(number[0]), ()
            return -1, self._word()

    def _word(self) -> Word:
        parts: list[Literal | Parameter | Substitution] = []
        while self.at < len(self.text) and self.text[self.at] not in " \t\n;&|()<>":
            parts += self._part()
        return tuple(parts)

    def _part(self, *, quoted: bool = False) -> list[Literal | Parameter | Substitution]:
        """One piece of a word; inside "..." if `quoted`."""
        char = self.text[self.at]
        if char == "'" and not quoted:
            end = self._find("'", self.at + 1)
            text, self.at = self.text[self.at + 1 : end], end + 1
            return [Literal(text, True)]
        if char == '"' and not quoted:
            self.at += 1
            found: list[Literal | Parameter | Substitution] = [Literal("", True)]
            while self.at < len(self.text) and self.text[self.at] != '"':
                found += self._part(quoted=True)
            self.at = self._find('"', self.at) + 1
            return found
        if char == "\\":
            text, self.at = self.text[self.at + 1 : self.at + 2], self.at + 2
            if quoted and text not in '$"\\`\n':
                text = f"\\{text}"
            return [Literal("" if text == "\n" else text, True)]
        if char == "$":
            return [self._dollar(quoted)]
        if char == "`":
            raise SyntaxProblem("` is not for phones")
        stop = re.compile(r'[^"\\$`]+' if quoted else r"[^'\"\\$`\s;&|()<>]+").match(self.text, self.at)
        assert stop
        self.at = stop.end()
        return [Literal(stop[0], quoted)]

    def _find(self, what: str, start: int) -> int:
        found = self.text.find(what, start)
        if found < 0:
            raise SyntaxProblem(f"{what} is missing")
        return found

    def _dollar(self, quoted: bool) -> Literal | Parameter | Substitution:
        self.at += 1
        if self.text.startswith("(", self.at):
            inner = _Parser(self.text, self.at + 1)
            body = inner.sequence()
            inner.expect(")")
            self.at = inner.at
            return Substitution(body, quoted)
        if self.text.startswith("{", self.at):
            end = self._find("}", self.at)
            name = _VARIABLE.match(self.text, self.at + 1)
            if not name:
                raise SyntaxProblem("bad ${")
            rest = self.text[name.end() : end]
            operator = re.match(r"%%|%|##|#|:-|$", rest)
            if not operator:
                raise SyntaxProblem(f"${{{name[0]}{rest}}} is not known")
            self.at = end + 1
            word = _Parser(rest[operator.end() :])._word() if operator[0] else ()
            return Parameter(name[0], quoted, operator[0], word)
        variable = _VARIABLE.match(self.text, self.at)
        if not variable:
            return Literal("$", quoted)
        self.at = variable.end()
        return Parameter(variable[0], quoted)

    # Commands

    def sequence(self) -> Node:
        """Commands up to what ends them: the end, ")", ";;" or a word like `done`."""
        commands: list[tuple[Node, bool]] = []
        while True:
            self.newlines()
            if self.peek() in ("", ")", ";;") or self.keyword() in _ENDS:
                return Sequence(tuple(commands))
            command = self.and_or()
            ends = self.peek()
            commands.append((command, ends == "&"))
            if ends in (";", "&", "\n"):
                self.take()

    def and_or(self) -> Node:
        first = self.pipeline()
        others = []
        while self.peek() in ("&&", "||"):
            operator = self.take()
            assert isinstance(operator, str)
            self.newlines()
            others.append((operator, self.pipeline()))
        return AndOr(first, tuple(others)) if others else first

    def pipeline(self) -> Node:
        negated = self.keyword() == "!"
        if negated:
            self.take()
        commands = [self.command()]
        while self.peek() == "|":
            self.take()
            self.newlines()
            commands.append(self.command())
        return Pipeline(tuple(commands), negated) if negated or len(commands) > 1 else commands[0]

    def command(self) -> Node:
        kind = "(" if self.peek() == "(" else self.keyword()
        if kind not in ("(", "{", "if", "while", "until", "for", "case"):
            return self.simple()
        self.take()
        made = getattr(self, {"(": "_subshell", "{": "_group", "until": "_while"}.get(kind, f"_{kind}"))(kind)
        assert isinstance(made, Compound)
        redirects = []
        while redirect := self._redirect():
            redirects.append(redirect)
        return Compound(made.kind, made.branches, made.name, made.words, made.cases, tuple(redirects))

    def _subshell(self, kind: str) -> Compound:
        body = self.sequence()
        self.expect(")")
        return Compound(kind, ((None, body),))

    def _group(self, kind: str) -> Compound:
        body = self.sequence()
        self.expect("}")
        return Compound(kind, ((None, body),))

    def _if(self, kind: str) -> Compound:
        branches: list[tuple[Node | None, Node]] = []
        while True:
            condition = self.sequence()
            self.expect("then")
            branches.append((condition, self.sequence()))
            if self.keyword() != "elif":
                break
            self.take()
        if self.keyword() == "else":
            self.take()
            branches.append((None, self.sequence()))
        self.expect("fi")
        return Compound(kind, tuple(branches))

    def _while(self, kind: str) -> Compound:
        condition = self.sequence()
        return Compound(kind, ((condition, self._do()),))

    def _do(self) -> Node:
        self.expect("do")
        body = self.sequence()
        self.expect("done")
        return body

    def _for(self, kind: str) -> Compound:
        name = self.keyword()
        self.take()
        self.expect("in")
        words = []
        while isinstance(token := self.peek(), tuple):
            words.append(token[1])
            self.take()
        if self.peek() == ";":
            self.take()
        self.newlines()
        return Compound(kind, ((None, self._do()),), name, tuple(words))

    def _case(self, kind: str) -> Compound:
        token = self.take()
        assert isinstance(token, tuple)
        word = token[1]
        self.expect("in")
        cases = []
        self.newlines()
        while self.keyword() != "esac":
            patterns = []
            while self.peek() != ")":
                pattern = self.take()
                if isinstance(pattern, tuple):
                    patterns.append(pattern[1])
                elif pattern not in ("|", "("):
                    raise SyntaxProblem(f"unexpected {pattern!r} in case")
            self.take()
            cases.append((tuple(patterns), self.sequence()))
            if self.peek() == ";;":
                self.take()
            self.newlines()
        self.take()
        return Compound(kind, words=(word,), cases=tuple(cases))

    def _redirect(self) -> Redirect | None:
        token = self.peek()
        number = token[0] if isinstance(token, tuple) and not token[1] else -1
        if number >= 0:
            self.take()
            token = self.peek()
        if not isinstance(token, str) or token not in _REDIRECT:
            return None
        self.take()
        target = self.take()
        if not isinstance(target, tuple):
            raise SyntaxProblem(f"a file is missing behind {token}")
        return Redirect(number if number >= 0 else int(token[0] == ">"), token, target[1])

    def simple(self) -> Node:
        assignments: list[tuple[str, Word]] = []
        words: list[Word] = []
        redirects: list[Redirect] = []
        while True:
            if redirect := self._redirect():
                redirects.append(redirect)
                continue
            token = self.peek()
            if not isinstance(token, tuple):
                break
            word = token[1]
            self.take()
            name, is_set = self._assigned(word)
            if is_set and not words:
                assert isinstance(word[0], Literal)
                rest = Literal(word[0].text[len(name) + 1 :], False)
                assignments.append((name, (rest, *word[1:])))
                continue
            words.append(word)
            if len(words) == 1 and self.peek() == "(":
                self.take()
                self.expect(")")
                self.newlines()
                return Function(str(getattr(word[0], "text", "")), self.command())
        if not (assignments or words or redirects):
            raise SyntaxProblem(f"a command is missing before {self.peek()!r}")
        return Simple(tuple(assignments), tuple(words), tuple(redirects))

    @staticmethod
    def _assigned(word: Word) -> tuple[str, bool]:
        """Return the name that `word` sets, and whether it sets one."""
        if word and isinstance(word[0], Literal) and not word[0].quoted:
            found = re.match(rf"({_NAME.pattern})=", word[0].text)
            if found:
                return found[1], True
        return "", False

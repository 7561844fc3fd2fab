"""The tree of a script of the POSIX shell, as far as commands for phones use it; `parser` makes it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Literal:
    """Text; a quoted one is neither split nor a pattern."""

    text: str
    quoted: bool


@dataclass(frozen=True)
class Parameter:
    """$name, or ${name OPERATOR word} with one of %, %%, #, ##, :-."""

    name: str
    quoted: bool
    operator: str = ""
    word: "Word" = ()


@dataclass(frozen=True)
class Substitution:
    """$(...)."""

    body: "Node"
    quoted: bool


Word = tuple[Literal | Parameter | Substitution, ...]


@dataclass(frozen=True)
class Redirect:
    """<, >, >>, >& or <& of one file descriptor."""

    descriptor: int
    operator: str
    target: Word


@dataclass(frozen=True)
class Simple:
    """Assignments, and a command with its arguments."""

    assignments: tuple[tuple[str, Word], ...]
    words: tuple[Word, ...]
    redirects: tuple[Redirect, ...]


@dataclass(frozen=True)
class Pipeline:
    """Commands joined by |."""

    commands: tuple["Node", ...]
    negated: bool


@dataclass(frozen=True)
class AndOr:
    """Commands joined by && and ||; the operator stands before its command."""

    first: "Node"
    others: tuple[tuple[str, "Node"], ...]


@dataclass(frozen=True)
class Sequence:
    """Commands one after another; True for one in the background."""

    commands: tuple[tuple["Node", bool], ...]


@dataclass(frozen=True)
class Compound:
    """{ } or ( ), if, while and until, for, case; with redirections of the whole.

    Attributes:
        kind: "{", "(", "if", "while", "until", "for" or "case".
        branches: (condition, body) of `if`, `while`; (None, body) of `else`, `for` and groups.
        name: Of the variable of `for`.
        words: Of `for`; the one of `case`.
        cases: Patterns and bodies of `case`.
    """

    kind: str
    branches: tuple[tuple["Node | None", "Node"], ...] = ()
    name: str = ""
    words: tuple[Word, ...] = ()
    cases: tuple[tuple[tuple[Word, ...], "Node"], ...] = ()
    redirects: tuple[Redirect, ...] = ()


@dataclass(frozen=True)
class Function:
    """name() body."""

    name: str
    body: "Node"


Node = Simple | Pipeline | AndOr | Sequence | Compound | Function

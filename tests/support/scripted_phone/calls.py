"""Programs that are called, and how shells end."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from scripted_phone.clock import Clock, Steps
from scripted_phone.faults import Fault
from scripted_phone.files import FileSystem
from scripted_phone.streams import Input, Output

if TYPE_CHECKING:
    from scripted_phone.shell import Shell


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
        """Return the program called `name`. Raises OSError if there is none."""

    def happens(self, event: str) -> Fault:
        """Note an event; returns what goes wrong with it."""

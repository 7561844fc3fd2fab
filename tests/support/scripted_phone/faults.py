"""What goes wrong on the phone, said beforehand: at which event, and how."""

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase


def _nothing() -> None:
    pass


def flip(at: int, mask: int = 1) -> Callable[[bytes], bytes]:
    """Change bits of one byte of what is moved."""
    return lambda data: data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :]


@dataclass
class Fault:
    """What happens at an event: a program with its words and the files of < and >, "push PATH", "pull PATH".

    The program does nothing more if `code` is given; else it does its work with these changes.

    Attributes:
        event: Pattern as of a shell; "*" stands for anything.
        nth: The first such event is 1; 0 is every one.
        before: Called first.
        after: Called when the program has ended, in time or late.
        says: Printed in place of doing anything, with `code`.
        code: Exit code.
        hangs_s: Seconds it stands still before it goes on.
        most: Bytes that are moved; then the program, or the transfer, fails.
        alters: Changes what is moved.
        kills_shell: The shell is killed with it.
        drops: The connection is lost; what runs on the phone runs on.
        seen: How many such events there were.
    """

    event: str
    nth: int = 1
    before: Callable[[], object] = _nothing
    after: Callable[[], object] = _nothing
    says: str = ""
    code: int | None = None
    hangs_s: float = 0
    most: int | None = None
    alters: Callable[[bytes], bytes] | None = None
    kills_shell: bool = False
    drops: bool = False
    seen: int = 0

    def happens(self, event: str) -> bool:
        """Whether `event` is the one; counts it."""
        if not fnmatchcase(event, self.event):
            return False
        self.seen += 1
        return self.nth in (0, self.seen)


NO_FAULT = Fault("")

"""What every way to a phone offers: commands, files, and the wait for the phone to come back."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

Progress = Callable[[int], None]  # called with the bytes moved since the last call
SHELL = "sh -c {}"  # a shell of the ADB user's own; {} stands for what it is to run, as one word


@dataclass(frozen=True)
class Output:
    """What a command printed (output and error output, mixed) and its exit code."""

    text: str
    code: int


class Transport(Protocol):
    """One phone. Every method raises DeviceError if the phone is out of reach or does not answer in time,
    and InputError for a file of this computer that cannot be read or written.
    """

    serial: str

    def shell(self, command: str, *, timeout_s: float, way: str = SHELL) -> Output:
        """Run `command` in a shell of the phone, started by `way`. The caller has quoted it."""

    def shells(self, commands: Sequence[tuple[str, float]], *, way: str = SHELL) -> Iterator[Output]:
        """Run commands one after another in one such shell, each within its seconds; yields as each ends.

        If the shell itself ends, that is the answer of the command it was at, and the last.
        """

    def push(self, source: Path, remote: str, *, mode: int, progress: Progress) -> None:
        """Copy a file to the absolute path `remote` with permission bits `mode`."""

    def pull(self, remote: str, target: Path, *, progress: Progress) -> None:
        """Copy the file at the absolute path `remote` to `target`."""

    def wait(self, command: str = "echo", *, timeout_s: float, way: str = SHELL) -> Output:
        """Connect anew and run `command`, trying until the phone answers."""

    def close(self) -> None:
        """Drop the connection; never fails."""

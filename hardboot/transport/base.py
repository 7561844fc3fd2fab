"""What every transport offers: commands, files, and waiting until the phone is back."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

Progress = Callable[[int], None]  # called with the bytes moved since the last call
SHELL = "sh -c {}"  # shell template: the ADB user's own shell; {} stands for the command as one word


@dataclass(frozen=True)
class Output:
    """Output of a command (stdout and stderr, mixed) and its exit code."""

    text: str
    code: int


class Transport(Protocol):
    """One phone.

    Every method raises DeviceError if the phone cannot be reached or does not answer in time, and InputError
    for a file of this computer that cannot be read or written.
    """

    serial: str

    def shell(self, command: str, *, timeout_s: float, template: str = SHELL) -> Output:
        """Run `command` in a shell of the phone, started by `template`. The caller has quoted it."""

    def shells(self, commands: Sequence[tuple[str, float]], *, template: str = SHELL) -> Iterator[Output]:
        """Run commands one after another in one such shell, each within its seconds; yield as each ends.

        If the shell itself ends, its exit code is reported for the command that ran, and nothing follows.
        """

    def feed(
        self, command: str, source: Iterable[bytes], *, timeout_s: float, template: str = SHELL
    ) -> Output:
        """Run `command` as `shell` does, with `source` as its standard input, byte for byte."""

    def push(self, source: Path, remote: str, *, mode: int, progress: Progress) -> None:
        """Copy a file to the absolute path `remote` with permission bits `mode`."""

    def pull(self, remote: str, target: Path, *, progress: Progress) -> None:
        """Copy the file at the absolute path `remote` to `target`."""

    def wait(self, command: str = "echo", *, timeout_s: float, template: str = SHELL) -> Output:
        """Reconnect and run `command`, retrying until the phone answers."""

    def reboot(self, target: str) -> None:
        """Tell the phone to restart into `target` ("bootloader"; "" is its system); do not wait for it."""

    def close(self) -> None:
        """Drop the connection; never fails."""

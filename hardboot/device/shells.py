"""The shells of one phone: the ADB user's own, and root's."""

import re
import secrets
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from hardboot.base import log
from hardboot.base.errors import DeviceError, RequestError
from hardboot.transport.base import SHELL, Output, Transport

QUICK_S = 30.0
_SHOWN = 200  # characters of what a command printed, in an error

# Templates of a root shell: adbd's own where it runs as root, su of Magisk and SuperSU, su of AOSP.
ROOT_SHELLS = (SHELL, "su -c {}", "su 0 sh -c {}")
# Prints the number of the first template that gives root, nothing if none does.
FIND_ROOT = "".join(
    f'[ "$({template.format(shlex.quote("id -u"))} 2>/dev/null)" != 0 ] || {{ echo {number}; exit 0; }}\n'
    for number, template in enumerate(ROOT_SHELLS)
)


# Between the answers of commands that are sent as one: nothing on the phone can know it beforehand.
SEPARATOR = secrets.token_hex(8)


def line_command(path: str) -> str:
    """Return the command that prints the only line of a file of the kernel, without starting a program.

    To start one takes as long as a hundred such lines on a slow phone.
    """
    return f'{{ IFS= read -r line < {path}; }} 2>/dev/null || [ -e {path} ] && echo "$line"'


def as_one(*commands: str) -> str:
    """Return one command that runs all of them; `answers` reads its output, the last exit code counts."""
    return f"; echo {SEPARATOR}; ".join(commands)


def answers(text: str) -> list[str]:
    """Return what each command of `as_one` printed, without its last newline."""
    return [answer.rstrip("\r\n") for answer in re.split(rf"{SEPARATOR}\r?\n?", text)]


@dataclass
class Shells:
    """The shells of a connected phone."""

    transport: Transport
    _root_shell: str | None = field(default=None, repr=False, kw_only=True)
    _riders: list[tuple[str, Callable[[Output], None]]] = field(default_factory=list, init=False, repr=False)

    def shell(self, command: str, *, timeout_s: float = QUICK_S) -> Output:
        """Run `command` as the ADB user; any exit code is an answer."""
        log.detail(f"$ {command}")
        return self.transport.shell(command, timeout_s=timeout_s)

    def root(self, command: str, *, timeout_s: float = QUICK_S) -> Output:
        """Run `command` as root; any exit code is an answer.

        Raises:
            DeviceError: If there is no root shell.
        """
        (output,) = self.roots(command, timeout_s=timeout_s)
        return output

    def roots(self, *commands: str, timeout_s: float = QUICK_S) -> list[Output]:
        """Run commands in one root shell, each within `timeout_s` seconds; any exit code is an answer.

        Raises:
            DeviceError: If there is no root shell, or it ends early.
        """
        riders, self._riders = self._riders, []
        steps = self.root_steps(
            [*((command, timeout_s) for command in commands), *((command, QUICK_S) for command, _ in riders)]
        )
        outputs = list(islice(steps, len(commands)))
        if len(outputs) < len(commands):
            raise RequestError(
                f"the root shell ended early, with exit code {outputs[-1].code}: {_shown(outputs[-1])}",
                state="The commands after it were not run.",
                fix="Check that root works: adb shell su -c id",
            )
        try:
            for (_, take), output in zip(riders, list(steps), strict=False):
                take(output)
        except DeviceError as error:
            log.detail(error.what)
        return outputs

    def feed_root(self, command: str, source: Iterable[bytes], *, timeout_s: float) -> Output:
        """Run `command` as root, with `source` as its standard input; any exit code is an answer.

        Args:
            command: What to run; it has to know where its input ends.
            source: The input, in pieces.
            timeout_s: Seconds it may take after the last byte.

        Raises:
            DeviceError: If there is no root shell, or it ends early.
        """
        template = self.root_shell()
        log.detail(f"# {command}")
        return self.transport.feed(command, source, timeout_s=timeout_s, template=template)

    def after_next(self, command: str, take: Callable[[Output], None]) -> None:
        """Run `command` as root in the shell of the next `roots`, after that: starting one takes as long.

        Args:
            command: One that nothing depends on: if it fails, that is not told.
            take: Called with its output.
        """
        self._riders.append((command, take))

    def root_steps(self, commands: Sequence[tuple[str, float]]) -> Iterator[Output]:
        """Run commands in one root shell, each within its seconds; yield the output of each as it ends.

        If the shell itself ends, that is the output of the command that was running, and the last.

        Raises:
            DeviceError: If there is no root shell, or a command does not end in time.
        """
        template = self.root_shell()
        for command, _ in commands:
            log.detail(f"# {command}")
        return self.transport.shells(commands, template=template)

    def read(self, command: str, *, timeout_s: float = QUICK_S) -> str:
        """Return what `command` prints as root, without the last newline.

        Raises:
            DeviceError: If its exit code is not 0.
        """
        return read(command, self.root(command, timeout_s=timeout_s))

    def root_shell(self) -> str:
        """Return the template of this phone's root shell; `{}` stands for the command as one word.

        Raises:
            DeviceError: If there is none.
        """
        self._root_shell = self._root_shell or parse_root_shell(self.shell(FIND_ROOT))
        if self._root_shell:
            return self._root_shell
        raise DeviceError(
            "no root shell: neither `su -c` nor `su 0` gives uid 0",
            state="Nothing was sent.",
            fix="Root the phone, and grant root to the ADB shell in its superuser app.",
        )


def read(command: str, output: Output) -> str:
    """Return what `command` printed, without the last newline.

    Raises:
        DeviceError: If its exit code is not 0.
    """
    if output.code:
        raise RequestError(
            f"a command on the phone failed with exit code {output.code}: {_shown(output)}",
            state="The commands after it were not run.",
            fix=f"Run it by hand in `adb shell`, as root: {command}",
        )
    return output.text.rstrip("\r\n")


def parse_root_shell(output: Output) -> str | None:
    """Return the template in the output of FIND_ROOT; None if there is no root shell."""
    number = output.text.strip()
    template = ROOT_SHELLS[int(number)] if number in ("0", "1", "2") else None
    if template:
        log.detail(f"root shell: {template.format('COMMAND')}")
    return template


def _shown(output: Output) -> str:
    return " ".join(output.text.replace(SEPARATOR, "").split())[-_SHOWN:] or "it printed nothing"

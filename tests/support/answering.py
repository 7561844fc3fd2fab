"""A phone that answers commands from a table."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from hardboot import profile
from hardboot.base.errors import DeviceError
from hardboot.device.phone import Phone
from hardboot.transport.base import Output

VIRT = profile.load("virt-arm")


@dataclass
class Answering:
    """A phone's root shell: answers by the first word that is in the command."""

    answers: dict[str, Output | DeviceError]
    profile: Any = VIRT
    serialno: str = "S"
    commands: list[str] = field(default_factory=list)
    shells: int = 0  # root shells that were started for several commands
    dies_with: int | None = None  # the code of a command that ends its shell

    def root(self, command: str, *, timeout_s: float = 30) -> Output:
        assert timeout_s < 120  # each step is bounded
        self.commands.append(command)
        answer = next((one for word, one in self.answers.items() if word in command), Output("", 0))
        if isinstance(answer, DeviceError):
            raise answer
        return answer

    def roots(self, *commands: str, timeout_s: float = 30) -> list[Output]:
        return [self.root(command, timeout_s=timeout_s) for command in commands]

    def root_steps(self, commands: list[tuple[str, float]]) -> Iterator[Output]:
        self.shells += 1
        for command, timeout_s in commands:
            output = self.root(command, timeout_s=timeout_s)
            yield output
            if output.code == self.dies_with:
                return

    def read(self, command: str, *, timeout_s: float = 30) -> str:
        return self.root(command, timeout_s=timeout_s).text.rstrip("\n")


def phone(**answers: Output | DeviceError | str) -> Phone:
    outputs = {word: Output(one, 0) if isinstance(one, str) else one for word, one in answers.items()}
    return cast(Phone, Answering(outputs))

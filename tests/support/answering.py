"""A phone that answers commands from a table."""

from dataclasses import dataclass
from typing import cast

from hardboot import profile
from hardboot.device.phone import Phone
from hardboot.profile import Profile
from hardboot.transport.base import Output


@dataclass
class Answering:
    """A phone's root shell: answers by the first word that is in the command."""

    answers: dict[str, Output]
    profile: Profile

    def root(self, command: str, *, timeout_s: float = 30) -> Output:
        return next((one for word, one in self.answers.items() if word in command), Output("", 0))

    def read(self, command: str, *, timeout_s: float = 30) -> str:
        return self.root(command).text.rstrip("\n")


def phone(device: str = "virt-arm", /, **answers: Output | str) -> Phone:
    outputs = {word: Output(one, 0) if isinstance(one, str) else one for word, one in answers.items()}
    return cast(Phone, Answering(outputs, profile.load(device)))

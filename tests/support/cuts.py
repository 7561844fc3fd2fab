"""A connection that is lost at one packet: on the way to the phone, or on the way back."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from scripted_phone import ScriptedPhone
from scripted_phone.transport import ScriptedTransport

from hardboot.base.errors import RequestError
from hardboot.transport.base import SHELL, Output, Progress

Kind = Literal["request", "answer", "killed"]
KINDS: tuple[Kind, ...] = ("request", "answer", "killed")


class Killed(BaseException):
    """The program is gone: what catches errors does not run either, as nothing reaches the phone any more."""


@dataclass
class Cut:
    """Where the connection is lost.

    Attributes:
        at: The number of the request; the first is 0. None never cuts.
        kind: "request": it does not reach the phone. "answer": the phone did it, and cannot say so. "killed":
            as "answer", and hardboot itself ends there.
        seen: Requests so far.
        is_lost: Whether it happened; nothing gets through then.
    """

    at: int | None = None
    kind: Kind = "request"
    seen: int = field(default=0, init=False)
    is_lost: bool = field(default=False, init=False)

    def before(self) -> None:
        """Call before a request is sent."""
        if self.is_lost or (self.kind == "request" and self.seen == self.at):
            self._lose()

    def after(self) -> None:
        """Call when the phone has done it."""
        self.seen += 1
        if self.kind != "request" and self.seen - 1 == self.at:
            self._lose()

    def _lose(self) -> None:
        first, self.is_lost = not self.is_lost, True
        if first and self.kind == "killed":
            raise Killed
        raise RequestError("the cable was pulled", state="Not known.", fix="Plug it in.")


class CutTransport(ScriptedTransport):
    """The way to the scripted phone, over a connection that is lost at `cut`."""

    def __init__(self, phone: ScriptedPhone, cut: Cut) -> None:
        super().__init__(phone)
        self.phone = phone
        self._cut = cut

    def shells(self, commands: Sequence[tuple[str, float]], *, template: str = SHELL) -> Iterator[Output]:
        """See the interface."""
        outputs = super().shells(commands, template=template)
        while True:
            self._cut.before()
            output = next(outputs, None)
            if output is None:
                return
            self._cut.after()
            yield output

    def feed(
        self, command: str, source: Iterable[bytes], *, timeout_s: float, template: str = SHELL
    ) -> Output:
        """See the interface; a lost request gets half of its input there."""
        data, was_lost = b"".join(source), self._cut.is_lost
        try:
            self._cut.before()
        except RequestError:
            if not was_lost:
                super().feed(command, [data[: len(data) // 2]], timeout_s=timeout_s, template=template)
            raise
        output = super().feed(command, [data], timeout_s=timeout_s, template=template)
        self._cut.after()
        return output

    def push(self, source: Path, remote: str, *, mode: int, progress: Progress) -> None:
        """See the interface."""
        self._cut.before()
        super().push(source, remote, mode=mode, progress=progress)
        self._cut.after()

    def pull(self, remote: str, target: Path, *, progress: Progress) -> None:
        """See the interface."""
        self._cut.before()
        super().pull(remote, target, progress=progress)
        self._cut.after()

    def reboot(self, target: str) -> None:
        """See the interface."""
        self._cut.before()
        super().reboot(target)
        self._cut.after()

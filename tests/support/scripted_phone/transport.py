"""The way to the scripted phone: hardboot's own interface of a transport, without bytes in between."""

import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hardboot.base import files
from hardboot.base.errors import DeviceError, RequestError
from hardboot.transport.base import SHELL, Output, Progress
from hardboot.transport.exit_codes import CommandBatch
from hardboot.transport.server_requests import SERVICE_MAX
from scripted_phone.calls import Exit, Killed
from scripted_phone.clock import Steps
from scripted_phone.files import ADB, File
from scripted_phone.shell import Shell
from scripted_phone.streams import Collected, Input

if TYPE_CHECKING:
    from scripted_phone.phone import ScriptedPhone

_PAUSE_S = 0.5
_PROBE_S = 3.0


class ScriptedTransport:
    """Implements hardboot.transport.base.Transport."""

    def __init__(self, phone: "ScriptedPhone") -> None:
        self._phone = phone
        self.serial = phone.adb_serial
        self.closed = 0  # how often

    def shell(self, command: str, *, timeout_s: float, template: str = SHELL) -> Output:
        """See the interface."""
        (output,) = self.shells([(command, timeout_s)], template=template)
        return output

    def shells(self, commands: Sequence[tuple[str, float]], *, template: str = SHELL) -> Iterator[Output]:
        """See the interface."""
        return self._run(commands, template, b"")

    def feed(
        self, command: str, source: Iterable[bytes], *, timeout_s: float, template: str = SHELL
    ) -> Output:
        """See the interface."""
        (output,) = self._run([(command, timeout_s)], template, b"".join(source))
        return output

    def _run(self, commands: Sequence[tuple[str, float]], template: str, data: bytes) -> Iterator[Output]:
        phone = self._phone
        self._reach("Nothing was sent.")
        size = len(f"shell:{CommandBatch([command for command, _ in commands], template).line}".encode())
        assert size <= SERVICE_MAX, f"an ADB server does not take {size} bytes: {commands[-1][0][:200]}"
        user, denied = phone.user_of(template)
        if denied is not None:
            yield denied
            return
        shell = Shell(phone, user)
        for number, (command, timeout_s) in enumerate(commands, 1):
            phone.commands.append(command)
            kept = Collected()
            ends: list[int] = []
            process = phone.clock.start("shell", self._command(shell, command, Input(data=data), kept, ends))
            phone.clock.run(phone.clock.now + timeout_s, done=process)
            if phone.dropped or not phone.is_up:
                phone.dropped = False
                raise self._error("closed the connection")
            if process.code is None:
                raise self._error(f"did not end the command within {timeout_s:.0f} s")
            yield Output(kept.data.decode(errors="replace"), process.code)
            if ends or number == len(commands):
                return

    @staticmethod
    def _command(shell: Shell, command: str, stdin: Input, kept: Collected, ends: list[int]) -> Steps:
        try:
            return (yield from shell.subshell().script(command, stdin, kept, kept))
        except Killed as end:
            ends.append(end.code)
            return end.code
        except Exit as end:
            return end.code

    def push(self, source: Path, remote: str, *, mode: int, progress: Progress) -> None:
        """See the interface."""
        phone = self._phone
        self._reach("Nothing was sent.")
        fault = phone.happens(f"push {remote}")
        fault.before()
        try:
            data = source.read_bytes()
        except OSError as error:
            raise files.unreadable(source, error) from error
        sent = data if fault.most is None else data[: fault.most]
        if fault.alters:
            sent = fault.alters(sent)
        try:
            if fault.code is not None:
                raise OSError(fault.code, fault.says)
            parent = remote.rpartition("/")[0]
            phone.files.writable(remote)
            if phone.files.find(parent) is None:
                phone.make_folder(parent)
            free = phone.files.free(remote)
            if free is not None and len(sent) > free:
                raise OSError(28, "No space left on device")
            node = phone.files.create(remote, ADB, mode)
            node.mode = mode
            assert isinstance(node, File)
            node.content = sent
        except OSError as error:
            raise self._error(f"refused {remote}: {error.strerror}") from error
        progress(len(sent))
        fault.after()
        if fault.drops or not phone.is_up:
            raise self._error("closed the connection")
        if len(sent) != len(data):
            raise self._error(f"stored {len(sent)} of {len(data)} bytes in {remote}")

    def pull(self, remote: str, target: Path, *, progress: Progress) -> None:
        """See the interface."""
        phone = self._phone
        self._reach("Nothing was sent.")
        fault = phone.happens(f"pull {remote}")
        fault.before()
        try:
            if fault.code is not None:
                raise OSError(fault.code, fault.says)
            data = phone.files.open(remote, phone.adb_user).read()
        except OSError as error:
            raise self._error(f"has no file {remote}, or hides it: {error.strerror}") from error
        if fault.drops or fault.most is not None:
            phone.dropped = False
            raise self._error(f"closed the connection after {fault.most or 0} of {len(data)} bytes")
        try:
            target.write_bytes(fault.alters(data) if fault.alters else data)
        except OSError as error:
            raise files.unwritable(target, error) from error
        progress(len(data))
        fault.after()

    def reboot(self, target: str) -> None:
        """See the interface."""
        self._reach("Nothing was sent.")
        fault = self._phone.happens(f"reboot {target}")
        fault.before()
        if fault.code is not None:
            raise self._error(f"does not restart: {fault.says}")
        self._phone.reboot(target)

    def wait(self, command: str = "echo", *, timeout_s: float, template: str = SHELL) -> Output:
        """See the interface."""
        clock = self._phone.clock
        end = clock.now + timeout_s
        while True:
            try:
                return self.shell(
                    command, timeout_s=min(_PROBE_S, max(end - clock.now, 0.01)), template=template
                )
            except DeviceError as error:
                if clock.now >= end:
                    raise DeviceError(
                        f"the phone did not come back within {timeout_s:.0f} s: {error.what}",
                        state="Nothing more was sent to it.",
                        fix=error.fix,
                    ) from error
            clock.sleep(min(_PAUSE_S, max(end - clock.now, 0)))

    def close(self) -> None:
        """See the interface."""
        self.closed += 1

    def _reach(self, state: str) -> None:
        if not self._phone.is_up:
            raise RequestError(
                f"the phone at {self.serial} does not answer", state=state, fix="Look at the phone."
            )

    def _error(self, what: str) -> RequestError:
        return RequestError(
            f"the phone at {self.serial} {what}",
            state="The command may have run on the phone, or run still.",
            fix="Look at what the phone does, then try again.",
        )


def words_of(template: str) -> list[str]:
    """Return the words that start a shell, without the command."""
    return shlex.split(template.format("COMMAND"))[:-1]

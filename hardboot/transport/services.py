"""What hardboot asks of a phone's adbd, however its services are reached: shell, push, pull, wait."""

import contextlib
import stat
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hardboot.base import files
from hardboot.base.errors import DeviceError, InputError, RequestError
from hardboot.transport.base import SHELL, Output, Progress
from hardboot.transport.errors import LinkError
from hardboot.transport.exit_codes import CommandBatch
from hardboot.transport.sync import Channel, Sync

_SLOWEST = 256 * 1024  # bytes per second; a transfer slower than this as a whole has failed
_UNSIZED_MAX = 512 * 1024 * 1024  # bytes; the most of a file whose size the phone does not report
_FEED_PAUSES = 3  # times idle_s: a command that writes to flash takes nothing for longer than adbd itself
_LAST_WORDS_S = 1.0  # in which adbd says why it does not restart
_LOOK = "Look at what the phone does, then try again."
_PAUSE_SHARE = 0.01  # of the time waited so far
SHORTEST_PAUSE_S = 0.05
_PROBE_GROWTH = 1.5
_LONGEST_PROBE_S = 20.0


@dataclass(frozen=True)
class Timeouts:
    """How long to wait for a phone, in seconds.

    Attributes:
        connect_s: For the connection and a handshake that needs no user.
        idle_s: A transfer fails when nothing moves for this long.
        auth_s: How long the phone's user has to confirm this computer's key.
        probe_s: How long one try of `wait` may go unanswered at first; longer after each that was too short.
    """

    connect_s: float = 5.0
    idle_s: float = 20.0
    auth_s: float = 30.0
    probe_s: float = 3.0


DEFAULT_TIMEOUTS = Timeouts()


def pause_s(start: float) -> float:
    """Return the back-off in seconds, which grows with the time waited since `start`."""
    return max(SHORTEST_PAUSE_S, _PAUSE_SHARE * (time.monotonic() - start))


class ServiceOpener(Protocol):
    """Opens the services of one phone. `deadline` is a time of time.monotonic()."""

    def open(self, service: bytes, *, deadline: float) -> Channel:
        """Open a channel to `service` ("sync:", "shell:ls")."""


class AdbServices(ABC):
    """One phone's services; how they are reached is a subclass's.

    Args:
        serial: What the phone is called; HOST:PORT for a phone on the network.
        name: What errors call the phone.
        timeouts: How long to wait for it.
    """

    def __init__(self, serial: str, name: str, timeouts: Timeouts) -> None:
        self.serial = serial
        self._name = name
        self._timeouts = timeouts

    @abstractmethod
    def _connected(self, state: str) -> AbstractContextManager[ServiceOpener]:
        """Yield what opens services; a LinkError on it becomes a DeviceError with `state`."""

    @abstractmethod
    def _reconnect(self, timeout_s: float, end: float) -> None:
        """Connect within `timeout_s` seconds; where a user must confirm, until `end` at the latest.

        Raises:
            DeviceError: If that fails.
        """

    @abstractmethod
    def close(self) -> None:
        """Drop the connection; never fails."""

    def shell(self, command: str, *, timeout_s: float, template: str = SHELL) -> Output:
        """Run `command` in a shell of the phone. The caller has quoted it.

        A command that leaves something running in the background returns all the same.

        Args:
            command: What to run.
            timeout_s: Seconds it may take.
            template: How the phone starts the shell; `{}` stands for the command as one word.

        Raises:
            DeviceError: If the phone cannot be reached, or the command does not end in `timeout_s` seconds.
        """
        (output,) = self.shells([(command, timeout_s)], template=template)
        return output

    def shells(self, commands: Sequence[tuple[str, float]], *, template: str = SHELL) -> Iterator[Output]:
        """Run commands one after another in one shell of the phone; yield the output of each as it ends.

        If the shell itself ends, its exit code is reported for the command that ran, and nothing follows.

        Args:
            commands: What to run, and the seconds each may take. All but the last get a subshell, for which
                their quoting must be whole.
            template: As for `shell`.

        Raises:
            DeviceError: If the phone cannot be reached, or a command does not end in time.
        """
        batch = CommandBatch([command for command, _ in commands], template)
        with self._connected("The command may have run on the phone, or run still.") as services:
            channel = None
            for _, timeout_s in commands:
                deadline = time.monotonic() + timeout_s
                channel = channel or services.open(f"shell:{batch.line}".encode(), deadline=deadline)
                yield self._next_output(batch, channel, deadline, timeout_s)
                if batch.ended:
                    channel.close(deadline)
                    return

    def feed(
        self, command: str, source: Iterable[bytes], *, timeout_s: float, template: str = SHELL
    ) -> Output:
        """Run `command` with `source` as its standard input, byte for byte.

        The command has to know where it ends: the phone is not told. One that ends before gets no more of
        it. Needs Android 5 or newer.

        Args:
            command: What to run; what it prints goes through no terminal.
            source: The input, in pieces of any size.
            timeout_s: Seconds it may take after the last byte.
            template: As for `shell`.

        Raises:
            DeviceError: If the phone cannot be reached, or the command does not go on in time.
        """
        batch = CommandBatch([command], template)
        with self._connected("The command may have run on the phone, or run still.") as services:
            deadline = time.monotonic() + self._timeouts.connect_s
            # No terminal changes the bytes, as that of `shell` does before Android 7.
            channel = services.open(f"exec:{batch.line}".encode(), deadline=deadline)
            output = None
            for data in _packets(source, channel.max_data):
                idle_s = _FEED_PAUSES * self._timeouts.idle_s
                channel.write(data, time.monotonic() + idle_s)
                while output is None and channel.pending:
                    output = self._read_output(batch, channel, time.monotonic() + idle_s, idle_s)
                if output is not None:
                    break
            output = output or self._next_output(batch, channel, time.monotonic() + timeout_s, timeout_s)
            channel.close(time.monotonic() + self._timeouts.idle_s)
            return output

    def push(self, source: Path, remote: str, *, mode: int, progress: Progress) -> None:
        """Copy a file to the absolute path `remote` with permission bits `mode`.

        Raises:
            DeviceError: If it did not arrive whole, with the phone's own reason if it gave one.
            InputError: If `source` cannot be read.
        """
        try:
            stream = source.open("rb")
            size = source.stat().st_size
        except OSError as error:
            raise files.unreadable(source, error) from error
        with (
            stream,
            self._connected(f"{remote} on the phone may be incomplete; nothing was started.") as services,
        ):
            deadline = self._deadline(size)
            channel = services.open(b"sync:", deadline=deadline())
            sync = Sync(channel, deadline)
            try:
                sent = sync.send(stream, remote, mode & 0o7777, int(time.time()), progress)
            except OSError as error:  # of the file: the link's own are LinkErrors
                raise files.unreadable(source, error) from error
            arrived = sync.stat(remote).size
            channel.close(deadline())
            if sent != size:
                raise InputError(
                    f"{source}: changed while it was read: {size} bytes at first, then {sent}",
                    state=f"{remote} on the phone is incomplete; nothing was started.",
                    fix="Make sure that nothing writes to the file, then try again.",
                )
            if arrived != size & 0xFFFFFFFF:
                what = f"stored {arrived} of {size} bytes in {remote}"
                raise LinkError(what, "Check free space on the phone (df), then try again.")

    def pull(self, remote: str, target: Path, *, progress: Progress) -> None:
        """Copy the file at the absolute path `remote` to `target`, whole or not at all.

        Raises:
            DeviceError: If it is missing, cannot be read, or does not arrive whole.
            InputError: If `target` cannot be written.
        """
        with self._connected(f"Nothing was written to {target}; the phone is as it was.") as services:
            limit = self._deadline(0)
            channel = services.open(b"sync:", deadline=limit())
            sync = Sync(channel, lambda: limit())
            remote_stat = sync.stat(remote)
            if not remote_stat.mode:
                raise LinkError(f"has no file {remote}, or hides it", "Check the path; it may need root.")
            # The sizes of files in /proc and /sys mean nothing, and a block device has 0.
            sized = stat.S_ISREG(remote_stat.mode) and remote_stat.size > 0
            sized = sized and not remote.startswith(("/proc/", "/sys/"))
            most = remote_stat.size if sized else _UNSIZED_MAX
            limit = self._deadline(most)

            def content() -> Iterator[bytes]:
                total = 0
                for data in sync.receive(remote):
                    total += len(data)
                    if total > most:
                        break
                    yield data
                    progress(len(data))
                if total > most or (sized and total < most):
                    raise LinkError(
                        f"sent {total} bytes of {remote}, which has {most}",
                        "Make sure that nothing writes to it, then try again.",
                    )
                channel.close(limit())

            files.write_atomic(target, content())

    def reboot(self, target: str) -> None:
        """Tell the phone to restart into `target` ("bootloader"; "" is its system); do not wait for it.

        Raises:
            DeviceError: If the phone cannot be reached, or refuses with a reason.
        """
        deadline = time.monotonic() + self._timeouts.connect_s
        with self._connected("The phone may restart.") as services:
            channel = services.open(f"reboot:{target}".encode(), deadline=deadline)
            said = b""
            with contextlib.suppress(LinkError):  # it goes down, and the connection with it
                while data := channel.read(min(deadline, time.monotonic() + _LAST_WORDS_S)):
                    said += data
            if said.strip():
                raise LinkError(f"does not restart: {said.decode(errors='replace').strip()[:200]}", _LOOK)
        self.close()

    def wait(self, command: str = "echo", *, timeout_s: float, template: str = SHELL) -> Output:
        """Reconnect and run `command` as `shell` does, retrying until the phone answers.

        Raises:
            DeviceError: If it does not within `timeout_s` seconds; says why the last full try failed.
        """
        start = time.monotonic()
        end = start + timeout_s
        probe_s = self._timeouts.probe_s
        reason: DeviceError | None = None
        while True:
            self.close()
            begun = time.monotonic()
            try_s = min(probe_s, max(end - begun, 0.01))
            try:
                self._reconnect(try_s, end)
                begun = time.monotonic()
                try_s = min(probe_s, max(end - begun, 0.01))
                return self.shell(command, timeout_s=try_s, template=template)
            except DeviceError as error:
                if reason is None or try_s == probe_s:  # a try cut short only says that there was no time
                    reason = error
                if time.monotonic() - begun >= probe_s:  # else the phone answered, or is not there
                    probe_s = min(probe_s * _PROBE_GROWTH, _LONGEST_PROBE_S)
            left = end - time.monotonic()
            if left <= 0:
                raise DeviceError(
                    f"the phone did not come back within {timeout_s:.0f} s: {reason.what}",
                    state="Nothing more was sent to it.",
                    fix=reason.fix,
                ) from reason
            time.sleep(min(pause_s(start), left))

    def _device_error(self, error: LinkError, state: str) -> RequestError:
        return RequestError(f"{self._name} {error.what}", state=state, fix=error.fix)

    def _deadline(self, size: int) -> Callable[[], float]:
        """Return what gives the deadline of the next packet of a transfer of `size` bytes."""
        end = time.monotonic() + self._timeouts.idle_s + size / _SLOWEST
        return lambda: min(end, time.monotonic() + self._timeouts.idle_s)

    def _next_output(
        self, batch: CommandBatch, channel: Channel, deadline: float, timeout_s: float
    ) -> Output:
        output = batch.next()
        while output is None:
            output = self._read_output(batch, channel, deadline, timeout_s)
        return output

    def _read_output(
        self, batch: CommandBatch, channel: Channel, deadline: float, timeout_s: float
    ) -> Output | None:
        data = self._read_in_time(channel.read, deadline, timeout_s)
        if not data:
            raise LinkError("ended the shell without an exit code", _LOOK)
        batch.feed(data)
        return batch.next()

    @staticmethod
    def _read_in_time(read: Callable[[float], bytes], deadline: float, timeout_s: float) -> bytes:
        try:
            return read(deadline)
        except LinkError as error:
            if time.monotonic() < deadline:
                raise
            raise LinkError(f"did not end the command within {timeout_s:.0f} s", _LOOK) from error


def _packets(source: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Yield the bytes of `source` in pieces of `size`, the last one shorter."""
    rest = bytearray()
    for piece in source:
        rest += piece
        while len(rest) >= size:
            yield bytes(memoryview(rest)[:size])
            del rest[:size]
    if rest:
        yield bytes(rest)

"""What hardboot asks of a phone's adbd, whichever way its services are reached: shell, push, pull, wait."""

import stat
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from hardboot.base import files
from hardboot.base.errors import DeviceError, InputError
from hardboot.transport.adb_link import LinkError
from hardboot.transport.adb_sync import Channel, Sync
from hardboot.transport.base import SHELL, Output, Progress
from hardboot.transport.nonce import Answers

_SLOWEST = 256 * 1024  # bytes per second; a transfer slower than this as a whole has failed
_UNSIZED = 512 * 1024 * 1024  # bytes; the most of a file whose size the phone does not tell
_LOOK = "Look at what the phone does, then try again."
_SHARE = 0.01  # of the time waited already: so long nothing is tried again, but at least
SHORTEST_PAUSE_S = 0.05
_GROWTH = 1.5
_LONGEST_PROBE_S = 20.0


def pause_s(start: float) -> float:
    """Seconds until the next try, for who has waited since `start`: what is short after long is not felt."""
    return max(SHORTEST_PAUSE_S, _SHARE * (time.monotonic() - start))


class Way(Protocol):
    """A way to the services of one phone. `deadline` is a time of time.monotonic()."""

    def open(self, service: bytes, *, deadline: float) -> Channel:
        """A channel to `service` ("sync:", "shell:ls")."""


class AdbServices(ABC):
    """One phone's services; how they are reached is a subclass's.

    Args:
        serial: What the phone is called; HOST:PORT for a phone on the network.
        name: The phone in an error's words.
        idle_timeout_s: A transfer ends when nothing moves for this long, seconds.
        probe_timeout_s: How long one try of `wait` may stay without an answer at first, seconds; more after
            each that was not enough.
    """

    def __init__(self, serial: str, name: str, *, idle_timeout_s: float, probe_timeout_s: float) -> None:
        self.serial = serial
        self._name = name
        self._idle_timeout_s = idle_timeout_s
        self._probe_timeout_s = probe_timeout_s

    @abstractmethod
    def _connected(self, state: str) -> AbstractContextManager[Way]:
        """The way to the phone; a LinkError on it becomes a DeviceError that says `state`."""

    @abstractmethod
    def _connect_anew(self, timeout_s: float, end: float) -> None:
        """Connect within `timeout_s` seconds; where a user must confirm, until `end` at the latest."""

    @abstractmethod
    def close(self) -> None:
        """Drop the connection; never fails."""

    def shell(self, command: str, *, timeout_s: float, way: str = SHELL) -> Output:
        """Run `command` in a shell of the phone. The caller has quoted it.

        A command that leaves something running in the background returns all the same.

        Args:
            command: What to run.
            timeout_s: Seconds it may take.
            way: How the phone starts the shell; `{}` stands for the command as one word.

        Raises:
            DeviceError: If the phone is out of reach, or the command does not end in `timeout_s` seconds.
        """
        (output,) = self.shells([(command, timeout_s)], way=way)
        return output

    def shells(self, commands: Sequence[tuple[str, float]], *, way: str = SHELL) -> Iterator[Output]:
        """Run commands one after another in one shell of the phone; yields what each gave when it ends.

        If the shell itself ends, that is the answer of the command it was at, and the last.

        Args:
            commands: What to run, and the seconds each may take. All but the last get a subshell, for which
                their quoting must be whole.
            way: As for `shell`.

        Raises:
            DeviceError: If the phone is out of reach, or a command does not end in time.
        """
        answers = Answers([command for command, _ in commands], way)
        with self._connected("The command may have run on the phone, or run still.") as channels:
            stream = None
            for _, timeout_s in commands:
                deadline = time.monotonic() + timeout_s
                stream = stream or channels.open(f"shell:{answers.line}".encode(), deadline=deadline)
                while (output := answers.next()) is None:
                    data = self._read_in_time(stream.read, deadline, timeout_s)
                    if not data:
                        raise LinkError("ended the shell without an exit code", _LOOK)
                    answers.feed(data)
                yield output
                if answers.ended:
                    stream.close(deadline)
                    return

    def push(self, source: Path, remote: str, *, mode: int, progress: Progress) -> None:
        """Copy a file to the absolute path `remote` with permission bits `mode`.

        Raises:
            DeviceError: If it did not arrive whole; FAIL is told in the phone's words.
            InputError: If `source` cannot be read.
        """
        try:
            stream = source.open("rb")
            size = source.stat().st_size
        except OSError as error:
            raise files.unreadable(source, error) from error
        with (
            stream,
            self._connected(f"{remote} on the phone may be incomplete; nothing was started.") as way,
        ):
            deadline = self._deadline(size)
            channel = way.open(b"sync:", deadline=deadline())
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
        with self._connected(f"Nothing was written to {target}; the phone is as it was.") as way:
            limit = self._deadline(0)
            channel = way.open(b"sync:", deadline=limit())
            sync = Sync(channel, lambda: limit())
            found = sync.stat(remote)
            if not found.mode:
                raise LinkError(f"has no file {remote}, or hides it", "Check the path; it may need root.")
            # /proc and /sys tell sizes that mean nothing, and block devices 0.
            sized = stat.S_ISREG(found.mode) and found.size > 0 and not remote.startswith(("/proc/", "/sys/"))
            most = found.size if sized else _UNSIZED
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

    def wait(self, command: str = "echo", *, timeout_s: float, way: str = SHELL) -> Output:
        """Connect anew and run `command` as `shell` does, trying until the phone answers.

        Raises:
            DeviceError: If it does not within `timeout_s` seconds; tells why the last whole try failed.
        """
        start = time.monotonic()
        end = start + timeout_s
        probe_s = self._probe_timeout_s
        reason: DeviceError | None = None
        while True:
            self.close()
            begun = time.monotonic()
            try_s = min(probe_s, max(end - begun, 0.01))
            try:
                self._connect_anew(try_s, end)
                begun = time.monotonic()
                try_s = min(probe_s, max(end - begun, 0.01))
                return self.shell(command, timeout_s=try_s, way=way)
            except DeviceError as error:
                if reason is None or try_s == probe_s:  # a try cut short only tells that there was no time
                    reason = error
                if time.monotonic() - begun >= probe_s:  # else the phone has answered, or is not there
                    probe_s = min(probe_s * _GROWTH, _LONGEST_PROBE_S)
            left = end - time.monotonic()
            if left <= 0:
                raise DeviceError(
                    f"the phone did not come back within {timeout_s:.0f} s: {reason.what}",
                    state="Nothing more was sent to it.",
                    fix=reason.fix,
                ) from reason
            time.sleep(min(pause_s(start), left))

    def _lost(self, error: LinkError, state: str) -> DeviceError:
        return DeviceError(f"{self._name} {error.what}", state=state, fix=error.fix)

    def _deadline(self, size: int) -> Callable[[], float]:
        """The time for the next packet of a transfer of `size` bytes: idle and overall limits."""
        end = time.monotonic() + self._idle_timeout_s + size / _SLOWEST
        return lambda: min(end, time.monotonic() + self._idle_timeout_s)

    @staticmethod
    def _read_in_time(read: Callable[[float], bytes], deadline: float, timeout_s: float) -> bytes:
        try:
            return read(deadline)
        except LinkError as error:
            if time.monotonic() < deadline:
                raise
            raise LinkError(f"did not end the command within {timeout_s:.0f} s", _LOOK) from error

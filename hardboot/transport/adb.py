"""A phone reached over TCP: the adbd of the virtual phone, or of a phone after `adb tcpip 5555`."""

import re
import secrets
import shlex
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hardboot import files, log
from hardboot.errors import DeviceError, InputError
from hardboot.transport import adb_keys
from hardboot.transport.adb_link import Link, LinkError
from hardboot.transport.adb_sync import Sync
from hardboot.transport.base import Output, Progress

_OUTPUT_MAX = 16 * 1024 * 1024  # bytes; more than any command hardboot runs may print
_SLOWEST = 256 * 1024  # bytes per second; a transfer slower than this as a whole has failed
_UNSIZED = 512 * 1024 * 1024  # bytes; the most of a file whose size the phone does not tell
_LOOK = "Look at what the phone does, then try again."
_LONGEST_PAUSE_S = 0.3
_LONGEST_PROBE_S = 10.0


class AdbTcp:
    """The phone at HOST:PORT; connects when first used, and anew after every failure.

    Args:
        host: Name or address.
        port: TCP port of adbd.
        connect_timeout_s: For the TCP connection and a handshake that needs no user, seconds.
        idle_timeout_s: A transfer ends when nothing moves for this long, seconds.
        auth_timeout_s: How long the phone's user has to confirm this computer's key, seconds.
        probe_timeout_s: The first time-out of one try of `wait`, seconds; it grows with each try. A short
            one: in front of a virtual phone QEMU accepts every connection, whether or not somebody listens.
        key_folder: Where adbkey and adbkey.pub are; None is adb's own folder.
    """

    def __init__(
        self,
        host: str,
        port: int = 5555,
        *,
        connect_timeout_s: float = 5.0,
        idle_timeout_s: float = 20.0,
        auth_timeout_s: float = 30.0,
        probe_timeout_s: float = 2.0,
        key_folder: Path | None = None,
    ) -> None:
        self.serial = f"{host}:{port}"
        self._host = host
        self._port = port
        self._connect_timeout_s = connect_timeout_s
        self._idle_timeout_s = idle_timeout_s
        self._auth_timeout_s = auth_timeout_s
        self._probe_timeout_s = probe_timeout_s
        self._key_folder = key_folder
        self._link: Link | None = None

    def shell(self, command: str, *, timeout_s: float) -> Output:
        """Run `command` in the phone's shell as the ADB user. The caller has quoted it.

        The exit code is printed by the shell itself behind a random word: phones before Android 7 have no
        other way to tell it. `command` gets a shell of its own, so that `exit` or broken quoting in it cannot
        hide the code. A command that leaves something running in the background returns all the same.

        Raises:
            DeviceError: If the phone is out of reach, or the command does not end in `timeout_s` seconds.
        """
        deadline = time.monotonic() + timeout_s
        marker = secrets.token_hex(8)
        told = re.compile(rf"{marker}(\d{{1,3}})\r?\n".encode())
        service = f"shell:sh -c {shlex.quote(command)}; echo {marker}$?"
        text = bytearray()
        found = None
        with self._connected("The command may have run on the phone, or run still.") as link:
            stream = link.open(service.encode(), deadline=deadline)
            while found is None:
                data = self._read_in_time(stream.read, deadline, timeout_s)
                if not data:
                    raise LinkError("ended the shell without an exit code", _LOOK)
                searched = max(len(text) - 2 * len(marker), 0)
                text += data
                found = told.search(text, searched)
                if len(text) > _OUTPUT_MAX:
                    raise LinkError(f"printed more than {_OUTPUT_MAX} bytes", "Report this with -v.")
            stream.close(deadline)
        printed = bytes(text[: found.start()]).replace(b"\r\n", b"\n")
        return Output(printed.decode(errors="replace"), int(found[1]))

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
            self._connected(f"{remote} on the phone may be incomplete; nothing was started.") as link,
        ):
            deadline = self._deadline(size)
            channel = link.open(b"sync:", deadline=deadline())
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
                    unchanged=f"{remote} on the phone is incomplete; nothing was started.",
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
        with self._connected(f"Nothing was written to {target}; the phone is as it was.") as link:
            limit = self._deadline(0)
            channel = link.open(b"sync:", deadline=limit())
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

    def wait(self, *, timeout_s: float) -> None:
        """Connect anew, trying until a shell on the phone answers.

        Raises:
            DeviceError: If it does not within `timeout_s` seconds; tells why the last try failed.
        """
        end = time.monotonic() + timeout_s
        probe_s, pause_s = self._probe_timeout_s, 0.05
        while True:
            self.close()
            try:
                self._connect(min(probe_s, max(end - time.monotonic(), 0.01)), end)
                self.shell("echo", timeout_s=min(probe_s, max(end - time.monotonic(), 0.01)))
                return
            except DeviceError as error:
                left = end - time.monotonic()
                if left <= 0:
                    raise DeviceError(
                        f"the phone did not come back within {timeout_s:.0f} s: {error.what}",
                        unchanged="Nothing more was sent to it.",
                        fix=error.fix,
                    ) from error
            time.sleep(min(pause_s, left))
            probe_s, pause_s = min(probe_s * 1.5, _LONGEST_PROBE_S), min(pause_s * 1.5, _LONGEST_PAUSE_S)

    def close(self) -> None:
        """Drop the connection; never fails."""
        link, self._link = self._link, None
        if link is not None:
            link.close()

    def _connect(self, timeout_s: float, end: float | None = None) -> Link:
        """Connect and shake hands; the user's confirmation may take until `end` at the latest."""

        def ask() -> float:
            log.warn(f"{self.serial} asks whether to trust this computer: confirm the dialog on the phone")
            limit = time.monotonic() + self._auth_timeout_s
            return limit if end is None else min(limit, end)

        deadline = time.monotonic() + timeout_s
        try:
            self._link = link = Link(self._host, self._port, deadline=deadline)
            link.handshake(
                lambda: adb_keys.signer(self._key_folder or adb_keys.default_folder()), ask, deadline=deadline
            )
        except LinkError as error:
            self.close()
            raise self._lost(error, "Nothing was sent.") from error
        except BaseException:
            self.close()
            raise
        return link

    @contextmanager
    def _connected(self, unchanged: str) -> Iterator[Link]:
        """The connection, made if there is none; it is dropped if the work on it does not end well."""
        link = self._link or self._connect(self._connect_timeout_s)
        try:
            yield link
        except LinkError as error:
            self.close()
            raise self._lost(error, unchanged) from error
        except BaseException:
            self.close()
            raise

    def _lost(self, error: LinkError, unchanged: str) -> DeviceError:
        return DeviceError(f"the phone at {self.serial} {error.what}", unchanged=unchanged, fix=error.fix)

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

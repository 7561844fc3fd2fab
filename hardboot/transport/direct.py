"""Phones that hardboot speaks with itself: over TCP, or over USB without an ADB server."""

import contextlib
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path

from hardboot.base import log
from hardboot.base.errors import DeviceError
from hardboot.transport import keys
from hardboot.transport.errors import GoneError, LinkError, NoAnswerError, remaining
from hardboot.transport.first_answering import connect_first_answering
from hardboot.transport.link import Link
from hardboot.transport.services import DEFAULT_TIMEOUTS, SHORTEST_PAUSE_S, AdbServices, Timeouts, pause_s
from hardboot.transport.tcp import TcpTransport

_RESET_S = 10.0  # until a phone whose port was reset is back on the bus; usb.cpp needs some 0.1 s, init more


class DirectAdb(AdbServices):
    """A phone with one connection; it connects when first used, and anew after every failure.

    Args:
        serial: What users call the phone.
        name: What errors call it.
        timeouts: How long to wait for it.
        key_folder: Where adbkey and adbkey.pub are; None is adb's own folder.
    """

    def __init__(self, serial: str, name: str, timeouts: Timeouts, key_folder: Path | None) -> None:
        super().__init__(serial, name, timeouts)
        self._key_folder = key_folder
        self._link: Link | None = None

    @abstractmethod
    def _greeted(self, deadline: float) -> Link:
        """Return a new connection on which HELLO was sent. Raises LinkError."""

    def close(self) -> None:
        """Drop the connection; never fails."""
        link, self._link = self._link, None
        if link is not None:
            link.close()

    def _connect(self, greeted: Callable[[], Link], timeout_s: float, end: float | None = None) -> Link:
        """Connect and shake hands; the user's confirmation may take until `end` at the latest."""

        def ask() -> float:
            log.warn(f"{self.serial} asks whether to trust this computer: confirm the dialog on the phone")
            limit = time.monotonic() + self._timeouts.auth_s
            return limit if end is None else min(limit, end)

        try:
            self._link = link = greeted()
            link.handshake(
                lambda: keys.load_signer(self._key_folder or keys.default_folder()),
                ask,
                deadline=time.monotonic() + timeout_s,
            )
        except LinkError as error:
            self.close()
            raise self._device_error(error, "Nothing was sent.") from error
        except BaseException:
            self.close()
            raise
        return link

    @contextlib.contextmanager
    def _connected(self, state: str) -> Iterator[Link]:
        """Yield the connection, made if there is none; it is dropped if the work on it fails."""
        timeout_s = self._timeouts.connect_s
        deadline = time.monotonic() + timeout_s
        link = self._link or self._connect(lambda: self._greeted(deadline), timeout_s)
        try:
            yield link
        except LinkError as error:
            self.close()
            raise self._device_error(error, state) from error
        except BaseException:
            self.close()
            raise


class AdbTcp(DirectAdb):
    """The phone at HOST:PORT: the virtual phone, or one after `adb tcpip 5555`.

    Args:
        host: Name or address.
        port: TCP port of adbd.
        timeouts: How long to wait for it.
        key_folder: Where adbkey and adbkey.pub are; None is adb's own folder.
    """

    def __init__(
        self,
        host: str,
        port: int = 5555,
        *,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
        key_folder: Path | None = None,
    ) -> None:
        super().__init__(f"{host}:{port}", f"the phone at {host}:{port}", timeouts, key_folder)
        self._host = host
        self._port = port

    def _greeted(self, deadline: float) -> Link:
        transport = TcpTransport(self._host, self._port)
        transport.connect(remaining(deadline))
        link = Link(transport)
        link.greet(deadline=deadline)
        return link

    def _reconnect(self, timeout_s: float, end: float) -> None:
        start = time.monotonic()

        def first_answering() -> Link:
            transport = TcpTransport(self._host, self._port)
            transport.use(
                connect_first_answering(
                    self._host, self._port, patience_s=timeout_s, pause_s=lambda: pause_s(start), end=end
                )
            )
            return Link(transport)

        self._connect(first_answering, timeout_s, end)


class AdbUsb(DirectAdb):
    """A phone on USB, with no ADB server between.

    Args:
        serial: The phone's serial, or the name of its port (usb:1-2) if it has none.
        timeouts: How long to wait for it.
        key_folder: Where adbkey and adbkey.pub are; None is adb's own folder.
    """

    def __init__(
        self, serial: str, *, timeouts: Timeouts = DEFAULT_TIMEOUTS, key_folder: Path | None = None
    ) -> None:
        super().__init__(serial, f"the phone {serial}", timeouts, key_folder)

    def _greeted(self, deadline: float) -> Link:
        from hardboot.transport import usb

        transport = usb.find(self.serial)  # anew each time: a phone that was reset is another USB device
        transport.connect(remaining(deadline))
        link = Link(transport, skip_stale=True)
        link.greet(deadline=deadline)
        return link

    def _reconnect(self, timeout_s: float, end: float) -> None:
        self._connect(lambda: self._greeted(time.monotonic() + timeout_s), timeout_s, end)

    def _connect(self, greeted: Callable[[], Link], timeout_s: float, end: float | None = None) -> Link:
        """Connect; a phone that does not answer has its USB port reset, once.

        A program that was stopped in the middle of a packet leaves adbd waiting for the rest: it takes the
        next packets for that. After a reset it opens its function anew, and the phone leaves the bus for it.
        """
        try:
            return super()._connect(greeted, timeout_s, end)
        except DeviceError as error:
            if not isinstance(error.__cause__, NoAnswerError):
                raise
        log.detail(f"{self.serial} does not answer: resetting its USB port")
        self._reset(timeout_s)
        limit = time.monotonic() + _RESET_S
        if end is not None:
            limit = min(limit, end)
        while True:
            try:
                return super()._connect(lambda: self._greeted(time.monotonic() + timeout_s), timeout_s, end)
            except DeviceError as error:
                if time.monotonic() >= limit or not isinstance(error.__cause__, NoAnswerError | GoneError):
                    raise
            time.sleep(SHORTEST_PAUSE_S)

    def _reset(self, timeout_s: float) -> None:
        from hardboot.transport import usb

        with contextlib.suppress(LinkError):
            transport = usb.find(self.serial)
            transport.connect(timeout_s)
            transport.reset()


def find_usb_serials() -> list[str] | None:
    """Return the serials of the phones on USB; None if USB cannot be used without an ADB server."""
    try:
        from hardboot.transport import usb
    except ImportError as error:
        log.detail(f"no USB without an ADB server: {error}")
        return None
    return [phone.serial_number for phone in usb.find_all()]

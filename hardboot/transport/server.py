"""A phone reached through a running ADB server: on USB, paired over Wi-Fi, or connected by `adb connect`."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from hardboot.base import log
from hardboot.transport import server_requests
from hardboot.transport.errors import LinkError
from hardboot.transport.server_channel import NoServerError, ServerChannel
from hardboot.transport.services import DEFAULT_TIMEOUTS, AdbServices, Timeouts

_LIST_S = 2.0  # for a server on this computer; it answers in milliseconds
_SHAKE_S = 5.0  # for a phone that accepted the connection
_POLL_S = 0.05


class AdbServer(AdbServices):
    """The phone the server calls `serial`. Every use is a connection of its own; a server is never started.

    Args:
        serial: As `adb devices` shows it.
        timeouts: How long to wait for it; the server makes the connection, and asks the user, by itself.
    """

    def __init__(self, serial: str, timeouts: Timeouts = DEFAULT_TIMEOUTS) -> None:
        super().__init__(serial, f"the phone {serial}", timeouts)
        host, _, port = serial.rpartition(":")
        self._on_network = bool(host) and port.isdecimal()

    def close(self) -> None:
        """Do nothing: no connection is left open between two uses."""

    def _reconnect(self, timeout_s: float, end: float) -> None:
        """On the network nothing tells the server that the phone was reset; on USB it sees that itself."""
        if self._on_network:
            deadline = min(time.monotonic() + timeout_s, end)
            try:
                server_requests.reconnect(self.serial, deadline)
            except LinkError as error:
                raise self._device_error(error, "Nothing was sent.") from error

    @contextmanager
    def _connected(self, state: str) -> Iterator["_Opener"]:
        opener = _Opener(self.serial)
        try:
            yield opener
        except LinkError as error:
            raise self._device_error(error, state if opener.channel else "Nothing was sent.") from error
        finally:
            if opener.channel:
                opener.channel.close()


class _Opener:
    """Opens one service, and remembers its channel."""

    def __init__(self, serial: str) -> None:
        self._serial = serial
        self.channel: ServerChannel | None = None

    def open(self, service: bytes, *, deadline: float) -> ServerChannel:
        """Open a channel to `service`."""
        self.channel = server_requests.open_service(self._serial, service, deadline)
        return self.channel


def find_states() -> dict[str, str] | None:
    """Return the phones that a running server lists, each with its state; None if no server runs.

    A server that does not answer lists none.

    Raises:
        InputError: If the environment does not say where the server is.
    """
    try:
        return server_requests.list_states(time.monotonic() + _LIST_S)
    except NoServerError as error:
        log.detail(error.what)
        return None
    except LinkError as error:
        log.detail(f"no phones by an ADB server: {error.what}")
        return {}


def is_online(serial: str, state: str) -> bool:
    """Return whether the server reaches the phone at HOST:PORT, which it lists with `state`.

    What it calls offline may have restarted since: nothing told it so. Then it is made to connect again, so
    that adb works with the phone, too.
    """
    if state != "offline":
        return True
    try:
        server_requests.reconnect(serial, time.monotonic() + _LIST_S)
        end = time.monotonic() + _SHAKE_S
        while (now := server_requests.list_states(time.monotonic() + _LIST_S).get(serial)) != "device":
            # It answers that it is connected before it has shaken hands with the phone.
            if (now and "authoriz" in now) or time.monotonic() > end:
                return False
            time.sleep(_POLL_S)
        return True
    except LinkError as error:
        log.detail(f"the ADB server does not reach {serial}: {error.what}")
        return False

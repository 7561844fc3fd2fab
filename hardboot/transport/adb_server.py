"""A phone reached through a running ADB server: on USB, paired over Wi-Fi, or connected by `adb connect`."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hardboot.base import log
from hardboot.transport.adb_channel import ServerChannel, dial
from hardboot.transport.adb_link import LinkError
from hardboot.transport.adb_services import AdbServices

if TYPE_CHECKING:
    from hardboot.transport.adb_requests import Client

_LOOK_S = 2.0  # for a server on this computer; it answers in milliseconds


class AdbServer(AdbServices):
    """The phone the server calls `serial`. Every use is a connection of its own; a server is never started.

    Args:
        serial: As `adb devices` shows it.
        idle_timeout_s: A transfer ends when nothing moves for this long, seconds.
        probe_timeout_s: How long one try of `wait` may stay without an answer at first, seconds.
    """

    def __init__(self, serial: str, *, idle_timeout_s: float = 20.0, probe_timeout_s: float = 3.0) -> None:
        super().__init__(
            serial, f"the phone {serial}", idle_timeout_s=idle_timeout_s, probe_timeout_s=probe_timeout_s
        )
        host, _, port = serial.rpartition(":")
        self._on_network = bool(host) and port.isdecimal()

    def close(self) -> None:
        """Nothing is left open between two uses."""

    def _connect_anew(self, timeout_s: float, end: float) -> None:
        """On the network nobody tells the server that the phone was reset; on USB it sees that itself."""
        if self._on_network:
            deadline = min(time.monotonic() + timeout_s, end)
            try:
                _client(deadline).connect_anew(self.serial)
            except LinkError as error:
                raise self._lost(error, "Nothing was sent.") from error

    @contextmanager
    def _connected(self, state: str) -> Iterator["_Door"]:
        door = _Door(self.serial)
        try:
            yield door
        except LinkError as error:
            raise self._lost(error, state if door.channel else "Nothing was sent.") from error
        finally:
            if door.channel:
                door.channel.close()


class _Door:
    """The way to one service."""

    def __init__(self, serial: str) -> None:
        self._serial = serial
        self.channel: ServerChannel | None = None

    def open(self, service: bytes, *, deadline: float) -> ServerChannel:
        """A channel to `service`."""
        self.channel = _client(deadline).open(self._serial, service)
        return self.channel


def find_states() -> dict[str, str]:
    """The phones a running server lists, each with its state; none without a server.

    Raises:
        InputError: If the environment does not say where the server is.
    """
    deadline = time.monotonic() + _LOOK_S
    try:
        return _client(deadline).states()
    except LinkError as error:
        log.detail(f"no phones by an ADB server: {error.what}")
        return {}


def find_serials() -> list[str]:
    """The phones of `find_states` that can be used now."""
    return [serial for serial, state in find_states().items() if state == "device"]


def _client(deadline: float) -> "Client":
    dial(deadline).close()  # adbutils takes long to import: not for a computer without a server
    from hardboot.transport.adb_requests import Client

    return Client(deadline)

"""A phone reached over TCP: the adbd of the virtual phone, or of a phone after `adb tcpip 5555`."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hardboot.base import log
from hardboot.transport import adb_keys
from hardboot.transport.adb_dial import dial, knock
from hardboot.transport.adb_link import Link, LinkError
from hardboot.transport.adb_services import AdbServices, pause_s


class AdbTcp(AdbServices):
    """The phone at HOST:PORT; connects when first used, and anew after every failure.

    Args:
        host: Name or address.
        port: TCP port of adbd.
        connect_timeout_s: For the TCP connection and a handshake that needs no user, seconds.
        idle_timeout_s: A transfer ends when nothing moves for this long, seconds.
        auth_timeout_s: How long the phone's user has to confirm this computer's key, seconds.
        probe_timeout_s: How long one try of `wait` may stay without an answer at first, seconds.
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
        probe_timeout_s: float = 3.0,
        key_folder: Path | None = None,
    ) -> None:
        serial = f"{host}:{port}"
        super().__init__(
            serial, f"the phone at {serial}", idle_timeout_s=idle_timeout_s, probe_timeout_s=probe_timeout_s
        )
        self._host = host
        self._port = port
        self._connect_timeout_s = connect_timeout_s
        self._auth_timeout_s = auth_timeout_s
        self._key_folder = key_folder
        self._link: Link | None = None

    def close(self) -> None:
        """Drop the connection; never fails."""
        link, self._link = self._link, None
        if link is not None:
            link.close()

    def _connect_anew(self, timeout_s: float, end: float) -> None:
        start = time.monotonic()

        def first() -> socket.socket:
            host, port = self._host, self._port
            return knock(host, port, patience_s=timeout_s, pause_s=lambda: pause_s(start), end=end)

        self._connect(first, timeout_s, end)

    def _connect_now(self) -> Link:
        timeout_s = self._connect_timeout_s
        deadline = time.monotonic() + timeout_s
        return self._connect(lambda: dial(self._host, self._port, deadline=deadline), timeout_s)

    def _connect(
        self, greeted: Callable[[], socket.socket], timeout_s: float, end: float | None = None
    ) -> Link:
        """Connect and shake hands; the user's confirmation may take until `end` at the latest."""

        def ask() -> float:
            log.warn(f"{self.serial} asks whether to trust this computer: confirm the dialog on the phone")
            limit = time.monotonic() + self._auth_timeout_s
            return limit if end is None else min(limit, end)

        try:
            self._link = link = Link(greeted())
            link.handshake(
                lambda: adb_keys.signer(self._key_folder or adb_keys.default_folder()),
                ask,
                deadline=time.monotonic() + timeout_s,
            )
        except LinkError as error:
            self.close()
            raise self._lost(error, "Nothing was sent.") from error
        except BaseException:
            self.close()
            raise
        return link

    @contextmanager
    def _connected(self, state: str) -> Iterator[Link]:
        """The connection, made if there is none; it is dropped if the work on it does not end well."""
        link = self._link or self._connect_now()
        try:
            yield link
        except LinkError as error:
            self.close()
            raise self._lost(error, state) from error
        except BaseException:
            self.close()
            raise

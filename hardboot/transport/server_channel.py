"""The socket to a running ADB server, which is never started here, and bytes to and from one service."""

import contextlib
import os
import select
import socket

from hardboot.base.errors import InputError
from hardboot.transport.errors import LinkError, NoAnswerError, remaining

_HOST, _PORT = "127.0.0.1", "5037"  # adb.h, DEFAULT_ADB_PORT
_MAX_DATA = 256 * 1024  # bytes of one write; the server cuts packets for the phone itself
_RECEIVE = 256 * 1024  # bytes asked of the socket at once
RESTART = "Restart the server: adb kill-server, adb start-server. Then look: adb devices"
CABLE = "Check the cable and that the phone is on; adb devices must show it as `device`. Then try again."


class NoServerError(LinkError):
    """No ADB server runs."""


def address() -> tuple[str, int]:
    """Return host and port of the server, from the variables that adb's own client reads.

    Raises:
        InputError: If ANDROID_ADB_SERVER_PORT is not a port.
    """
    port = os.environ.get("ANDROID_ADB_SERVER_PORT") or _PORT
    if not (port.isascii() and port.isdecimal() and len(port) <= 5 and 0 < int(port) < 65536):
        raise InputError(
            f"ANDROID_ADB_SERVER_PORT is {port!r}, which is not a TCP port",
            state="Nothing was sent.",
            fix="Unset it, or set it to the port the ADB server listens on (5037).",
        )
    return os.environ.get("ANDROID_ADB_SERVER_ADDRESS") or _HOST, int(port)


def dial(deadline: float) -> socket.socket:
    """Return a connection to the server.

    Raises:
        NoServerError: If none runs.
        LinkError: If it does not answer by `deadline`.
        InputError: If ANDROID_ADB_SERVER_PORT is not a port.
    """
    host, port = address()
    try:
        return socket.create_connection((host, port), timeout=remaining(deadline))
    except ConnectionRefusedError as error:
        raise NoServerError(
            f"cannot be reached: no ADB server runs at {host}:{port}",
            "Start one: adb start-server. Then look: adb devices",
        ) from error
    except (OSError, UnicodeError) as error:  # UnicodeError: a host name that IDNA cannot encode
        raise LinkError(
            f"cannot be reached: the ADB server at {host}:{port} does not answer: {error}", RESTART
        ) from error


class ServerChannel:
    """Bytes to and from one service of a phone; `connected` is at its first byte."""

    max_data = _MAX_DATA

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected

    @property
    def pending(self) -> bool:
        """True if the phone has sent bytes that were not read yet, or the channel has ended."""
        return bool(select.select([self._socket], [], [], 0)[0])

    def write(self, data: bytes, deadline: float) -> None:
        """Send `data`; return when the server accepted it, or the phone answered and accepts no more.

        Raises:
            LinkError: If the server does not accept it.
        """
        try:
            self._socket.settimeout(remaining(deadline))
            self._socket.sendall(data)
        except OSError as error:
            if self.pending:
                return
            if isinstance(error, TimeoutError):
                raise LinkError("takes no more data", CABLE) from error
            raise lost(error) from error

    def read(self, deadline: float) -> bytes:
        """Return the next bytes from the phone; empty when the service, the phone or the server has ended.

        Raises:
            LinkError: If none come by `deadline`.
        """
        try:
            self._socket.settimeout(remaining(deadline))
            return self._socket.recv(_RECEIVE)
        except TimeoutError as error:
            raise NoAnswerError(fix=CABLE) from error
        except OSError as error:
            raise lost(error) from error

    def close(self, _deadline: float = 0.0) -> None:
        """Drop the connection: the server tells the phone. Never fails."""
        with contextlib.suppress(OSError):
            self._socket.close()


def lost(error: OSError) -> LinkError:
    """Return the error for a connection to the server that broke."""
    return LinkError(f"was lost: the connection to the ADB server broke: {error.strerror or error}", CABLE)

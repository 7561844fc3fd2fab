"""Bytes to and from adbd over TCP."""

import contextlib
import socket
import time

from adb_shell.exceptions import TcpTimeoutException
from adb_shell.transport import tcp_transport

from hardboot.transport.errors import LinkError, NoAnswerError, broken, remaining

_RECEIVE = 256 * 1024  # bytes asked of the socket at once


class TcpTransport(tcp_transport.TcpTransport):
    """adb_shell's TCP transport with whole sends, exact reads, and an error at the end of the connection.

    Its own bulk_write sends what fits into the socket's buffer, its bulk_read returns what is there and b""
    for ever once the phone has closed.
    """

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port)
        self._buffer = bytearray()

    def connect(self, transport_timeout_s: float) -> None:
        """Connect within so many seconds, more than 0.

        Raises:
            LinkError: If nothing answers there.
        """
        try:
            super().connect(transport_timeout_s)
        except (OSError, UnicodeError) as error:  # UnicodeError: a host name that IDNA cannot encode
            raise unreachable(error) from error
        self._set_nodelay()

    def use(self, connected: socket.socket) -> None:
        """Go on with a connection that was made elsewhere."""
        connected.setblocking(False)
        self._connection = connected
        self._set_nodelay()

    def _set_nodelay(self) -> None:
        assert self._connection
        # Without it a packet waits for the ACK of the one before, which the phone delays by 40 ms.
        with contextlib.suppress(OSError):  # the phone may have reset the connection already
            self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def bulk_read(self, numbytes: int, transport_timeout_s: float) -> bytes:
        """Return exactly `numbytes` bytes.

        Raises:
            LinkError: If they do not come within so many seconds, or the connection ends.
        """
        deadline = time.monotonic() + transport_timeout_s
        while len(self._buffer) < numbytes:
            try:
                data = super().bulk_read(_RECEIVE, remaining(deadline))
            except TcpTimeoutException as error:
                raise NoAnswerError from error
            except OSError as error:
                raise broken(error) from error
            if not data:
                raise LinkError("closed the connection")
            self._buffer += data
        result = bytes(memoryview(self._buffer)[:numbytes])
        del self._buffer[:numbytes]
        return result

    def bulk_write(self, data: bytes | memoryview, transport_timeout_s: float) -> int:
        """Send all of `data`; return its size.

        Raises:
            LinkError: If the phone does not accept it within so many seconds, or the connection ends.
        """
        deadline = time.monotonic() + transport_timeout_s
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[super().bulk_write(rest, remaining(deadline)) :]
            except (TcpTimeoutException, NoAnswerError) as error:
                raise NoAnswerError("takes no more data") from error
            except OSError as error:
                raise broken(error) from error
        return len(data)

    def close(self) -> None:
        """Drop the connection; never fails."""
        with contextlib.suppress(OSError):
            super().close()


def unreachable(error: OSError | UnicodeError) -> LinkError:
    """Return the error for a phone to which no connection can be made."""
    if isinstance(error, TimeoutError):
        return NoAnswerError()
    if isinstance(error, ConnectionRefusedError):
        return LinkError(
            "refuses the connection: no ADB listens there",
            "Turn on USB debugging and ADB over TCP (adb tcpip 5555), or start the virtual phone.",
        )
    return LinkError(f"cannot be reached: {error}", "Check the name or address and the port.")

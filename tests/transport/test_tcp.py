"""Bytes over TCP: whole, exact, and with an end."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from adb_shell.transport import tcp_transport

from hardboot.transport.errors import LinkError, NoAnswerError
from hardboot.transport.tcp import TcpTransport

pytestmark = pytest.mark.timeout(30)  # nothing here may hang


@pytest.fixture
def there() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.fixture
def ends(there: socket.socket) -> Iterator[tuple[TcpTransport, socket.socket]]:
    """Yield a transport, and the phone's end of its connection."""
    transport = TcpTransport(*there.getsockname())
    transport.connect(5)
    phone, _ = there.accept()
    with phone:
        yield transport, phone
    transport.close()


Ends = tuple[TcpTransport, socket.socket]


def test_a_read_gives_exactly_what_was_asked_for(ends: Ends) -> None:
    transport, phone = ends
    phone.sendall(b"abcdef")
    assert transport.bulk_read(2, 5) == b"ab"
    threading.Timer(0.05, phone.sendall, [b"gh"]).start()
    assert transport.bulk_read(6, 5) == b"cdefgh"


def test_a_read_ends_where_the_connection_ends(ends: Ends) -> None:
    transport, phone = ends
    phone.sendall(b"abc")
    phone.shutdown(socket.SHUT_WR)
    start = time.monotonic()
    with pytest.raises(LinkError, match="closed the connection"):
        transport.bulk_read(4, 20)
    assert time.monotonic() - start < 10


def test_a_read_that_comes_too_late_is_told_in_time(ends: Ends) -> None:
    transport, phone = ends
    phone.sendall(b"abc")
    start = time.monotonic()
    with pytest.raises(NoAnswerError, match="does not answer"):
        transport.bulk_read(4, 0.1)
    assert time.monotonic() - start < 5
    phone.sendall(b"d")
    assert transport.bulk_read(4, 5) == b"abcd"


def test_a_phone_that_drips_does_not_extend_the_time(ends: Ends) -> None:
    transport, phone = ends
    ended = threading.Event()

    def drip() -> None:
        with contextlib.suppress(OSError):
            while not ended.wait(0.02):
                phone.sendall(b"x")

    thread = threading.Thread(target=drip)
    thread.start()
    with pytest.raises(NoAnswerError):
        transport.bulk_read(1 << 20, 0.3)
    ended.set()
    thread.join()


def test_a_write_is_whole_however_little_the_socket_takes(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    transport, phone = ends
    real = tcp_transport.TcpTransport.bulk_write
    monkeypatch.setattr(
        tcp_transport.TcpTransport, "bulk_write", lambda self, data, wait_s: real(self, data[:3], wait_s)
    )
    assert transport.bulk_write(b"abcdefgh", 5) == 8
    assert phone.recv(100, socket.MSG_WAITALL | socket.MSG_DONTWAIT) == b"abcdefgh"


def test_a_phone_that_takes_no_more_is_told_in_time(ends: Ends) -> None:
    transport, _ = ends
    with pytest.raises(NoAnswerError, match="takes no more data"):
        transport.bulk_write(bytes(64 << 20), 0.2)


def test_a_connection_that_was_reset_is_told(ends: Ends) -> None:
    transport, phone = ends
    phone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    phone.close()
    with pytest.raises(LinkError, match="lost the connection"):
        transport.bulk_read(1, 5)
    with pytest.raises(LinkError, match="lost the connection"):
        transport.bulk_write(b"x", 5)


def test_small_packets_are_sent_at_once(there: socket.socket, ends: Ends) -> None:
    other = TcpTransport("x", 1)
    other.use(socket.create_connection(there.getsockname()))
    for transport in (ends[0], other):
        assert transport._connection
        assert transport._connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert not transport._connection.getblocking()
    other.close()


def test_close_never_fails(ends: Ends) -> None:
    transport, _ = ends
    transport.close()
    transport.close()


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (TimeoutError(), "does not answer"),
        (ConnectionRefusedError(111, "refused"), "refuses the connection: no ADB listens there"),
        (OSError(101, "Network is unreachable"), "cannot be reached: .*Network is unreachable"),
    ],
)
def test_why_no_connection_is_made_is_told(
    error: OSError, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise error

    monkeypatch.setattr(socket, "create_connection", fail)
    with pytest.raises(LinkError, match=told):
        TcpTransport("phone", 5555).connect(1)

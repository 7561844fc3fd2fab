"""The first TCP connection that is answered, for a phone that is still starting."""

import itertools
import os
import select
import socket
import time
from collections.abc import Callable

from hardboot.transport.errors import LinkError, NoAnswerError, broken
from hardboot.transport.packets import HELLO
from hardboot.transport.tcp import unreachable


def connect_first_answering(
    host: str, port: int, *, patience_s: float, pause_s: Callable[[], float], end: float
) -> socket.socket:
    """Return the first connection on which the phone answers HELLO, which was sent on it.

    What was sent before the phone listened is lost, and TCP sends it again only after a second or more; in
    front of a virtual phone QEMU even accepts it. So the next connection is tried while the earlier ones may
    still be answered.

    Args:
        host: Name or address.
        port: TCP port.
        patience_s: A connection on which nothing comes is given up after so many seconds.
        pause_s: Called for the seconds until the next one is tried.
        end: When to give up, a time of time.monotonic().

    Raises:
        LinkError: If none is answered by `end`; says why the last one that failed by itself did.
    """
    reason: LinkError | None = None
    attempts: list[_Attempt] = []
    next_start = time.monotonic()
    try:
        addresses = itertools.cycle(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        while (now := time.monotonic()) < end:
            if now >= next_start:
                next_start = now + pause_s()
                attempts.append(_Attempt(next(addresses), now + patience_s))
            wake = min(next_start, end)
            reading = [attempt for attempt in attempts if attempt.greeted]
            writing = [attempt for attempt in attempts if not attempt.greeted]
            ready = select.select(reading, writing, writing, wake - now)
            for attempt in {attempt for attempts_ready in ready for attempt in attempts_ready}:
                try:
                    if attempt.advance():
                        attempts.remove(attempt)
                        return attempt.socket
                except OSError as error:
                    reason = broken(error) if attempt.greeted else unreachable(error)
                    attempt.limit = 0.0
            for attempt in [attempt for attempt in attempts if attempt.limit < now]:
                attempts.remove(attempt)
                attempt.socket.close()
    except (OSError, UnicodeError) as error:
        raise unreachable(error) from error
    finally:
        for attempt in attempts:
            attempt.socket.close()
    raise reason or NoAnswerError()


class _Attempt:
    """A connection that is being made to one address of the phone; given up at `limit`."""

    def __init__(self, address: tuple[int, int, int, str, tuple[object, ...]], limit: float) -> None:
        self.limit = limit
        self.greeted = False
        self.socket = socket.socket(*address[:3])
        self.socket.setblocking(False)
        self.socket.connect_ex(address[4])

    def fileno(self) -> int:
        """Return the descriptor, for select."""
        return self.socket.fileno()

    def advance(self) -> bool:
        """Take the step that select says is possible; return whether the phone has answered.

        Raises:
            OSError: If the connection failed.
        """
        if self.greeted:
            if not self.socket.recv(1, socket.MSG_PEEK):
                raise ConnectionResetError(0, "closed by the phone")
            return True
        error = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, os.strerror(error))
        self.socket.sendall(b"".join(HELLO))
        self.greeted = True
        return False

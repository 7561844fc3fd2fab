"""TCP connections to a phone's adbd: one now, or the first that is answered by a phone not there yet."""

import itertools
import os
import select
import socket
import time
from collections.abc import Callable

from hardboot.transport.adb_link import HELLO, LinkError, broken


def dial(host: str, port: int, *, deadline: float) -> socket.socket:
    """A connection on which the phone has been greeted.

    Raises:
        LinkError: If there is none by `deadline`, a time of time.monotonic().
    """
    try:
        connected = socket.create_connection((host, port), timeout=max(deadline - time.monotonic(), 0.01))
        connected.sendall(HELLO)
    except (OSError, UnicodeError) as error:  # UnicodeError: a host name that IDNA cannot encode
        raise _unreachable(error) from error
    return connected


def knock(
    host: str, port: int, *, patience_s: float, pause_s: Callable[[], float], end: float
) -> socket.socket:
    """The first connection on which the phone answers the greeting.

    What was sent before the phone listened is lost, and TCP sends it anew only after a second or more; in
    front of a virtual phone QEMU even accepts it. So the next one is tried while those before may still be
    answered.

    Args:
        host: Name or address.
        port: TCP port.
        patience_s: A connection on which nothing comes is given up after so many seconds.
        pause_s: Called for the seconds until the next one is tried.
        end: When to give up, a time of time.monotonic().

    Raises:
        LinkError: If none is answered by `end`; tells what came of the last one that failed by itself.
    """
    reason: LinkError | None = None
    tries: list[_Try] = []
    following = time.monotonic()
    try:
        addresses = itertools.cycle(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        while (now := time.monotonic()) < end:
            if now >= following:
                following = now + pause_s()
                tries.append(_Try(next(addresses), now + patience_s))
            limit = min(following, end)
            reading = [one for one in tries if one.greeted]
            writing = [one for one in tries if not one.greeted]
            for one in {
                one for ready in select.select(reading, writing, writing, limit - now) for one in ready
            }:
                try:
                    if one.is_answered():
                        tries.remove(one)
                        return one.socket
                except OSError as error:
                    reason = broken(error) if one.greeted else _unreachable(error)
                    one.limit = 0.0
            for one in [one for one in tries if one.limit < now]:
                tries.remove(one)
                one.socket.close()
    except (OSError, UnicodeError) as error:
        raise _unreachable(error) from error
    finally:
        for one in tries:
            one.socket.close()
    raise reason or LinkError("does not answer")


class _Try:
    """A connection that is being made, to one address of the phone."""

    def __init__(self, address: tuple[int, int, int, str, tuple[object, ...]], limit: float) -> None:
        self.limit = limit
        self.greeted = False
        self.socket = socket.socket(*address[:3])
        self.socket.setblocking(False)
        self.socket.connect_ex(address[4])

    def fileno(self) -> int:
        """For select."""
        return self.socket.fileno()

    def is_answered(self) -> bool:
        """Go on, now that select says so; an OSError tells that it failed."""
        if self.greeted:
            if not self.socket.recv(1, socket.MSG_PEEK):
                raise ConnectionResetError(0, "closed by the phone")
            return True
        error = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, os.strerror(error))
        self.socket.sendall(HELLO)
        self.greeted = True
        return False


def _unreachable(error: OSError | UnicodeError) -> LinkError:
    if isinstance(error, TimeoutError):
        return LinkError("does not answer")
    if isinstance(error, ConnectionRefusedError):
        return LinkError(
            "refuses the connection: no ADB listens there",
            "Turn on USB debugging and ADB over TCP (adb tcpip 5555), or start the virtual phone.",
        )
    return LinkError(f"cannot be reached: {error}", "Check the name or address and the port.")

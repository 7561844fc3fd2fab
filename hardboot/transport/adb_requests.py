"""Requests to a running ADB server, by adbutils, made bounded and exact.

adbutils 2.12 starts a server where none runs, takes a short answer for a whole one, bounds each read alone,
and of a push tells neither progress nor the phone's reason. So it speaks the server's own protocol (AOSP
packages/modules/adb, OVERVIEW.TXT and SERVICES.TXT) on connections made here, and what a phone's service
sends goes past it. To import this takes a quarter of a second.
"""

import contextlib
import socket
from collections.abc import Iterator

import adbutils
from adbutils.errors import AdbTimeout

from hardboot.transport.adb_channel import CABLE, RESTART, ServerChannel, address, dial, left, lost
from hardboot.transport.adb_link import LinkError, unauthorised

# The largest packet of a phone before Android 7 (adb.h, MAX_PAYLOAD_V1) less the NUL. The server does not
# tell what a phone takes, and one of 1.0.41 ends itself on more (sockets.cpp, connect_to_remote).
SERVICE_MAX = 4095


class Connection(adbutils.AdbConnection):  # type: ignore[misc]  # adbutils has no types
    """One connection to the server: what is asked ends at `deadline`, and what is cut short is an error."""

    def __init__(self, deadline: float) -> None:
        self._connected = dial(deadline)
        self._deadline = deadline
        super().__init__(*self._connected.getpeername()[:2])

    def _safe_connect(self) -> socket.socket:
        return self._connected  # adbutils' own starts a server

    @property
    def conn(self) -> socket.socket:
        """The socket, good for one more call within the time that is left."""
        self._connected.settimeout(left(self._deadline))
        return self._connected

    def read(self, n: int) -> bytes:
        """Exactly `n` bytes."""
        data: bytes = self.read_exact(n)
        return data

    def send_command(self, cmd: str) -> None:
        """Send all of one request."""
        data = cmd.encode()
        self.conn.sendall(b"%04x" % len(data) + data)

    def close(self) -> None:
        """Drop the connection."""
        self._connected.close()


class Client(adbutils.AdbClient):  # type: ignore[misc]  # adbutils has no types
    """The running server; every request to it ends at `deadline`, a time of time.monotonic()."""

    def __init__(self, deadline: float) -> None:
        super().__init__(*address())
        self._deadline = deadline

    def make_connection(self, timeout: float | None = None) -> Connection:
        """A connection of its own for one request. `timeout` is adbutils', not used."""
        return Connection(self._deadline)

    def states(self) -> dict[str, str]:
        """What the server lists: serials, each with its state ("device", "offline", "unauthorized")."""
        with self._asking():
            return {info.serial: info.state for info in self.list()}

    def connect_anew(self, serial: str) -> None:
        """Let the server drop its connection to the phone at HOST:PORT, and connect.

        Raises:
            LinkError: If it cannot.
        """
        if "authoriz" in self.states().get(serial, ""):
            return  # the phone shows its dialog; to connect anew would take it away
        with self._asking():
            self.disconnect(serial)  # else the server says that it is connected, though the phone restarted
            said = self.connect(serial)
        if said.startswith(("failed to connect", "unable to connect", "cannot connect")):
            raise LinkError(f"cannot be reached: {said}", CABLE)

    def open(self, serial: str, service: bytes) -> ServerChannel:
        """A channel to a service of the phone called `serial`.

        Raises:
            LinkError: If the phone is not there, does not let us in or has no such service.
        """
        if b"\0" in service or len(service) > SERVICE_MAX:
            raise LinkError(
                f"cannot take a request of {len(service)} bytes (at most {SERVICE_MAX}, without NUL)",
                "Shorten the command or the path.",
            )
        connection = self.make_connection()
        try:
            with self._asking():
                connection.send_command(f"host:transport:{serial}")
                connection.check_okay()
            with self._asking(service=service.split(b":")[0].decode()):
                connection.send_command(service.decode())
                connection.check_okay()
            return ServerChannel(connection.conn)
        except BaseException:
            connection.close()
            raise

    @contextlib.contextmanager
    def _asking(self, *, service: str = "") -> Iterator[None]:
        """Turn what adbutils raises into LinkErrors; `service` is what the phone itself is asked for."""
        try:
            yield
        except (AdbTimeout, TimeoutError) as error:
            raise LinkError("does not answer, or the ADB server does not", RESTART) from error
        except (EOFError, ValueError) as error:  # ValueError: a length that is no number
            raise LinkError("cannot be reached: the ADB server ended in the middle of it", RESTART) from error
        except adbutils.AdbError as error:
            raise _refused(str(error), service) from error
        except OSError as error:
            raise lost(error) from error


def _refused(words: str, service: str) -> LinkError:
    """What the server said (transport.cpp, acquire_one_transport; usb_linux and udev for permissions)."""
    if "unauthorized" in words or "authorizing" in words:
        return unauthorised()
    if "more than one" in words:
        return LinkError("is there more than once", "Unplug the other one: adb devices")
    if "permission" in words:
        return LinkError(
            f"may not be used by this computer's user: {' '.join(words.split())}",
            "Add a udev rule (Debian: apt-get install android-sdk-platform-tools-common), plug it in anew.",
        )
    if "not found" in words or "no devices" in words:
        return LinkError(
            "is not connected: the ADB server does not list it",
            "Check the cable and that USB debugging is on. adb devices shows the serials there are.",
        )
    if "offline" in words or "connecting" in words:
        return LinkError("is offline", f"{CABLE} If it stays so: adb reconnect")
    if service:
        return LinkError(
            f"refuses the service {service}: {words}", "Turn USB debugging off and on, then try again."
        )
    return LinkError(f"cannot be reached: the ADB server says {' '.join(words.split())!r}", RESTART)

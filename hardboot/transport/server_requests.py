"""Requests to a running ADB server: which phones it lists, reconnecting, and opening a phone's service.

A request is its length in four hexadecimal digits and its words; the answer is OKAY, or FAIL with a reason
(AOSP packages/modules/adb, docs/dev/services.md and overview.md). `deadline` is a time of time.monotonic().
"""

import contextlib
import socket
from collections.abc import Iterator

from hardboot.transport.errors import LinkError, NoAnswerError, remaining, unauthorized
from hardboot.transport.server_channel import CABLE, RESTART, ServerChannel, dial, lost

# The largest packet of a phone before Android 7 (adb.h, MAX_PAYLOAD_V1) less the NUL. The server does not
# tell what a phone accepts, and one of 1.0.41 ends itself on more (sockets.cpp, connect_to_remote).
SERVICE_MAX = 4095


class _RefusalError(LinkError):
    """The server answered FAIL."""


def list_states(deadline: float) -> dict[str, str]:
    """Return the phones the server lists: serials, each with its state ("device", "offline", …).

    Raises:
        LinkError: If the server cannot be asked.
        NoServerError: If none runs.
    """
    lines = _ask("host:devices", deadline).splitlines()
    return {serial: state for serial, tab, state in (line.partition("\t") for line in lines) if tab}


def reconnect(serial: str, deadline: float) -> None:
    """Let the server drop its connection to the phone at HOST:PORT, and connect.

    Raises:
        LinkError: If it cannot.
    """
    if "authoriz" in list_states(deadline).get(serial, ""):
        return  # the phone shows its dialog; reconnecting would close it
    with contextlib.suppress(_RefusalError):  # it does not know the phone
        # Without it the server answers that it is connected, though the phone restarted.
        _ask(f"host:disconnect:{serial}", deadline)
    answer = _ask(f"host:connect:{serial}", deadline)
    if answer.startswith(("failed to connect", "unable to connect", "cannot connect")):
        raise LinkError(f"cannot be reached: {answer}", CABLE)


def open_service(serial: str, service: bytes, deadline: float) -> ServerChannel:
    """Open a channel to a service of the phone `serial`.

    Raises:
        LinkError: If the phone is not there, does not let us in or has no such service.
    """
    if b"\0" in service or len(service) > SERVICE_MAX:
        raise LinkError(
            f"cannot take a request of {len(service)} bytes (at most {SERVICE_MAX}, without NUL)",
            "Shorten the command or the path.",
        )
    connected = dial(deadline)
    try:
        _request(connected, f"host:transport:{serial}".encode(), deadline)
        _request(connected, service, deadline, name=service.split(b":")[0].decode())
    except BaseException:
        connected.close()
        raise
    return ServerChannel(connected)


def _ask(request: str, deadline: float) -> str:
    """Return the text with which the server answers a request of its own."""
    with dial(deadline) as connected:
        _request(connected, request.encode(), deadline)
        with _socket_errors():
            return _read_text(connected, deadline)


def _request(connected: socket.socket, request: bytes, deadline: float, *, name: str = "") -> None:
    """Send one request and read OKAY; `name` is that of the phone's service, if it is one.

    Raises:
        LinkError: If the answer is another, or none.
    """
    with _socket_errors():
        connected.settimeout(remaining(deadline))
        connected.sendall(b"%04x" % len(request) + request)
        status = _read_exactly(connected, 4, deadline)
        if status == b"OKAY":
            return
        if status != b"FAIL":
            raise LinkError(f"cannot be reached: the ADB server answers {status!r}", RESTART)
        reason = _read_text(connected, deadline)
    error = _explain(reason, name)
    raise _RefusalError(error.what, error.fix)


def _read_text(connected: socket.socket, deadline: float) -> str:
    digits = _read_exactly(connected, 4, deadline)
    try:
        size = int(digits, 16)
    except ValueError as error:
        raise LinkError(f"cannot be reached: the ADB server answers {digits!r}", RESTART) from error
    return _read_exactly(connected, size, deadline).decode(errors="replace")


def _read_exactly(connected: socket.socket, size: int, deadline: float) -> bytes:
    data = bytearray()
    while len(data) < size:
        connected.settimeout(remaining(deadline))
        piece = connected.recv(size - len(data))
        if not piece:
            raise LinkError("cannot be reached: the ADB server closed the connection", RESTART)
        data += piece
    return bytes(data)


@contextlib.contextmanager
def _socket_errors() -> Iterator[None]:
    try:
        yield
    except (TimeoutError, NoAnswerError) as error:
        raise LinkError("does not answer, or the ADB server does not", RESTART) from error
    except OSError as error:
        raise lost(error) from error


def _explain(reason: str, service: str) -> LinkError:
    """Return the error for a FAIL (transport.cpp, acquire_one_transport; usb_linux.cpp for permissions)."""
    if "unauthorized" in reason or "authorizing" in reason:
        return unauthorized()
    if "more than one" in reason:
        return LinkError("is listed more than once", "Unplug the other phone: adb devices")
    if "permission" in reason:
        return LinkError(
            f"may not be used by this computer's user: {' '.join(reason.split())}",
            "Add a udev rule (Debian: apt-get install android-sdk-platform-tools-common), plug it in anew.",
        )
    if "not found" in reason or "no devices" in reason:
        return LinkError(
            "is not connected: the ADB server does not list it",
            "Check the cable and that USB debugging is on. adb devices lists the serials.",
        )
    if "offline" in reason or "connecting" in reason:
        return LinkError("is offline", f"{CABLE} If it stays so: adb reconnect")
    if service:
        return LinkError(
            f"refuses the service {service}: {reason}", "Turn USB debugging off and on, then try again."
        )
    return LinkError(f"cannot be reached: the ADB server says {' '.join(reason.split())!r}", RESTART)

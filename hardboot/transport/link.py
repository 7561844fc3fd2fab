"""One ADB connection: packets, the handshake, and streams to the phone's services.

It runs over adb_shell's byte transports, with adb_shell's keys and message constants. adb_shell's own
streams (adb_device.py) are not used: in version 0.4.4
- a push waits for OKAY alone, and what the phone sends meanwhile is dropped: FAIL ends as a time-out;
- _open waits for OKAY alone too: a refused service (CLSE) ends as a time-out;
- _read_bytes_from_device spins until its time-out once the connection has ended and reads give b"";
- _send ignores how much of a packet bulk_write sent;
- _read_packet_from_device believes any length, and collects so many bytes.
Protocol: AOSP packages/modules/adb, docs/dev/protocol.md.
"""

from collections.abc import Callable
from typing import Protocol

from adb_shell.constants import (
    AUTH,
    AUTH_RSAPUBLICKEY,
    AUTH_SIGNATURE,
    AUTH_TOKEN,
    CLSE,
    CNXN,
    OKAY,
    OPEN,
    WRTE,
)
from adb_shell.transport.base_transport import BaseTransport

from hardboot.transport.errors import NOT_ADB, FramingError, LinkError, remaining, unauthorized
from hardboot.transport.packets import (
    HEADER_SIZE,
    HELLO,
    MAX_DATA,
    MIN_MAX_DATA,
    SKIP_CHECKSUM,
    STLS,
    VERSION,
    Packet,
    build_header,
    check_payload,
    parse_header,
)

_TOKEN_SIZE = 20  # adb_auth.h, TOKEN_SIZE: a SHA-1


class Signer(Protocol):
    """The part of an adb_shell signer that is used."""

    def Sign(self, data: bytes) -> bytes:
        """Return the signature of a token."""

    def GetPublicKey(self) -> bytes:
        """Return the public key as it stands in adbkey.pub."""


class Link:
    """A connection. `deadline` is a time of time.monotonic() everywhere.

    Args:
        transport: Connected. Its bulk_read returns exactly the bytes asked for, its bulk_write sends all of
            its data, and both raise LinkError.
        skip_stale: Whether packets of an earlier connection may come first, as on USB, where the phone does
            not see a connection end.
    """

    def __init__(self, transport: BaseTransport, *, skip_stale: bool = False) -> None:
        self.max_data = MIN_MAX_DATA
        self._transport = transport
        self._skip_stale = skip_stale
        self._version = 0
        self._local_id = 0

    def close(self) -> None:
        """Drop the connection; never fails."""
        self._transport.close()

    def greet(self, *, deadline: float) -> None:
        """Send the packet that every connection begins with; a connection on which that fails is closed.

        Raises:
            LinkError: If the phone does not accept it by `deadline`.
        """
        try:
            for part in HELLO:
                self._transport.bulk_write(part, remaining(deadline))
        except BaseException:
            self.close()
            raise

    def handshake(self, signer: Callable[[], Signer], ask: Callable[[], float], *, deadline: float) -> None:
        """Read the answer to HELLO, and prove who we are if the phone wants that.

        Args:
            signer: Called for the key when the phone asks for one.
            ask: Called when the phone does not know the key and asks its user; returns the new deadline.
            deadline: For everything that needs no user.

        Raises:
            NoAnswerError: If the phone says nothing at all.
            LinkError: If it does not let us in.
        """
        key: Signer | None = None
        offered = False
        while True:
            try:
                packet = self._receive_answer(deadline)
            except LinkError as error:
                raise unauthorized() if offered else error from error
            if packet.command == CNXN:
                break
            if packet.command == STLS:
                raise LinkError(
                    "wants an encrypted connection (wireless debugging)",
                    "Use USB once: adb tcpip 5555, then HOST:5555; or `adb pair`, and the serial adb shows.",
                )
            if packet.command != AUTH or packet.arg0 != AUTH_TOKEN or len(packet.data) != _TOKEN_SIZE:
                raise LinkError(f"answered the handshake with {packet.command!r}: this is not ADB", NOT_ADB)
            if offered:
                raise unauthorized()
            if key is None:
                key = signer()
                self.send(AUTH, AUTH_SIGNATURE, 0, key.Sign(packet.data), deadline)
            else:
                offered = True
                self.send(AUTH, AUTH_RSAPUBLICKEY, 0, key.GetPublicKey().rstrip(b"\0") + b"\0", deadline)
                deadline = ask()
        if packet.arg1 < MIN_MAX_DATA:
            raise LinkError(f"accepts packets of {packet.arg1} bytes only: this is not ADB", NOT_ADB)
        self.max_data = min(packet.arg1, MAX_DATA)
        self._version = min(packet.arg0, VERSION)

    def _receive_answer(self, deadline: float) -> Packet:
        """Return the next packet that belongs to the handshake."""
        while True:
            try:
                packet = self.receive(deadline)
            except FramingError:
                if not self._skip_stale:
                    raise
                continue
            if not self._skip_stale or packet.command in (CNXN, AUTH, STLS):
                return packet

    def open(self, service: bytes, *, deadline: float) -> "Stream":
        """Open a stream to `service` ("sync:", "shell:ls").

        Raises:
            LinkError: If the phone has no such service, or the connection fails.
        """
        if b"\0" in service or len(service) >= self.max_data:
            raise LinkError(
                f"cannot take a request of {len(service)} bytes (at most {self.max_data - 1}, without NUL)",
                "Shorten the command or the path.",
            )
        self._local_id += 1
        self.send(OPEN, self._local_id, 0, service + b"\0", deadline)
        while True:
            packet = self.receive(deadline)
            if packet.arg1 == self._local_id and packet.command == OKAY and packet.arg0:
                return Stream(self, self._local_id, packet.arg0)
            if packet.arg1 == self._local_id and packet.command == CLSE:
                name = service.split(b":")[0].decode(errors="replace")
                raise LinkError(
                    f"refuses the service {name}", "Turn USB debugging off and on, then try again."
                )

    def send(self, command: bytes, arg0: int, arg1: int, data: bytes, deadline: float) -> None:
        """Send one packet, in two writes: on USB, header and payload are transfers of their own."""
        header = build_header(command, arg0, arg1, data, with_checksum=self._version < SKIP_CHECKSUM)
        self._transport.bulk_write(header, remaining(deadline))
        if data:
            self._transport.bulk_write(data, remaining(deadline))

    def receive(self, deadline: float) -> Packet:
        """Return the next packet.

        Raises:
            LinkError: If the connection ends, no packet is complete at `deadline`, or what comes is not one.
        """
        header = parse_header(self._transport.bulk_read(HEADER_SIZE, remaining(deadline)))
        data = self._transport.bulk_read(header.size, remaining(deadline)) if header.size else b""
        return check_payload(header, data, self._version)


class Stream:
    """Bytes to and from one service. Only the newest stream of a link may be used."""

    def __init__(self, link: Link, local_id: int, remote_id: int) -> None:
        self._link = link
        self._local_id = local_id
        self._remote_id = remote_id
        self._received: list[bytes] = []
        self._closed = False

    @property
    def max_data(self) -> int:
        """The most bytes one `write` takes."""
        return self._link.max_data

    @property
    def pending(self) -> bool:
        """True if the phone has sent bytes that were not read yet."""
        return bool(self._received)

    def write(self, data: bytes, deadline: float) -> None:
        """Send at most max_data bytes and wait until the phone accepts them, or answers and closes.

        Raises:
            LinkError: If the connection fails or the phone closed without an answer.
        """
        self._link.send(WRTE, self._local_id, self._remote_id, data, deadline)
        while not self._closed:
            if self._next(deadline) == OKAY:
                return
        if not self.pending:
            raise LinkError("ended the transfer early")

    def read(self, deadline: float) -> bytes:
        """Return the next bytes from the phone; empty when it closed the stream."""
        while not self._received and not self._closed:
            self._next(deadline)
        return self._received.pop(0) if self._received else b""

    def close(self, deadline: float) -> None:
        """Tell the phone that nobody listens any more; its answer is skipped by the next stream."""
        if not self._closed:
            self._closed = True
            self._link.send(CLSE, self._local_id, self._remote_id, b"", deadline)

    def _next(self, deadline: float) -> bytes:
        packet = self._link.receive(deadline)
        if packet.command in (CNXN, AUTH, STLS):
            raise LinkError("started its connection anew: its adbd was restarted")
        if packet.arg1 != self._local_id:  # left over from an earlier stream
            return b""
        if packet.command == WRTE:
            self._link.send(OKAY, self._local_id, self._remote_id, b"", deadline)
            if packet.data:
                self._received.append(packet.data)
        elif packet.command == CLSE:
            self._closed = True
        return packet.command

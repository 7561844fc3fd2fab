"""One ADB connection over TCP: packets, the handshake, and streams to the phone's services.

Keys and signatures are adb_shell's (adb_keys). Its streams are not used: version 0.4.4 drops what a phone
says while a file is sent to it (a FAIL ends as a time-out), spins when the connection ends, takes a short
send for a whole one, and lets the phone name any length. Protocol: AOSP packages/modules/adb, protocol.txt.
"""

import contextlib
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

MAX_DATA = 1024 * 1024  # bytes; adb.h, MAX_PAYLOAD: the largest packet we take
MIN_MAX_DATA = 1024  # bytes; real phones start at 4096 (adb.h, MAX_PAYLOAD_V1)
VERSION = 0x01000001  # adb.h, A_VERSION; from A_VERSION_SKIP_CHECKSUM on nobody sums up the payload
_SKIP_CHECKSUM = 0x01000001
_AUTH_TOKEN, _AUTH_SIGNATURE, _AUTH_RSAPUBLICKEY = 1, 2, 3
_TOKEN_SIZE = 20  # adb_auth.h, TOKEN_SIZE: a SHA-1
_STLS = 0x534C5453  # adb.h, A_STLS: adb_shell does not know it
_HEADER = struct.Struct("<6I")
_RECEIVE = 256 * 1024  # bytes asked of the socket at once

_CABLE = "Check the cable or network and that the phone is on, then try again."
_NOT_ADB = "Check that HOST:PORT is the phone's ADB port (adb tcpip 5555) and nothing else's."


class LinkError(Exception):
    """The connection failed; it cannot be used any more."""

    def __init__(self, what: str, fix: str = _CABLE) -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix


class Signer(Protocol):
    """The part of an adb_shell signer that is used."""

    def Sign(self, data: bytes) -> bytes:
        """The signature of a token."""

    def GetPublicKey(self) -> bytes:
        """The public key as it stands in adbkey.pub."""


def _packet(command: bytes, arg0: int, arg1: int, data: bytes, *, summed: bool) -> bytes:
    word = int.from_bytes(command, "little")
    check = sum(data) & 0xFFFFFFFF if summed else 0
    return _HEADER.pack(word, arg0, arg1, len(data), check, word ^ 0xFFFFFFFF) + data


HELLO = _packet(b"CNXN", VERSION, MAX_DATA, b"host::\0", summed=True)  # what every connection begins with


@dataclass(frozen=True)
class Packet:
    """One packet from the phone."""

    command: bytes
    arg0: int
    arg1: int
    data: bytes


class Link:
    """A connection on which HELLO was sent. `deadline` is a time of time.monotonic() everywhere."""

    def __init__(self, greeted: socket.socket) -> None:
        self.max_data = MIN_MAX_DATA
        self._version = 0
        self._local_id = 0
        self._buffer = bytearray()
        self._socket = greeted
        # Without it a packet waits for the ACK of the one before, which the phone delays by 40 ms.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        """Drop the connection; never fails."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError):
            self._socket.close()

    def handshake(self, signer: Callable[[], Signer], ask: Callable[[], float], *, deadline: float) -> None:
        """See what the phone says to HELLO; prove who we are if it wants that.

        Args:
            signer: Called for the key when the phone asks for one.
            ask: Called when the phone does not know the key and asks its user; returns the new deadline.
            deadline: For everything that needs no user.

        Raises:
            LinkError: If the phone does not let us in.
        """
        key: Signer | None = None
        offered = False
        while True:
            try:
                packet = self.receive(deadline)
            except LinkError as error:
                raise unauthorised() if offered else error from error
            if packet.command == b"CNXN":
                break
            if packet.command == b"STLS":
                raise LinkError(
                    "wants an encrypted connection (wireless debugging)",
                    "Use USB once: adb tcpip 5555, then HOST:5555; or `adb pair`, and the serial adb shows.",
                )
            if packet.command != b"AUTH" or packet.arg0 != _AUTH_TOKEN or len(packet.data) != _TOKEN_SIZE:
                raise LinkError(f"answered the handshake with {packet.command!r}: this is not ADB", _NOT_ADB)
            if offered:
                raise unauthorised()
            if key is None:
                key = signer()
                self.send(b"AUTH", _AUTH_SIGNATURE, 0, key.Sign(packet.data), deadline)
            else:
                offered = True
                self.send(b"AUTH", _AUTH_RSAPUBLICKEY, 0, key.GetPublicKey().rstrip(b"\0") + b"\0", deadline)
                deadline = ask()
        if packet.arg1 < MIN_MAX_DATA:
            raise LinkError(f"takes packets of {packet.arg1} bytes only: this is not ADB", _NOT_ADB)
        self.max_data = min(packet.arg1, MAX_DATA)
        self._version = min(packet.arg0, VERSION)

    def open(self, service: bytes, *, deadline: float) -> "Stream":
        """A stream to `service` ("sync:", "shell:ls").

        Raises:
            LinkError: If the phone has no such service, or the connection fails.
        """
        if b"\0" in service or len(service) >= self.max_data:
            raise LinkError(
                f"cannot take a request of {len(service)} bytes (at most {self.max_data - 1}, without NUL)",
                "Shorten the command or the path.",
            )
        self._local_id += 1
        self.send(b"OPEN", self._local_id, 0, service + b"\0", deadline)
        while True:
            packet = self.receive(deadline)
            if packet.arg1 == self._local_id and packet.command == b"OKAY" and packet.arg0:
                return Stream(self, self._local_id, packet.arg0)
            if packet.arg1 == self._local_id and packet.command == b"CLSE":
                name = service.split(b":")[0].decode(errors="replace")
                raise LinkError(
                    f"refuses the service {name}", "Turn USB debugging off and on, then try again."
                )

    def send(self, command: bytes, arg0: int, arg1: int, data: bytes, deadline: float) -> None:
        """Send one packet, header and payload together."""
        packet = _packet(command, arg0, arg1, data, summed=self._version < _SKIP_CHECKSUM)
        try:
            self._socket.settimeout(_left(deadline))
            self._socket.sendall(packet)
        except TimeoutError as error:
            raise LinkError("takes no more data") from error
        except OSError as error:
            raise broken(error) from error

    def receive(self, deadline: float) -> Packet:
        """The next packet.

        Raises:
            LinkError: If the connection ends, no packet is complete at `deadline`, or what comes is not one.
        """
        word, arg0, arg1, size, check, magic = _HEADER.unpack(self._take(_HEADER.size, deadline))
        command = word.to_bytes(4, "little")
        if magic != word ^ 0xFFFFFFFF or command not in _COMMANDS or size > MAX_DATA:
            raise LinkError(f"sent {command!r} of {size} bytes, which is not an ADB packet", _NOT_ADB)
        data = self._take(size, deadline)
        # A phone that skips checksums does so from its CNXN on, before we can know.
        unchecked = self._version >= _SKIP_CHECKSUM or (not self._version and not check)
        if not unchecked and check != sum(data) & 0xFFFFFFFF:
            raise LinkError("sent a packet that was damaged on its way")
        return Packet(command, arg0, arg1, data)

    def _take(self, size: int, deadline: float) -> bytes:
        buffer = self._buffer
        while len(buffer) < size:
            try:
                self._socket.settimeout(_left(deadline))
                data = self._socket.recv(_RECEIVE)
            except TimeoutError as error:
                raise LinkError("does not answer") from error
            except OSError as error:
                raise broken(error) from error
            if not data:
                raise LinkError("closed the connection")
            buffer += data
        _left(deadline)  # a flood of packets ends here too
        result = bytes(memoryview(buffer)[:size])
        del buffer[:size]
        return result


_COMMANDS = {b"CNXN", b"AUTH", b"STLS", b"OPEN", b"OKAY", b"CLSE", b"WRTE", b"SYNC"}


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
        """True if the phone has said something that was not read yet."""
        return bool(self._received)

    def write(self, data: bytes, deadline: float) -> None:
        """Send at most max_data bytes and wait until the phone took them, or answered and closed.

        Raises:
            LinkError: If the connection fails or the phone closed without a word.
        """
        self._link.send(b"WRTE", self._local_id, self._remote_id, data, deadline)
        while not self._closed:
            if self._next(deadline) == b"OKAY":
                return
        if not self.pending:
            raise LinkError("ended the transfer early")

    def read(self, deadline: float) -> bytes:
        """The next bytes from the phone; empty when it closed the stream."""
        while not self._received and not self._closed:
            self._next(deadline)
        return self._received.pop(0) if self._received else b""

    def close(self, deadline: float) -> None:
        """Tell the phone that nobody listens any more; its answer is skipped by the next stream."""
        if not self._closed:
            self._closed = True
            self._link.send(b"CLSE", self._local_id, self._remote_id, b"", deadline)

    def _next(self, deadline: float) -> bytes:
        packet = self._link.receive(deadline)
        if packet.command in (b"CNXN", b"AUTH", b"STLS"):
            raise LinkError("started its connection anew: its adbd was restarted")
        if packet.arg1 != self._local_id:  # left over from an earlier stream
            return b""
        if packet.command == b"WRTE":
            self._link.send(b"OKAY", self._local_id, self._remote_id, b"", deadline)
            if packet.data:
                self._received.append(packet.data)
        elif packet.command == b"CLSE":
            self._closed = True
        return packet.command


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise LinkError("does not answer")
    return left


def broken(error: OSError) -> LinkError:
    """What to say of a connection that broke."""
    return LinkError(f"lost the connection: {error.strerror or error}")


def unauthorised() -> LinkError:
    """What to say of a phone that does not know this computer's key."""
    return LinkError(
        "does not trust this computer yet",
        'Unlock the phone, confirm its dialog ("Allow USB debugging?", tick "Always allow"), then try again.',
    )

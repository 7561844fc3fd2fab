"""Phones on a USB bus that libusb shows: 512-byte packets, a gadget as adbd's own, and faults on order.

A double of what adb_shell's UsbTransport uses of `usb1`. Behind each phone runs an adbd on TCP. From the
host, packets fill requests of 16 KiB, which end when they are full or by a short packet, and must give what
adbd's usb.cpp takes: 24 bytes of header, then exactly the payload. To the host, a header and a payload are a
transfer each, and never end with a zero-length packet.
"""

import contextlib
import select
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import usb1

PACKET = 512  # bytes; high speed
REQUEST = 16384  # bytes; usb.cpp, kUsbReadSize
ENDPOINT_IN, ENDPOINT_OUT = 0x81, 0x01
_HEADER = struct.Struct("<6I")
_CNXN = 0x4E584E43
_QUEUED_MAX = 4096  # packets to the host; then the phone waits, as a gadget does
_ADB = (0xFF, 0x42, 0x01)


class GadgetError(Exception):
    """What adbd does not take: it closes its end, and the phone leaves the bus."""


@dataclass
class UsbPhone:
    """A phone on the bus.

    Attributes:
        absences: For how many looks at the bus it stays away after each reset.
        deaf_after_reset: How many writes it does not take then, as one whose adbd has not noticed the reset.
        errors: Raised by the calls of their names.
        calls: What was done to it, in order.
        writes: The sizes of what was written to it.
        waits_ms: The time-outs of the reads.
    """

    serial: str | None
    port: int
    ports: tuple[int, ...] = (2,)
    interface: tuple[int, int, int] = _ADB
    packet_sizes: tuple[int, ...] = (PACKET, PACKET)
    addresses: tuple[int, ...] = (ENDPOINT_IN, ENDPOINT_OUT)
    absences: int = 0
    deaf_after_reset: int = 0
    plugged: bool = True
    kernel_driver: bool = False
    errors: dict[str, usb1.USBError] = field(default_factory=dict)
    read_timeouts: deque[int] = field(default_factory=deque)  # see Handle.bulkRead
    accepts: Callable[[int], int] = lambda size: size
    calls: list[str] = field(default_factory=list)
    writes: list[int] = field(default_factory=list)
    waits_ms: list[int] = field(default_factory=list)
    gadget_errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.generation = 0
        self.changed = threading.Condition(threading.RLock())
        self.holder: Handle | None = None
        self.deaf = 0
        self._away = 0
        self._threads: list[threading.Thread] = []
        self._session: socket.socket | None = None
        self._clear()

    def __enter__(self) -> "UsbPhone":
        return self

    def __exit__(self, *_error: object) -> None:
        self.plugged = False
        self.leave()
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()

    def _clear(self) -> None:
        self.to_host: deque[bytes] = deque()
        self._request = bytearray()
        self._header: bytes | None = None
        self._payload = bytearray()

    @property
    def listed(self) -> bool:
        """Whether the bus shows it at this look."""
        if self._away:
            self._away -= 1
            return False
        return self.plugged

    def leave(self) -> None:
        """Leave the bus, and come back as another device."""
        with self.changed:
            self.generation += 1
            self.holder = None
            self._away = self.absences
            self._end_session()
            self._clear()
            self.changed.notify_all()

    def _end_session(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            with contextlib.suppress(OSError):
                session.shutdown(socket.SHUT_RDWR)

    # Host to phone

    def take(self, data: bytes, end: float) -> None:
        """Take the packets of one bulk write until `end`, a time of time.monotonic()."""
        cuts = range(0, len(data), PACKET) if data else (0,)
        try:
            for cut in cuts:
                piece = data[cut : cut + PACKET]
                self._request += piece
                if len(piece) < PACKET or len(self._request) == REQUEST:
                    done, self._request = bytes(self._request), bytearray()
                    self._process(done, end)
        except GadgetError as error:
            self.gadget_errors.append(str(error))
            self.leave()

    def _process(self, data: bytes, end: float) -> None:
        """Do as usb.cpp, UsbFfsConnection::ProcessRead."""
        if not data:
            return
        if self._header is None:
            if len(data) != _HEADER.size:
                raise GadgetError("received packet of unexpected length while reading header")
            self._header = data
        else:
            self._payload += data
            if len(self._payload) > _HEADER.unpack(self._header)[3]:
                raise GadgetError("received too many bytes while waiting for payload")
        if len(self._payload) == _HEADER.unpack(self._header)[3]:
            packet, self._header = self._header + self._payload, None
            self._payload = bytearray()
            self._pass_on(packet, end)

    def _pass_on(self, packet: bytes, end: float) -> None:
        if _HEADER.unpack(packet[:24])[0] == _CNXN:  # adbd drops the connection before
            self._end_session()
            with contextlib.suppress(ConnectionRefusedError):
                session = socket.create_connection(("127.0.0.1", self.port), timeout=10)
                session.settimeout(None)
                self._session = session
                thread = threading.Thread(target=self._read_session, args=(session, self.generation))
                self._threads.append(thread)
                thread.start()
        rest = memoryview(packet)
        with contextlib.suppress(ConnectionError):
            while self._session is not None and rest:
                if not select.select([], [self._session], [], max(end - time.monotonic(), 0))[1]:
                    raise _timeout(b"")
                rest = rest[self._session.send(rest, socket.MSG_DONTWAIT) :]

    # Phone to host

    def _read_session(self, session: socket.socket, generation: int) -> None:
        with session, contextlib.suppress(OSError):
            while header := self._exactly(session, _HEADER.size):
                self.send(header, generation)
                word, _, _, size, _, magic = _HEADER.unpack(header.ljust(_HEADER.size, b"\0"))
                if magic == word ^ 0xFFFFFFFF and size <= 1 << 20:
                    for start in range(0, size, REQUEST):  # one transfer: only its last block may be short
                        self.send(self._exactly(session, min(REQUEST, size - start)), generation)
        with self.changed:
            if session is self._session:  # adbd ended
                self.leave()

    @staticmethod
    def _exactly(session: socket.socket, size: int) -> bytes:
        data = bytearray()
        while len(data) < size and (piece := session.recv(size - len(data))):
            data += piece
        return bytes(data)

    def send(self, data: bytes, generation: int | None = None) -> None:
        """Put the packets of one transfer on the way to the host."""
        with self.changed:
            for start in range(0, len(data), PACKET):
                while len(self.to_host) >= _QUEUED_MAX and generation == self.generation:
                    self.changed.wait()
                if generation in (None, self.generation):
                    self.to_host.append(data[start : start + PACKET])
                    self.changed.notify_all()


class Handle:
    """What `usb1.USBDevice.open` returns."""

    def __init__(self, phone: UsbPhone, generation: int) -> None:
        self._phone = phone
        self._generation = generation
        self.closed = False

    def _do(self, name: str) -> None:
        self._phone.calls.append(name)
        if self._generation != self._phone.generation:
            raise usb1.USBErrorNoDevice(-4)
        if name in self._phone.errors:
            raise self._phone.errors[name]

    def kernelDriverActive(self, _interface: int) -> bool:
        self._do("kernelDriverActive")
        return self._phone.kernel_driver

    def detachKernelDriver(self, _interface: int) -> None:
        self._do("detachKernelDriver")
        self._phone.kernel_driver = False

    def claimInterface(self, _interface: int) -> None:
        self._do("claimInterface")
        if self._phone.kernel_driver or self._phone.holder not in (None, self):
            raise usb1.USBErrorBusy(-6)
        self._phone.holder = self

    def releaseInterface(self, _interface: int) -> None:
        self._do("releaseInterface")
        if self._phone.holder is not self:
            raise usb1.USBErrorNotFound(-5)
        self._phone.holder = None

    def resetDevice(self) -> None:
        self._do("resetDevice")
        self._phone.leave()
        self._phone.deaf = self._phone.deaf_after_reset
        raise usb1.USBErrorNotFound(-5)  # it re-enumerated: libusb says that the handle is of no use now

    def close(self) -> None:
        self._phone.calls.append("close")
        self.closed = True
        if self._phone.holder is self:
            self._phone.holder = None

    def bulkRead(self, endpoint: int, length: int, timeout: int = 0) -> bytearray:
        """Read one transfer; an order in `read_timeouts` ends it early, after so many packets."""
        self._do("bulkRead")
        self._phone.waits_ms.append(timeout)
        assert endpoint == ENDPOINT_IN
        assert timeout > 0, "this would wait for ever"
        phone, data, end = self._phone, bytearray(), time.monotonic() + timeout / 1000
        with phone.changed:
            early = phone.read_timeouts.popleft() if phone.read_timeouts and phone.to_host else None
            while len(data) < length:
                if early is not None and len(data) >= early * PACKET:
                    raise _timeout(bytes(data))
                while not phone.to_host:
                    if self._generation != phone.generation:
                        raise usb1.USBErrorNoDevice(-4)
                    left = end - time.monotonic()
                    if left <= 0 or not phone.changed.wait(left):
                        raise _timeout(bytes(data))
                piece = phone.to_host.popleft()
                phone.changed.notify_all()
                if len(piece) > length - len(data):
                    raise usb1.USBErrorOverflow(-8)
                data += piece
                if len(piece) < PACKET:
                    break
        return data

    def bulkWrite(self, endpoint: int, data: bytes | memoryview, timeout: int = 0) -> int:
        self._do("bulkWrite")
        self._phone.writes.append(len(data))
        assert endpoint == ENDPOINT_OUT
        assert timeout > 0, "this would wait for ever"
        if self._phone.deaf:
            self._phone.deaf -= 1
            raise _timeout(b"")
        taken = self._phone.accepts(len(data))
        self._phone.take(bytes(data)[:taken], time.monotonic() + timeout / 1000)
        return taken


def _timeout(received: bytes) -> usb1.USBErrorTimeout:
    error = usb1.USBErrorTimeout(-7)
    error.received, error.transferred = bytearray(received), len(received)
    return error


@dataclass(frozen=True)
class Endpoint:
    """A bulk endpoint."""

    address: int
    packet_size: int

    def getAddress(self) -> int:
        return self.address

    def getMaxPacketSize(self) -> int:
        return self.packet_size


@dataclass(frozen=True)
class Setting:
    """The interface of a phone."""

    phone: UsbPhone

    def getNumber(self) -> int:
        return 0

    def getClass(self) -> int:
        return self.phone.interface[0]

    def getSubClass(self) -> int:
        return self.phone.interface[1]

    def getProtocol(self) -> int:
        return self.phone.interface[2]

    def iterEndpoints(self) -> Iterator[Endpoint]:
        return map(Endpoint, self.phone.addresses, self.phone.packet_sizes)


class Device:
    """A phone as one look at the bus shows it; after it left it is no device any more."""

    def __init__(self, phone: UsbPhone) -> None:
        self._phone = phone
        self._generation = phone.generation

    def iterSettings(self) -> Iterator[Setting]:
        return iter([Setting(self._phone)])

    def getBusNumber(self) -> int:
        return 1

    def getPortNumberList(self) -> list[int]:
        return list(self._phone.ports)

    def getSerialNumber(self) -> str | None:
        self._phone.calls.append("getSerialNumber")
        if "getSerialNumber" in self._phone.errors:
            raise self._phone.errors["getSerialNumber"]
        return self._phone.serial

    def open(self) -> Handle:
        handle = Handle(self._phone, self._generation)
        handle._do("open")
        return handle


@dataclass
class Bus:
    """What `usb1.USBContext` is to UsbTransport."""

    phones: list[UsbPhone] = field(default_factory=list)
    error: usb1.USBError | None = None

    def getDeviceIterator(self, skip_on_error: bool = False) -> Iterator[Device]:
        assert skip_on_error
        if self.error is not None:
            raise self.error
        return (Device(phone) for phone in self.phones if phone.listed)

"""Bytes to and from adbd over USB, without an ADB server: adb_shell's USB transport, over libusb.

Importing this loads libusb; it raises ImportError if that cannot be used.
"""

import contextlib
import time

import usb1
from adb_shell.exceptions import UsbReadFailedError, UsbWriteFailedError

from hardboot.transport.errors import FramingError, GoneError, LinkError, NoAnswerError, remaining

try:
    from adb_shell.transport import usb_transport
except (OSError, usb1.USBError) as error:  # no library; no USB on this computer
    raise ImportError(f"libusb cannot be used: {error}") from error

_SLICE_S = 0.5  # a read is cut into waits of this length: Ctrl-C is noticed only between two of them
_SHORTEST_S = 0.001  # libusb counts milliseconds, and 0 of them are for ever
_STALE_S = 0.02  # when nothing comes for so long, nothing of an earlier connection is left
_STALE_MAX_S = 1.0
_STALE_READ = 16384  # bytes; usb.cpp, kUsbReadSize; whole packets of every speed
_SERVER = (
    "Stop the ADB server that holds it: adb kill-server (or quit Android Studio). If it is to stay, hardboot "
    "uses it: it must listen at ANDROID_ADB_SERVER_PORT, or at 5037."
)
_UDEV = "Add a udev rule (Debian: apt-get install android-sdk-platform-tools-common), plug it in anew."
_WINUSB = (
    "Windows: install the WinUSB driver for its ADB interface (Google USB Driver, or Zadig). "
    "Or start a server: adb start-server"
)


class UsbTransport(usb_transport.UsbTransport):
    """adb_shell's USB transport with exact reads, whole writes, and errors that say what to do.

    Its own leaves out the zero-length packet that ends a transfer of whole packets, without which the phone
    waits for more (AOSP packages/modules/adb, docs/dev/zero_length_packet.md). It reads less than a packet,
    which libusb answers with an overflow, waits for ever when less than 1 ms is left, reads the serial again
    for every error, and leaves the handle of a phone open that is gone.
    """

    _name: str | None = None
    _packet_size = 0

    @property
    def serial_number(self) -> str:
        """The phone's serial; one that has none, or hides it, is called by its port, as usb:BUS-PORT.PORT."""
        if self._name is None:
            try:
                serial = self._device.getSerialNumber() or ""
            except usb1.USBError:
                serial = ""
            bus, *ports = self.port_path
            self._name = serial if serial.isprintable() and serial.strip() else f"usb:{bus}-{_dotted(ports)}"
        return self._name

    @property
    def has_both_endpoints(self) -> bool:
        """Whether the interface has what adb_shell takes for granted: an endpoint each way, with packets."""
        endpoints = list(self._setting.iterEndpoints())
        directions = {endpoint.getAddress() & usb1.ENDPOINT_DIR_MASK for endpoint in endpoints}
        return len(directions) == 2 and all(endpoint.getMaxPacketSize() for endpoint in endpoints)

    def connect(self, transport_timeout_s: float | None = None) -> None:
        """Claim the ADB interface, and discard what the phone sent to an earlier connection.

        Raises:
            LinkError: If it cannot be used, with the reason.
        """
        self._packet_size = max(endpoint.getMaxPacketSize() for endpoint in self._setting.iterEndpoints())
        try:
            super().connect(transport_timeout_s)
        # TypeError: how adb_shell 0.4.4 warns that a kernel driver has left meanwhile
        except (usb1.USBError, TypeError) as error:
            opened = self._transport is not None
            self.close()
            raise _unusable(error, opened=opened) from error
        self._discard_stale()

    def _discard_stale(self) -> None:
        limit = time.monotonic() + _STALE_MAX_S
        while time.monotonic() < limit:
            try:
                super().bulk_read(_STALE_READ, _STALE_S)
            except UsbReadFailedError as error:
                if not isinstance(error.usb_error, usb1.USBErrorTimeout):
                    raise _lost(error.usb_error) from error
                if not error.usb_error.received:
                    return

    def bulk_read(self, numbytes: int, transport_timeout_s: float | None = None) -> bytes:
        """Return the transfer of exactly `numbytes` bytes that comes next.

        Raises:
            NoAnswerError: If it does not come within so many seconds.
            FramingError: If another is due.
            LinkError: If the connection ends.
        """
        deadline = time.monotonic() + (transport_timeout_s or 0)
        size = -(-numbytes // self._packet_size) * self._packet_size
        data = bytearray()
        while len(data) < size:
            wait_s = max(min(remaining(deadline), _SLICE_S), _SHORTEST_S)
            try:
                data += super().bulk_read(size - len(data), wait_s)
                break
            except UsbReadFailedError as error:
                if not isinstance(error.usb_error, usb1.USBErrorTimeout):
                    raise _lost(error.usb_error) from error
                data += error.usb_error.received
        if len(data) != numbytes:
            raise FramingError(f"sent {len(data)} bytes where {numbytes} were due")
        return bytes(data)

    def bulk_write(self, data: bytes | memoryview, transport_timeout_s: float | None = None) -> int:
        """Send `data` as one transfer; return its size in bytes.

        Raises:
            LinkError: If the phone does not accept it within so many seconds, or the connection ends.
        """
        deadline = time.monotonic() + (transport_timeout_s or 0)
        self._write(data, deadline)
        if len(data) % self._packet_size == 0:
            self._write(b"", deadline)
        return len(data)

    def _write(self, data: bytes | memoryview, deadline: float) -> None:
        try:
            sent = super().bulk_write(data, max(deadline - time.monotonic(), _SHORTEST_S))
        except UsbWriteFailedError as error:
            _, cause = error.args
            if isinstance(cause, usb1.USBErrorTimeout):
                raise NoAnswerError("takes no more data") from error
            raise _lost(cause) from error
        if sent != len(data):
            raise LinkError(f"accepted {sent} of {len(data)} bytes")

    def reset(self) -> None:
        """Reset the phone's port and drop the connection: adbd starts anew, and the phone is found anew."""
        if self._transport is not None:
            with contextlib.suppress(usb1.USBError):
                self._transport.resetDevice()
        self.close()

    def close(self) -> None:
        """Drop the connection; never fails."""
        handle = self._transport
        super().close()
        if handle is not None:
            with contextlib.suppress(usb1.USBError):
                handle.close()


def find_all() -> list[UsbTransport]:
    """Return the phones with an ADB interface that are plugged in now."""
    try:
        return [phone for phone in UsbTransport.find_all_adb_devices() if phone.has_both_endpoints]
    except usb1.USBError:
        return []


def find(serial: str) -> UsbTransport:
    """Return the phone with this serial, or at the port of this name (usb:1-2).

    Raises:
        LinkError: If there is none, or several.
    """
    phones = [phone for phone in find_all() if phone.serial_number == serial]
    if not phones:
        raise GoneError("is not connected to USB", "Check the cable and that USB debugging is on.")
    if len(phones) > 1:
        raise LinkError("is connected more than once: two phones have this serial", "Unplug one of them.")
    return phones[0]


def _dotted(ports: list[int]) -> str:
    return ".".join(map(str, ports))


def _unusable(error: usb1.USBError | TypeError, *, opened: bool) -> LinkError:
    """Return the error for a phone that cannot be opened, or whose interface cannot be claimed."""
    match error:
        case usb1.USBErrorAccess():
            return LinkError("may not be used by this computer's user: no permission for its USB", _UDEV)
        case usb1.USBErrorBusy() if opened:
            return LinkError("is in use: another program holds its ADB interface", _SERVER)
        case usb1.USBErrorNotSupported() | usb1.USBErrorNotFound() if not opened:
            return LinkError("has no driver that libusb can use", _WINUSB)
        case usb1.USBErrorNoDevice():
            return GoneError("was unplugged")
        case usb1.USBErrorBusy() | TypeError():
            return LinkError(
                "is in use: a kernel driver holds its ADB interface",
                "Unplug the phone, and plug it in again.",
            )
    return LinkError(f"cannot be used over USB: {error}", "Unplug the phone, and plug it in again.")


def _lost(error: usb1.USBError | None) -> LinkError:
    """Return the error for a connection that ended."""
    if error is None or isinstance(error, usb1.USBErrorNoDevice):
        return GoneError("was lost: it was unplugged, or restarted")
    return GoneError(f"lost the connection: {error}")

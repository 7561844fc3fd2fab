"""Connections to a phone that is a fake or the virtual phone's adbd."""

import random
from pathlib import Path
from typing import Protocol

from fake_adbd import FakeAdbd
from usb_double import UsbPhone

from hardboot.transport.base import Transport
from hardboot.transport.direct import AdbTcp, AdbUsb
from hardboot.transport.packets import build_header
from hardboot.transport.services import Timeouts

_NO_KEYS = Path("/nonexistent/keys")
CONTENT = random.Random(1).randbytes(10_000)


def nothing(_moved: int) -> None:
    pass


class OpenPhone(Protocol):
    """Opens the transport to the adbd that listens on a port; no wait takes longer than `patience_s`."""

    def __call__(self, port: int, keys: Path | None = None, *, patience_s: float = 5.0) -> Transport: ...


def open_tcp(port: int, keys: Path | None = None, *, patience_s: float = 5.0) -> AdbTcp:
    return AdbTcp("127.0.0.1", port, timeouts=_timeouts(patience_s), key_folder=keys or _NO_KEYS)


def open_usb(phone: UsbPhone, keys: Path | None = None, *, patience_s: float = 5.0) -> AdbUsb:
    assert phone.serial
    return AdbUsb(phone.serial, timeouts=_timeouts(patience_s), key_folder=keys or _NO_KEYS)


def _timeouts(patience_s: float) -> Timeouts:
    return Timeouts(patience_s, patience_s, patience_s, patience_s)


def fake() -> FakeAdbd:
    return FakeAdbd(files={"/data/x": (0o100644, CONTENT)})


def header(size: int) -> bytes:
    """Return the header of a WRTE packet with `size` bytes of payload."""
    return build_header(b"WRTE", 0, 0, bytes(size), with_checksum=False)

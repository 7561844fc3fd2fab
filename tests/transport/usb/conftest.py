"""A fake adbd on a double of USB, and the phone's USB alone."""

from collections.abc import Iterator

import pytest
from fake_adbd import FakeAdbd
from transports import fake
from usb_double import Bus, UsbPhone

from hardboot.transport import usb
from hardboot.transport.usb import UsbTransport


@pytest.fixture
def adbd() -> Iterator[FakeAdbd]:
    with fake() as adbd:
        yield adbd


@pytest.fixture
def phone(bus: Bus, adbd: FakeAdbd) -> Iterator[UsbPhone]:
    with UsbPhone("0123456789", adbd.port) as phone:
        bus.phones.append(phone)
        yield phone


@pytest.fixture
def transport(phone: UsbPhone) -> Iterator[UsbTransport]:
    """Yield the phone's USB alone, claimed."""
    transport = usb.find("0123456789")
    transport.connect(1)
    yield transport
    transport.close()

"""A phone on USB is used directly while no ADB server runs."""

import sys
from collections.abc import Iterator

import pytest
from fake_adbd import FakeAdbd
from usb_double import Bus, UsbPhone

from hardboot.base.errors import DeviceError, RefusedError
from hardboot.device.connection import only_phone, open_transport
from hardboot.transport import server
from hardboot.transport.direct import AdbTcp, AdbUsb
from hardboot.virtual import machine

pytestmark = pytest.mark.timeout(30)  # nothing here may hang


@pytest.fixture(autouse=True)
def _no_virtual_phone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "running", list)


@pytest.fixture
def phone(bus: Bus) -> Iterator[UsbPhone]:
    with FakeAdbd() as adbd, UsbPhone("0123456789", adbd.port) as phone:
        bus.phones.append(phone)
        yield phone


def test_the_only_phone_on_usb_is_used_without_a_server(phone: UsbPhone) -> None:
    transport = open_transport(only_phone())
    assert isinstance(transport, AdbUsb)
    assert transport.serial == "0123456789"
    assert transport.shell("echo on", timeout_s=5).text == "on\n"
    transport.close()


def test_with_a_server_usb_is_left_to_it(phone: UsbPhone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "find_states", lambda: {"other": "device"})
    assert only_phone() == "other"
    with pytest.raises(DeviceError, match="no phone '0123456789': the ADB server lists other"):
        open_transport("0123456789")
    monkeypatch.setattr(server, "find_states", dict)
    with pytest.raises(DeviceError, match="no phone: the ADB server lists none"):
        only_phone()
    assert phone.calls == []


def test_a_phone_on_the_network_is_not_looked_for_on_usb(phone: UsbPhone) -> None:
    assert isinstance(open_transport("127.0.0.1:5555"), AdbTcp)
    assert phone.calls == []


def test_several_phones_on_usb_are_not_guessed_between(phone: UsbPhone, bus: Bus) -> None:
    bus.phones.append(UsbPhone("second", 1))
    with pytest.raises(RefusedError, match="2 phones are connected: 0123456789, second"):
        only_phone()
    with pytest.raises(DeviceError, match="no ADB server runs, and on USB there is 0123456789, second"):
        open_transport("third")


def test_no_phone_anywhere_is_told(bus: Bus) -> None:
    with pytest.raises(DeviceError, match="no phone: no ADB server runs, none is on USB") as caught:
        only_phone()
    assert "pip install" not in caught.value.fix
    with pytest.raises(DeviceError, match="no ADB server runs, and on USB there is none"):
        open_transport("0123456789")


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hardboot.transport.usb", None)
    monkeypatch.delattr("hardboot.transport.usb", raising=False)
    with pytest.raises(DeviceError, match="no phone: no ADB server runs, no virtual phone") as caught:
        only_phone()
    assert "pip install 'hardboot[usb]'" in caught.value.fix
    with pytest.raises(DeviceError, match="no phone '0123456789': no ADB server runs") as caught:
        open_transport("0123456789")
    assert "pip install 'hardboot[usb]'" in caught.value.fix

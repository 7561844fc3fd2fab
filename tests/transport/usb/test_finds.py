"""Which phones a bus has, and why one of them cannot be used."""

import sys

import pytest
import usb1
from transports import open_usb
from usb_double import ENDPOINT_IN, PACKET, Bus, Handle, UsbPhone

from hardboot.base.errors import DeviceError
from hardboot.transport.direct import AdbUsb, find_usb_serials
from hardboot.transport.errors import NoAnswerError
from hardboot.transport.usb import UsbTransport

pytestmark = pytest.mark.timeout(30)  # nothing here may hang


@pytest.mark.parametrize(
    ("call", "error", "told", "fix"),
    [
        ("open", usb1.USBErrorAccess(-3), "may not be used by this computer's user", "udev"),
        ("open", usb1.USBErrorNotSupported(-12), "has no driver that libusb can use", "WinUSB"),
        ("open", usb1.USBErrorNotFound(-5), "has no driver that libusb can use", "WinUSB"),
        ("open", usb1.USBErrorNoDevice(-4), "was unplugged", "cable"),
        ("claimInterface", usb1.USBErrorBusy(-6), "another program holds", "adb kill-server"),
        ("claimInterface", usb1.USBErrorNoDevice(-4), "was unplugged", "cable"),
        ("claimInterface", usb1.USBErrorNotFound(-5), "cannot be used over USB: LIBUSB_ERR", "plug it in"),
        ("detachKernelDriver", usb1.USBErrorBusy(-6), "a kernel driver holds", "plug it in"),
        ("detachKernelDriver", usb1.USBErrorNotFound(-5), "a kernel driver holds", "plug it in"),
        ("detachKernelDriver", usb1.USBErrorAccess(-3), "may not be used by this computer's user", "udev"),
    ],
)
def test_why_a_phone_cannot_be_used_is_told(
    phone: UsbPhone, call: str, error: usb1.USBError, told: str, fix: str
) -> None:
    phone.kernel_driver = call == "detachKernelDriver"
    phone.errors[call] = error
    with pytest.raises(DeviceError, match=f"the phone 0123456789 .*{told}") as caught:
        open_usb(phone).shell("true", timeout_s=5)
    assert fix in caught.value.fix
    assert caught.value.state == "Nothing was sent."
    assert phone.holder is None


def test_a_running_adb_server_that_holds_the_phone_is_told(phone: UsbPhone) -> None:
    server = Handle(phone, phone.generation)
    server.claimInterface(0)
    with pytest.raises(DeviceError, match="another program holds its ADB interface") as caught:
        open_usb(phone).shell("true", timeout_s=5)
    assert "ANDROID_ADB_SERVER_PORT" in caught.value.fix
    server.releaseInterface(0)
    here = open_usb(phone)
    here.shell("true", timeout_s=5)
    here.close()


def test_a_kernel_driver_makes_room(phone: UsbPhone) -> None:
    phone.kernel_driver = True
    here = open_usb(phone)
    assert here.shell("echo on", timeout_s=5).text == "on\n"
    here.close()


def test_what_wait_gives_up_says_why(phone: UsbPhone) -> None:
    phone.plugged = False
    with pytest.raises(DeviceError, match=r"did not come back within 0 s: .*is not connected to USB"):
        open_usb(phone).wait(timeout_s=0.2)


def test_only_adb_interfaces_that_can_be_used_are_found(bus: Bus) -> None:
    bus.phones = [
        UsbPhone("mass storage", 1, interface=(0x08, 0x06, 0x50)),
        UsbPhone("fastboot", 1, interface=(0xFF, 0x42, 0x03)),
        UsbPhone("one way", 1, addresses=(ENDPOINT_IN,), packet_sizes=(PACKET,)),
        UsbPhone("no packets", 1, packet_sizes=(PACKET, 0)),
        UsbPhone("unplugged", 1, plugged=False),
        UsbPhone("good", 1),
        UsbPhone(None, 1, ports=(2, 4)),
        UsbPhone("  ", 1, ports=(3,)),
        UsbPhone("\x1b[2J", 1, ports=(5,)),
        UsbPhone("hidden", 1, ports=(6,), errors={"getSerialNumber": usb1.USBErrorAccess(-3)}),
    ]
    assert find_usb_serials() == ["good", "usb:1-2.4", "usb:1-3", "usb:1-5", "usb:1-6"]


def test_the_serial_is_read_once(phone: UsbPhone, transport: UsbTransport) -> None:
    phone.calls.clear()
    with pytest.raises(NoAnswerError):
        transport.bulk_read(24, 0.01)
    assert "getSerialNumber" not in phone.calls


def test_a_phone_without_a_serial_is_used_by_its_port(phone: UsbPhone) -> None:
    phone.serial = None
    here = AdbUsb("usb:1-2")
    assert here.shell("echo on", timeout_s=5).text == "on\n"
    here.close()


def test_two_phones_with_one_serial_are_not_guessed_between(phone: UsbPhone, bus: Bus) -> None:
    bus.phones.append(UsbPhone(phone.serial, phone.port, ports=(9,)))
    with pytest.raises(DeviceError, match="two phones have this serial"):
        open_usb(phone).shell("true", timeout_s=5)


def test_a_bus_that_cannot_be_read_has_no_phones(bus: Bus) -> None:
    bus.error = usb1.USBErrorNoMem(-11)
    assert find_usb_serials() == []


def test_without_the_extra_there_is_no_usb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hardboot.transport.usb", None)
    monkeypatch.delattr("hardboot.transport.usb")
    assert find_usb_serials() is None


def test_a_computer_without_libusb_has_no_usb(monkeypatch: pytest.MonkeyPatch) -> None:
    for error in (OSError(2, "cannot find a suitable libusb-1.0"), usb1.USBErrorOther(-99)):
        with monkeypatch.context() as patch:
            patch.delitem(sys.modules, "hardboot.transport.usb")
            patch.delattr("hardboot.transport.usb")
            patch.delitem(sys.modules, "adb_shell.transport.usb_transport")
            patch.delattr("adb_shell.transport.usb_transport")

            def fail(_self: object, error: Exception = error) -> None:
                raise error

            patch.setattr(usb1.USBContext, "open", fail)
            assert find_usb_serials() is None
            sys.modules.pop("adb_shell.transport.usb_transport", None)

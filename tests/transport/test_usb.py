"""What only USB has: packets, a bus, drivers and other programs."""

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import usb1
from fake_adbd import FakeAdbd, packet
from transports import CONTENT, fake, nothing, open_usb
from usb_double import ENDPOINT_IN, PACKET, REQUEST, Bus, Handle, UsbPhone

from hardboot.base.errors import DeviceError
from hardboot.transport import direct, usb
from hardboot.transport.direct import AdbUsb, find_usb_serials
from hardboot.transport.errors import FramingError, LinkError, NoAnswerError
from hardboot.transport.keys import load_signer
from hardboot.transport.packets import build_header
from hardboot.transport.usb import UsbTransport

pytestmark = pytest.mark.timeout(30)  # nothing here may hang


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


def header(size: int) -> bytes:
    """Return that of a packet with `size` bytes of payload."""
    return build_header(b"WRTE", 0, 0, bytes(size), with_checksum=False)


# Packets


@pytest.mark.parametrize("size", [1, PACKET - 1, PACKET, PACKET + 1, REQUEST - 8, REQUEST, 5 * REQUEST + 1])
def test_a_push_keeps_the_boundaries_the_phone_needs(
    phone: UsbPhone, adbd: FakeAdbd, tmp_path: Path, size: int
) -> None:
    adbd.max_data = 1 << 20
    content = (CONTENT * 10)[:size]
    (tmp_path / "source").write_bytes(content)
    here = open_usb(phone)
    for name in ("/data/a", "/data/b"):  # what stays of the first would spoil the second
        here.push(tmp_path / "source", name, mode=0o600, progress=nothing)
    here.close()
    assert [adbd.files[name] for name in ("/data/a", "/data/b")] == [(0o100600, content)] * 2
    assert phone.gadget_errors == []


@pytest.mark.parametrize("size", [PACKET, REQUEST, 3 * PACKET, 64 * REQUEST])
def test_a_transfer_of_whole_packets_ends_with_an_empty_one(
    phone: UsbPhone, transport: UsbTransport, size: int
) -> None:
    for payload, writes in ((size, [24, size, 0]), (size - 1, [24, size - 1])):
        phone.writes.clear()
        transport.bulk_write(header(payload), 1)
        assert transport.bulk_write(bytes(payload), 1) == payload
        assert phone.writes == writes
    assert phone.gadget_errors == []


@pytest.mark.parametrize("size", [1, 24, PACKET - 1, PACKET, PACKET + 1, REQUEST, 1 << 20])
def test_a_read_takes_one_transfer_whatever_its_size(
    phone: UsbPhone, transport: UsbTransport, size: int
) -> None:
    data = (CONTENT * 105)[:size]
    threading.Thread(target=phone.send, args=(data,)).start()
    assert transport.bulk_read(size, 5) == data


@pytest.mark.parametrize("sent", [1, 23, 25, PACKET])
def test_a_transfer_of_another_size_is_no_packet(phone: UsbPhone, transport: UsbTransport, sent: int) -> None:
    phone.send(bytes(sent))
    with pytest.raises(FramingError, match=f"sent {sent} bytes where 24 were due"):
        transport.bulk_read(24, 1)


@pytest.mark.parametrize("early", [[1], [1, 2], [0, 0]])
def test_a_read_that_libusb_cuts_short_goes_on(
    phone: UsbPhone, transport: UsbTransport, early: list[int]
) -> None:
    data = CONTENT[: 5 * PACKET + 7]
    phone.read_timeouts = deque(early)
    phone.send(data)
    assert transport.bulk_read(len(data), 5) == data
    assert not phone.read_timeouts


def test_no_time_at_all_is_not_for_ever(phone: UsbPhone, transport: UsbTransport) -> None:
    with pytest.raises(NoAnswerError):  # the double refuses a time-out of 0, which is none
        transport.bulk_read(24, 0.0001)
    assert transport.bulk_write(b"x", 0.0) == 1


def test_a_read_is_cut_into_short_waits(
    phone: UsbPhone, transport: UsbTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usb, "_SLICE_S", 0.01)
    phone.waits_ms.clear()
    with pytest.raises(NoAnswerError, match="does not answer"):
        transport.bulk_read(24, 0.1)
    assert phone.waits_ms
    assert max(phone.waits_ms) <= 10


def test_a_phone_that_accepts_half_is_told(phone: UsbPhone, transport: UsbTransport) -> None:
    phone.accepts = lambda size: size // 2
    with pytest.raises(LinkError, match="accepted 12 of 24 bytes"):
        transport.bulk_write(bytes(24), 1)


def test_a_phone_that_accepts_nothing_is_given_up(phone: UsbPhone, transport: UsbTransport) -> None:
    phone.errors["bulkWrite"] = usb1.USBErrorTimeout(-7)
    with pytest.raises(NoAnswerError, match="takes no more data"):
        transport.bulk_write(bytes(24), 0.1)


@pytest.mark.parametrize("call", ["bulkRead", "bulkWrite"])
@pytest.mark.parametrize(
    ("error", "told"),
    [
        (usb1.USBErrorNoDevice(-4), "was lost: it was unplugged, or restarted"),
        (usb1.USBErrorIO(-1), "lost the connection: LIBUSB_ERROR_IO"),
        (usb1.USBErrorPipe(-9), "lost the connection: LIBUSB_ERROR_PIPE"),
    ],
)
def test_a_connection_that_breaks_is_told(
    phone: UsbPhone, transport: UsbTransport, call: str, error: usb1.USBError, told: str
) -> None:
    phone.errors[call] = error
    calls: dict[str, Callable[[], object]] = {
        "bulkRead": partial(transport.bulk_read, 24, 1),
        "bulkWrite": partial(transport.bulk_write, b"x", 1),
    }
    with pytest.raises(LinkError, match=told):
        calls[call]()


def test_a_closed_transport_is_told_and_closes_again(transport: UsbTransport) -> None:
    transport.close()
    transport.close()
    with pytest.raises(LinkError, match="was lost"):
        transport.bulk_read(24, 1)
    with pytest.raises(LinkError, match="was lost"):
        transport.bulk_write(b"x", 1)
    transport.reset()


# Connections


def test_what_an_earlier_connection_left_is_skipped(phone: UsbPhone) -> None:
    phone.send(CONTENT)
    here = open_usb(phone)
    assert here.shell("echo on", timeout_s=5).text == "on\n"
    here.close()
    assert "resetDevice" not in phone.calls


def test_old_packets_that_libusb_gives_in_pieces_are_all_skipped(phone: UsbPhone) -> None:
    phone.read_timeouts = deque([1, 1])
    phone.send(bytes(4 * PACKET))
    transport = usb.find(phone.serial or "")
    transport.connect(1)
    transport.close()
    assert not phone.to_host


def test_a_token_of_an_earlier_connection_is_not_signed(phone: UsbPhone, adbd: FakeAdbd, keys: Path) -> None:
    """The phone would take the signature for a wrong one, and ask its user."""
    adbd.auth = 1
    old = packet(b"AUTH", 1, 0, b"o" * 20)
    phone.send(old[:24])
    phone.send(old[24:])
    here = open_usb(phone, keys)
    assert here.shell("echo on", timeout_s=5).text == "on\n"
    here.close()
    assert adbd.signatures == [load_signer(keys).Sign(b"t" * 20)]


def test_what_an_earlier_connection_still_sends_is_skipped(
    phone: UsbPhone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(UsbTransport, "_discard_stale", lambda _self: None)
    phone.send(b"OKAY" + bytes(20))
    phone.send(CONTENT)
    here = open_usb(phone)
    assert here.shell("echo on", timeout_s=5).text == "on\n"
    here.close()
    assert "resetDevice" not in phone.calls


def test_a_phone_that_never_stops_sending_does_not_hold_up_the_connection(
    phone: UsbPhone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usb, "_STALE_MAX_S", 0.2)
    ended = threading.Event()

    def flood() -> None:
        while not ended.is_set():
            if len(phone.to_host) < 100:
                phone.send(bytes(PACKET))

    thread = threading.Thread(target=flood)
    thread.start()
    start = time.monotonic()
    try:
        transport = usb.find(phone.serial or "")
        transport.connect(1)
        assert time.monotonic() - start < 5
        transport.close()
    finally:
        ended.set()
        thread.join()


def test_a_phone_left_in_the_middle_of_a_packet_is_reset(phone: UsbPhone) -> None:
    transport = usb.find(phone.serial or "")
    transport.connect(1)
    transport.bulk_write(header(65536), 1)
    transport.close()
    phone.absences = 2
    here = open_usb(phone, patience_s=0.5)
    assert here.shell("echo on", timeout_s=5).text == "on\n"
    here.close()
    assert phone.calls.count("resetDevice") == 1


def test_a_phone_that_takes_time_to_notice_a_reset_is_waited_for(phone: UsbPhone, adbd: FakeAdbd) -> None:
    adbd.silent_connections = 1
    phone.deaf_after_reset = 3
    here = open_usb(phone, patience_s=0.2)
    assert here.shell("echo on", timeout_s=5).text == "on\n"
    here.close()
    assert phone.calls.count("resetDevice") == 1


def test_a_phone_that_says_nothing_even_after_a_reset_is_told(
    phone: UsbPhone, adbd: FakeAdbd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(direct, "_RESET_S", 0.3)
    adbd.silent_connections = 9
    here = open_usb(phone, patience_s=0.2)
    with pytest.raises(DeviceError, match="the phone 0123456789 does not answer") as caught:
        here.shell("true", timeout_s=5)
    assert caught.value.state == "Nothing was sent."
    assert phone.calls.count("resetDevice") == 1
    assert phone.holder is None


def test_a_phone_that_does_not_come_back_from_a_reset_is_told(
    phone: UsbPhone, adbd: FakeAdbd, monkeypatch: pytest.MonkeyPatch
) -> None:
    adbd.silent_connections = 1
    phone.absences = 1000
    monkeypatch.setattr(direct, "_RESET_S", 0.2)
    here = open_usb(phone, patience_s=0.2)
    with pytest.raises(DeviceError, match="is not connected to USB"):
        here.shell("true", timeout_s=5)


def test_a_phone_that_restarted_is_found_again_by_its_serial(phone: UsbPhone, bus: Bus) -> None:
    with UsbPhone("other", phone.port, ports=(1,)) as other:
        bus.phones.insert(0, other)
        here = open_usb(phone)
        here.shell("true", timeout_s=5)
        phone.absences = 3
        phone.leave()
        with pytest.raises(DeviceError, match="was lost: it was unplugged, or restarted"):
            here.shell("true", timeout_s=5)
        assert here.wait("echo up", timeout_s=10).text == "up\n"
        here.close()
        assert "claimInterface" not in other.calls


def test_close_lets_others_use_the_phone(phone: UsbPhone) -> None:
    here = open_usb(phone)
    here.shell("true", timeout_s=5)
    assert phone.holder
    here.close()
    assert phone.holder is None


def test_the_handle_of_a_phone_that_is_gone_is_closed(phone: UsbPhone, transport: UsbTransport) -> None:
    handle = phone.holder
    assert handle
    phone.leave()
    transport.close()
    assert handle.closed


# Phones that cannot be used


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


# Which phones there are


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

"""A connection over USB: what an earlier one left, resets, and a phone that restarts."""

import threading
import time
from collections import deque
from pathlib import Path

import pytest
from fake_adbd import FakeAdbd, packet
from transports import CONTENT, header, open_usb
from usb_double import PACKET, Bus, UsbPhone

from hardboot.base.errors import DeviceError
from hardboot.transport import direct, usb
from hardboot.transport.keys import load_signer
from hardboot.transport.usb import UsbTransport

pytestmark = pytest.mark.timeout(30)  # nothing here may hang


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

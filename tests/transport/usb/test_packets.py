"""What only USB has: packets, transfers and a connection that breaks."""

import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import usb1
from fake_adbd import FakeAdbd
from transports import CONTENT, header, nothing, open_usb
from usb_double import PACKET, REQUEST, UsbPhone

from hardboot.transport import usb
from hardboot.transport.errors import FramingError, LinkError, NoAnswerError
from hardboot.transport.usb import UsbTransport

pytestmark = pytest.mark.timeout(30)  # nothing here may hang


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

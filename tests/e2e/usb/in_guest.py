"""What only real USB can show; run by test_real_usb.py inside its machine, where a phone is on USB."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hardboot.base.errors import DeviceError
from hardboot.device.connection import only_phone, open_transport
from hardboot.transport import usb
from hardboot.transport.base import Transport
from hardboot.transport.direct import AdbUsb
from hardboot.transport.errors import LinkError
from hardboot.transport.packets import build_header

SERIAL = os.environ["HARDBOOT_TEST_USB"]
pytestmark = pytest.mark.timeout(300)  # the machine is emulated, and slow


@pytest.fixture
def phone() -> Iterator[Transport]:
    phone = AdbUsb(SERIAL)
    phone.wait(timeout_s=200)
    yield phone
    phone.close()


def test_the_real_phone_on_usb_is_found_and_used_directly(phone: Transport) -> None:
    phone.close()
    phone = open_transport(only_phone())
    assert isinstance(phone, AdbUsb)
    assert phone.serial == SERIAL
    assert phone.shell("echo on USB; exit 7", timeout_s=20).code == 7
    phone.close()


def test_a_real_phone_sends_large_files_whole(phone: Transport, tmp_path: Path) -> None:
    content = os.urandom(3_000_000)
    (tmp_path / "source").write_bytes(content)
    phone.push(tmp_path / "source", str(tmp_path / "there"), mode=0o600, progress=lambda _size: None)
    phone.pull(str(tmp_path / "there"), tmp_path / "back", progress=lambda _size: None)
    assert (tmp_path / "there").read_bytes() == content
    assert (tmp_path / "back").read_bytes() == content


def test_real_output_that_nobody_read_is_not_taken_for_answers(phone: Transport) -> None:
    with pytest.raises(DeviceError, match="did not end the command"):
        phone.shell("seq 1 10000000", timeout_s=0.5)
    assert phone.shell("echo on", timeout_s=20).text == "on\n"


def test_a_real_phone_in_use_is_told(phone: Transport) -> None:
    phone.close()
    first, second = usb.find(SERIAL), usb.find(SERIAL)
    first.connect(5)
    with pytest.raises(LinkError, match="another program holds"):
        second.connect(5)
    first.close()
    second.connect(5)
    second.close()


def test_a_real_phone_left_in_the_middle_of_a_packet_comes_back(phone: Transport) -> None:
    phone.close()
    transport = usb.find(SERIAL)
    transport.connect(5)
    transport.bulk_write(build_header(b"WRTE", 1, 1, bytes(65536), with_checksum=False), 5)
    transport.close()
    assert phone.wait("echo on", timeout_s=200).text == "on\n"


def test_a_real_phone_that_restarts_is_found_again(phone: Transport) -> None:
    adbd = phone.shell("echo $PPID", timeout_s=20).text.strip()
    os.kill(int(adbd), 9)
    start = time.monotonic()
    with pytest.raises(DeviceError, match=r"was lost|lost the connection"):
        phone.shell("true", timeout_s=20)
    assert time.monotonic() - start < 20
    assert phone.wait("echo $PPID", timeout_s=200).text.strip() != adbd

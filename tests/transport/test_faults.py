"""Every packet of an exchange, broken in every way."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_adbd import FAULTS
from transports import CONTENT, OpenPhone, fake, nothing

from hardboot.base.errors import DeviceError
from hardboot.transport.base import Transport

pytestmark = pytest.mark.timeout(30)  # nothing here may hang

# A fault at every packet


def do_shell(here: Transport, _folder: Path) -> None:
    here.shell("echo some output", timeout_s=0.3)


def do_push(here: Transport, folder: Path) -> None:
    (folder / "source").write_bytes(CONTENT)
    here.push(folder / "source", "/data/pushed", mode=0o644, progress=nothing)


def do_pull(here: Transport, folder: Path) -> None:
    here.pull("/data/x", folder / "pulled", progress=nothing)


EXCHANGES: dict[str, Callable[[Transport, Path], None]] = {
    "shell": do_shell,
    "push": do_push,
    "pull": do_pull,
}


# Packets the fake sends that the exchange needs, without the answer to the client's own goodbye.
# shell: CNXN OKAY WRTE (the code may come in a second one); push and pull are counted below.
PACKETS = {"shell": 3, "push": 9, "pull": 9}


@pytest.mark.parametrize("name", EXCHANGES)
def test_the_exchange_needs_as_many_packets_as_are_broken_below(
    phone: OpenPhone, name: str, tmp_path: Path
) -> None:
    with fake() as adbd:
        here = phone(adbd.port)
        EXCHANGES[name](here, tmp_path)
        here.shell("true", timeout_s=5)  # so that the fake has seen the goodbye
        here.close()
        needed = adbd.sent.index(b"CLSE")
    assert PACKETS[name] <= needed
    if name != "shell":
        assert PACKETS[name] == needed


# What comes before the answer to the handshake may be of an earlier connection on USB; and a phone that says
# nothing more is reset.
FIRST_ON_USB = set(FAULTS) - {"drop", "reset", "half", "wrong checksum"}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(
    ("name", "number"), [(name, i) for name, count in PACKETS.items() for i in range(count)]
)
def test_a_fault_at_any_packet_is_a_device_error(
    phone: OpenPhone, name: str, number: int, fault: str, tmp_path: Path
) -> None:
    moved = tmp_path / "pulled"
    with fake() as adbd:
        adbd.faults[number] = fault
        here = phone(adbd.port, patience_s=0.15)
        if number == 0 and fault in FIRST_ON_USB and here.serial.startswith("USB"):
            EXCHANGES[name](here, tmp_path)
            here.close()
            return
        with pytest.raises(DeviceError) as caught:
            EXCHANGES[name](here, tmp_path)
        assert re.match(f"the phone (at )?{here.serial} ", caught.value.what)
        assert caught.value.fix
        assert (caught.value.state == "Nothing was sent.") == (number == 0)
        assert not moved.exists()
        assert not list(tmp_path.glob(".*"))
        # The next exchange works: the broken connection was dropped.
        assert phone_again(here) == "again\n"
        here.close()


@pytest.mark.parametrize("number", range(1, PACKETS["pull"]))
def test_a_length_beyond_the_protocol_is_not_waited_for(
    phone: OpenPhone, number: int, tmp_path: Path
) -> None:
    with fake() as adbd:
        adbd.faults[number] = "huge length"
        here = phone(adbd.port)
        with pytest.raises(DeviceError, match="bytes, which is not an ADB packet"):
            do_pull(here, tmp_path)
        here.close()


def phone_again(here: Transport) -> str:
    end = time.monotonic() + 10
    while True:
        try:
            return here.shell("echo again", timeout_s=5).text
        except DeviceError:
            if time.monotonic() > end:
                raise

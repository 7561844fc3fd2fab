"""Which phone is meant, without any: what the ADB server lists, and which virtual phones run."""

from dataclasses import dataclass

import pytest
from told import raises

from hardboot.base.errors import DeviceError, RefusedError
from hardboot.device import connection
from hardboot.transport import direct, server
from hardboot.transport.base import Output
from hardboot.transport.direct import AdbTcp
from hardboot.transport.server import AdbServer
from hardboot.transport.services import AdbServices
from hardboot.virtual import machine


@dataclass
class Status:
    serial: str | None


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return what the server lists; change it."""
    states: dict[str, str] = {}
    monkeypatch.setattr(server, "find_states", lambda: states)
    monkeypatch.setattr(machine, "running", list)
    return states


@pytest.mark.parametrize(
    ("serial", "host", "port"),
    [("10.0.0.1:5555", "10.0.0.1", 5555), ("[fe80::1]:1", "fe80::1", 1), ("XphoneX:65535", "XphoneX", 65535)],
)
def test_a_phone_on_the_network_is_reached_directly(
    serial: str, host: str, port: int, listed: dict[str, str]
) -> None:
    for state in (None, "offline"):
        if state:
            listed[serial] = state  # may be left from before it restarted
        made = connection.open_transport(serial)
        assert isinstance(made, AdbTcp)
        assert made.serial == f"{host}:{port}"
    listed[serial] = "device"
    assert isinstance(connection.open_transport(serial), AdbServer)


@pytest.mark.parametrize("state", ["device", "offline", "unauthorized"])
def test_a_phone_that_the_server_lists_is_reached_through_it(state: str, listed: dict[str, str]) -> None:
    listed["HB1"] = state
    made = connection.open_transport("HB1")
    assert isinstance(made, AdbServer)
    assert made.serial == "HB1"


@pytest.mark.parametrize(
    "serial", ["HB2", ":5", "x:0", "x:65536", "x:1a", "x:", "x:٣", "x:1234567", "x:0655350"]
)
def test_a_serial_that_is_none_is_told_with_what_is_there(serial: str, listed: dict[str, str]) -> None:
    look = "Plug it in, turn on USB debugging and look: adb devices. A phone on the network is HOST:PORT."
    with raises(DeviceError, f"no phone {serial!r}: the ADB server lists none", "Nothing was sent.", look):
        connection.open_transport(serial)
    listed.update({"HB1": "device", "HB3": "offline"})
    with raises(
        DeviceError, f"no phone {serial!r}: the ADB server lists HB1, HB3", "Nothing was sent.", look
    ):
        connection.open_transport(serial)


@pytest.mark.parametrize(
    ("states", "virtual", "expected"),
    [
        ({"A": "device"}, [], "A"),
        ({"A": "offline", "B": "device"}, [], "B"),
        ({"A": "offline"}, [], "A"),  # it says why when it is used
        ({}, ["127.0.0.1:5"], "127.0.0.1:5"),
        ({}, [None, "127.0.0.1:5"], "127.0.0.1:5"),
        ({"127.0.0.1:5": "device"}, ["127.0.0.1:5"], "127.0.0.1:5"),
        ({"A": "offline"}, ["127.0.0.1:5"], "127.0.0.1:5"),
    ],
)
def test_the_only_phone_needs_no_name(
    states: dict[str, str],
    virtual: list[str | None],
    expected: str,
    listed: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listed.update(states)
    monkeypatch.setattr(machine, "running", lambda: [Status(serial) for serial in virtual])
    assert connection.only_phone() == expected


def test_without_a_phone_or_with_several_none_is_chosen(
    listed: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with raises(
        DeviceError,
        "no phone: the ADB server lists none, no virtual phone runs, and --serial is not given",
        "Nothing was sent.",
        "Plug a phone in, turn on USB debugging and look: adb devices. Or: hardboot virtual start.",
    ):
        connection.only_phone()
    listed.update({"A": "device", "B": "device", "C": "offline"})
    monkeypatch.setattr(machine, "running", lambda: [Status("127.0.0.1:5")])
    with raises(
        RefusedError,
        "3 phones are connected: 127.0.0.1:5, A, B",
        "Nothing was sent.",
        "Choose one: --serial 127.0.0.1:5",
    ):
        connection.only_phone()
    monkeypatch.setattr(machine, "running", list)
    listed.clear()
    listed.update({"C": "offline", "D": "offline"})
    with pytest.raises(RefusedError, match="2 phones are connected: C, D"):
        connection.only_phone()


LOOK = "Plug it in, turn on USB debugging and look: adb devices. A phone on the network is HOST:PORT."


@pytest.mark.parametrize(
    ("serials", "what", "more"),
    [
        (None, "no ADB server runs", " USB without an ADB server needs: pip install 'hardboot[usb]'"),
        ([], "no ADB server runs, and on USB there is none", ""),
        (["B", "C"], "no ADB server runs, and on USB there is B, C", ""),
    ],
)
def test_without_a_server_a_phone_is_looked_for_on_usb(
    serials: list[str] | None, what: str, more: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "find_states", lambda: None)
    monkeypatch.setattr(direct, "find_usb_serials", lambda: serials)
    with raises(DeviceError, f"no phone 'A': {what}", "Nothing was sent.", LOOK + more):
        connection.open_transport("A")


def test_a_phone_is_also_found_by_its_serial_number(
    listed: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = {"10.0.0.1:5555": "HB1", "10.0.0.2:5555": "HB2", "127.0.0.1:5": "HB3"}

    def shell(self: AdbServices, command: str, *, timeout_s: float) -> Output:
        assert command == "getprop ro.serialno"
        return Output(f"{numbers[self.serial]}\n", 0)

    monkeypatch.setattr(AdbServices, "shell", shell)
    listed.update({"10.0.0.1:5555": "device", "10.0.0.2:5555": "device", "10.0.0.9:5555": "offline"})
    monkeypatch.setattr(machine, "running", lambda: [Status("127.0.0.1:5"), Status(None)])
    for serial, number in numbers.items():
        assert connection.open_transport(number).serial == serial
    with pytest.raises(DeviceError, match="no phone 'HB4'"):
        connection.open_transport("HB4")
    monkeypatch.setattr(server, "find_states", lambda: None)
    monkeypatch.setattr(direct, "find_usb_serials", lambda: ["A"])
    assert connection.open_transport("HB3").serial == "127.0.0.1:5"


def test_a_phone_that_does_not_answer_has_no_serial_number(
    listed: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def shell(self: AdbServices, command: str, *, timeout_s: float) -> Output:
        raise DeviceError("gone", state="Nothing was sent.", fix="Look.")

    monkeypatch.setattr(AdbServices, "shell", shell)
    listed["A"] = "device"
    with pytest.raises(DeviceError, match="no phone 'HB1'"):
        connection.open_transport("HB1")

"""Where a phone is seen that does not answer over ADB."""

import time
from pathlib import Path

import pytest

from hardboot.attempts import presence
from hardboot.attempts.presence import Presence
from hardboot.base.errors import InputError
from hardboot.transport import server_requests
from hardboot.transport.errors import NoAnswerError

ADB, FASTBOOT, MTP = "ff4201", "ff4203", "060101"


@pytest.fixture
def devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(presence, "_DEVICES", tmp_path)
    (tmp_path / "usb1").mkdir()  # a hub, without a serial number
    plug(tmp_path, "1-9", "ANOTHER", ADB)
    server(monkeypatch, {})
    return tmp_path


def plug(devices: Path, port: str, serial: str, *interfaces: str) -> None:
    (devices / port).mkdir()
    (devices / port / "serial").write_text(f"{serial}\n")
    for number, kind in enumerate(interfaces):
        folder = devices / port / f"{port}:1.{number}"
        folder.mkdir()
        for at, name in enumerate(("bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol")):
            (folder / name).write_text(f"{kind[2 * at : 2 * at + 2]}\n")


def server(monkeypatch: pytest.MonkeyPatch, states: dict[str, str] | Exception) -> None:
    def list_states(deadline: float) -> dict[str, str]:
        assert deadline - time.monotonic() < 2
        if isinstance(states, Exception):
            raise states
        return states

    monkeypatch.setattr(server_requests, "list_states", list_states)


@pytest.mark.parametrize(
    ("interfaces", "seen"),
    [
        ((), Presence.USB),
        ((MTP,), Presence.USB),
        ((MTP, ADB), Presence.ADB),
        ((FASTBOOT,), Presence.FASTBOOT),
        (None, Presence.ABSENT),
    ],
)
def test_the_interfaces_on_usb_tell_what_runs(
    interfaces: tuple[str, ...] | None, seen: Presence, devices: Path
) -> None:
    if interfaces is not None:
        plug(devices, "1-2.1", "HB1", *interfaces)
    assert presence.look("HB1", "HB1") is seen
    assert presence.look("other-name", "HB1") is seen


@pytest.mark.parametrize(
    ("state", "seen"),
    [
        ("unauthorized", Presence.UNAUTHORIZED),
        ("authorizing", Presence.UNAUTHORIZED),
        ("offline", Presence.OFFLINE),
        ("device", Presence.ADB),
    ],
)
def test_a_server_tells_more_of_a_phone_with_adb(
    state: str, seen: Presence, devices: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plug(devices, "1-2", "HB1", ADB)
    server(monkeypatch, {"HB1": state})
    assert presence.look("HB1", "HB1") is seen


def test_on_the_network_only_a_server_tells(devices: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plug(devices, "1-2", "HB1", MTP)
    assert presence.look("10.0.0.1:5555", "HB1") is Presence.UNKNOWN
    server(monkeypatch, {"10.0.0.1:5555": "offline"})
    assert presence.look("10.0.0.1:5555", "HB1") is Presence.OFFLINE


@pytest.mark.parametrize("error", [NoAnswerError(), InputError("no port", state="", fix="")])
def test_without_a_server_nothing_is_known(
    error: Exception, devices: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server(monkeypatch, error)
    assert presence.look("10.0.0.1:5555", "HB1") is Presence.UNKNOWN


def test_a_computer_that_shows_no_usb_devices_knows_nothing(
    devices: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "_DEVICES", devices / "none")
    assert presence.look("HB1", "HB1") is Presence.UNKNOWN


def test_a_phone_that_is_unplugged_meanwhile_is_no_error(devices: Path) -> None:
    plug(devices, "1-2", "HB1", ADB)
    for path in devices.glob("1-2/1-2:1.0/*"):
        path.unlink()
    assert presence.look("HB1", "HB1") is Presence.USB
    assert presence._text(devices / "gone") == ""

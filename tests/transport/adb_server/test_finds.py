"""Phones are found through the running server, and what cannot be reached is told."""

from pathlib import Path

import pytest
from adb_client import Adb, free_port, listens
from adb_servers import connected, do_pull, do_push, do_shell, nothing, ready, until
from adbds import Adbd, AdbdProgram, VirtualAdbd

from hardboot.base.errors import DeviceError, InputError
from hardboot.transport import server as adb_server
from hardboot.transport.server import AdbServer

pytestmark = pytest.mark.timeout(30)  # nothing here may hang
SERVICE_MAX = 4095


# Which phones there are


def test_without_a_server_there_are_no_phones_and_none_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(port))
    assert ready() == []
    here = AdbServer("0123456789")
    with pytest.raises(DeviceError, match=f"no ADB server runs at 127.0.0.1:{port}") as caught:
        here.shell("true", timeout_s=5)
    assert caught.value.state == "Nothing was sent."
    assert "adb start-server" in caught.value.fix
    with pytest.raises(DeviceError, match=r"did not come back within 0 s: .* no ADB server runs"):
        here.wait(timeout_s=0.2)
    assert not listens(port)


def test_phones_are_found_once_they_are_connected(server: Adb, any_adbd: AdbdProgram) -> None:
    assert ready() == []
    with any_adbd.start() as one, any_adbd.start() as two:
        connected(server, one)
        assert ready() == [one.serial]
        connected(server, two)
        assert sorted(ready()) == sorted([one.serial, two.serial])


def test_the_server_is_where_the_environment_says(
    server: Adb, adbd: Adbd, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected(server, adbd)
    monkeypatch.setenv("ANDROID_ADB_SERVER_ADDRESS", "localhost")
    assert ready() == [adbd.serial]
    monkeypatch.setenv("ANDROID_ADB_SERVER_ADDRESS", "does-not-exist.invalid")
    assert ready() == []


@pytest.mark.parametrize("port", ["x", "0", "65536", "-1", "5037 ", "0655350", "9" * 5000, "²"])
def test_a_port_that_is_none_is_an_input_error(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", port)
    with pytest.raises(InputError, match="not a TCP port"):
        ready()


# Phones that cannot be used


def test_a_phone_that_does_not_trust_the_computer_is_told(
    server: Adb, virtual_adbd: VirtualAdbd, tmp_path: Path
) -> None:
    (tmp_path / "keys").touch()
    with virtual_adbd.start("-a", str(tmp_path / "keys")) as daemon:
        here = connected(server, daemon)
        assert adb_server.find_states() == {daemon.serial: "unauthorized"}
        assert ready() == []
        with pytest.raises(DeviceError, match="does not trust this computer") as caught:
            here.shell("true", timeout_s=5)
        assert "confirm its dialog" in caught.value.fix
        assert caught.value.state == "Nothing was sent."
        dialog = server.run("devices", "-l").stdout  # with the number of the connection
        assert b"transport_id" in dialog
        with pytest.raises(DeviceError, match=r"did not come back .* does not trust this computer"):
            here.wait(timeout_s=0.5)
        assert server.run("devices", "-l").stdout == dialog, "the dialog was taken away"


def test_a_phone_that_is_not_there_is_told(server: Adb, tmp_path: Path) -> None:
    for use in (do_shell, do_push, do_pull):
        with pytest.raises(DeviceError, match="the phone 0123456789 is not connected") as caught:
            use(AdbServer("0123456789"), tmp_path, nothing)
        assert "adb devices" in caught.value.fix
        assert caught.value.state == "Nothing was sent."


def test_a_phone_that_is_gone_is_offline(server: Adb, any_adbd: AdbdProgram) -> None:
    with any_adbd.start() as daemon:
        here = connected(server, daemon)
    until(lambda: adb_server.find_states() == {daemon.serial: "offline"})
    with pytest.raises(DeviceError, match="is offline"):
        here.shell("true", timeout_s=5)
    with pytest.raises(DeviceError, match=r"did not come back within 0 s: .*[Cc]onnection refused"):
        here.wait(timeout_s=0.3)


def test_a_request_too_long_for_old_phones_is_not_sent(server: Adb, virtual_adbd: VirtualAdbd) -> None:
    """It would end the server, with the connections of everybody who uses it."""
    with virtual_adbd.start("-m", "4096") as daemon:
        here = connected(server, daemon)
        around = len("shell:sh -c '#'; echo 0123456789abcdef.$?")
        assert here.shell("#" + " " * (SERVICE_MAX - around), timeout_s=5).code == 0
        for command in ("#" + " " * (SERVICE_MAX - around + 1), "#" + "x" * 100_000, "a\0b"):
            with pytest.raises(DeviceError, match="cannot take a request"):
                here.shell(command, timeout_s=5)
        assert ready() == [daemon.serial]

"""What the server answers, however odd, is told in words that help."""

import contextlib
import socket
import threading
from pathlib import Path

import pytest
from adb_client import Adb
from adb_servers import connected, plugged_in, ready, until
from adbds import Adbd, AdbdProgram, VirtualAdbd

from hardboot.base.errors import DeviceError, RefusedError
from hardboot.device import phone
from hardboot.device.connection import open_transport
from hardboot.transport import server as adb_server
from hardboot.transport.direct import AdbTcp
from hardboot.transport.server import AdbServer
from hardboot.virtual import machine

pytestmark = pytest.mark.timeout(30)  # nothing here may hang

# Servers that are none


class FakeServer:
    """Answers every connection with the same bytes, once it has been asked something, then closes or not."""

    def __init__(self, answer: bytes, *, closes: bool, pause_s: float = 0.0) -> None:
        self._answer, self._closes, self._pause_s = answer, closes, pause_s
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.sent = 0
        self._kept: list[socket.socket] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> "FakeServer":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        for connection in (*self._kept, self._listener):
            connection.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._kept.append(connection)
                threading.Thread(target=self._answer_one, args=(connection,)).start()

    def _answer_one(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if not connection.recv(4):
                return
            for byte in self._answer:
                connection.sendall(bytes([byte]))
                self.sent += 1
                if self._pause_s and self._ended.wait(self._pause_s):
                    return
            if self._closes:
                connection.shutdown(socket.SHUT_RDWR)


def fail(words: str) -> bytes:
    return b"FAIL%04x" % len(words) + words.encode()


@pytest.mark.parametrize("closes", [True, False])
@pytest.mark.parametrize(
    "answer",
    [b"", b"OK", b"HTTP/1.1 400 Bad Request\r\n", b"OKAY00", b"OKAYzzzz", b"FAIL", b"OKAYffffa\tdevice"],
)
def test_what_is_no_adb_server_lists_no_phones(
    answer: bytes, closes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adb_server, "_LIST_S", 0.3)
    with FakeServer(answer, closes=closes) as fake:
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(fake.port))
        assert ready() == []
        with pytest.raises(DeviceError) as caught:
            AdbServer("x").shell("true", timeout_s=0.3)
    assert caught.value.what.startswith("the phone x ")
    assert caught.value.fix


def test_a_server_that_answers_byte_by_byte_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adb_server, "_LIST_S", 0.3)
    answer = b"OKAY0fff" + b"x" * 0xFFF
    with FakeServer(answer, closes=False, pause_s=0.1) as fake:
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(fake.port))
        assert ready() == []
        assert fake.sent < len(answer)


@pytest.mark.parametrize(
    ("words", "told"),  # transport.cpp, acquire_one_transport
    [
        ("device offline", "is offline"),
        ("device still connecting", "is offline"),
        ("device still authorizing", "does not trust this computer"),
        (
            "device unauthorized.\nThis adb server's $ADB_VENDOR_KEYS is not set",
            "does not trust this computer",
        ),
        ("device 'x' not found", "is not connected"),
        ("no devices/emulators found", "is not connected"),
        ("more than one device with serial x", "is listed more than once"),
        ("insufficient permissions for device: udev requires\nplugdev", "may not be used by this"),
        ("something\nnew", "the ADB server says 'something new'"),
    ],
)
def test_what_the_server_says_is_told_in_words_that_help(
    words: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeServer(fail(words), closes=True) as fake:
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(fake.port))
        with pytest.raises(DeviceError, match=told) as caught:
            AdbServer("x").shell("true", timeout_s=5)
    assert caught.value.state == "Nothing was sent."


# Which way to a phone


def test_a_phone_the_server_lists_goes_through_it(server: Adb, adbd: Adbd) -> None:
    assert isinstance(open_transport(adbd.serial), AdbTcp)
    connected(server, adbd)
    assert isinstance(open_transport(adbd.serial), AdbServer)
    other = plugged_in(server, adbd)
    assert isinstance(open_transport(other.serial), AdbServer)


def test_what_the_server_lost_is_tried_without_it(server: Adb, any_adbd: AdbdProgram) -> None:
    with any_adbd.start() as daemon:
        connected(server, daemon)
    until(lambda: adb_server.find_states() == {daemon.serial: "offline"})
    assert isinstance(open_transport(daemon.serial), AdbTcp)


def test_what_the_server_lost_and_is_there_again_is_reconnected_for_adb_too(
    server: Adb, any_adbd: AdbdProgram
) -> None:
    with any_adbd.start() as daemon:
        connected(server, daemon)
    until(lambda: adb_server.find_states() == {daemon.serial: "offline"})
    with any_adbd.start(port=daemon.port):
        transport = open_transport(daemon.serial)
        assert isinstance(transport, AdbServer)
        assert transport.shell("echo on", timeout_s=5).text == "on\n"
        assert server.run("-s", daemon.serial, "shell", "echo on").stdout == b"on\n"


@pytest.mark.parametrize("serial", ["0123456789", "host:", "host:x", ":5555", "host:65536", "host:0", ""])
def test_a_serial_nobody_knows_is_told(serial: str, server: Adb, adbd: Adbd) -> None:
    with pytest.raises(DeviceError, match="the ADB server lists none"):
        open_transport(serial)
    connected(server, adbd)
    with pytest.raises(DeviceError, match=f"the ADB server lists {adbd.serial}") as caught:
        open_transport(serial)
    assert "adb devices" in caught.value.fix


def virtual_phones(monkeypatch: pytest.MonkeyPatch, *serials: str) -> None:
    found = [machine.Status("x", True, "virt-arm", serial, Path("x"), 0, Path("x")) for serial in serials]
    monkeypatch.setattr(machine, "running", lambda: found)


def test_the_only_phone_is_found(
    server: Adb, virtual_adbd: VirtualAdbd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    virtual_phones(monkeypatch)
    with pytest.raises(DeviceError, match=r"no phone: .*no virtual phone runs") as caught:
        phone.connect(None, None)
    assert "adb devices" in caught.value.fix
    (tmp_path / "keys").touch()
    with (
        virtual_adbd.start() as one,
        virtual_adbd.start() as two,
        virtual_adbd.start("-a", str(tmp_path / "keys")) as locked,
    ):
        connected(server, locked)
        with pytest.raises(DeviceError, match=f"{locked.serial} does not trust this computer"):
            phone.connect(None, None)
        virtual_phones(monkeypatch, one.serial)
        reached = "does not say which model it is"  # there is no getprop on this computer
        with pytest.raises(DeviceError, match=reached):
            phone.connect(None, None)
        connected(server, one)
        with pytest.raises(DeviceError, match=reached):  # on both ways, but one phone
            phone.connect(None, None)
        connected(server, two)
        with pytest.raises(RefusedError, match=f"2 phones are connected: {one.serial}, {two.serial}"):
            phone.connect(None, None)
        virtual_phones(monkeypatch)
        one.child.kill()
        until(lambda: ready() == [two.serial])
        with pytest.raises(DeviceError, match=reached):
            phone.connect(None, None)

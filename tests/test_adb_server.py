"""A phone through a real ADB server: what goes wrong with the phone, and what with the server.

What works is in test_transport.py, with the same tests as for every way to a phone.
"""

import contextlib
import hashlib
import io
import random
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from real_adb import Adb, RealAdbd, free_port

from hardboot import phone, process
from hardboot.errors import DeviceError, InputError, RefusedError
from hardboot.transport import adb_server
from hardboot.transport.adb import AdbTcp
from hardboot.transport.adb_channel import ServerChannel
from hardboot.transport.adb_link import LinkError
from hardboot.transport.adb_server import AdbServer
from hardboot.transport.adb_sync import Sync
from hardboot.virtual import machine

pytestmark = pytest.mark.timeout(30)  # nothing here may hang

SERVICE_MAX = 4095


def nothing(_moved: int) -> None:
    pass


@pytest.fixture
def server(adb: Adb, monkeypatch: pytest.MonkeyPatch) -> Iterator[Adb]:
    """The running server hardboot is to use; it forgets its phones after the test."""
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(adb.port))
    yield adb
    adb.run("disconnect")


@pytest.fixture
def own_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Adb]:
    """A server that a test may end."""
    home = tmp_path / "home"
    home.mkdir()
    adb = Adb(process.find_tool("adb", "adb"), free_port(), home)
    adb.start_server()
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(adb.port))
    yield adb
    if listens(adb.port):
        adb.run("kill-server")


@pytest.fixture
def adbd(real_adbd: Path) -> Iterator[RealAdbd]:
    with RealAdbd(real_adbd) as daemon:
        yield daemon


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def connected(adb: Adb, daemon: RealAdbd) -> AdbServer:
    """The phone on the network, as the server's user connects it."""
    until(lambda: listens(daemon.port))
    adb.run("connect", daemon.serial)
    return AdbServer(daemon.serial, idle_timeout_s=5)


def plugged_in(adb: Adb, daemon: RealAdbd) -> AdbServer:
    """The phone under a name that is no address; the server finds it again by itself, as on USB."""
    until(lambda: listens(daemon.port))
    adb.run("connect", f"emu:{daemon.port - 1},{daemon.port}")
    serial = f"emulator-{daemon.port - 1}"
    until(lambda: adb_server.find_states().get(serial) == "device")
    return AdbServer(serial, idle_timeout_s=5)


Reach = Callable[[Adb, RealAdbd], AdbServer]
Use = Callable[[AdbServer, Path, Callable[[int], None]], None]
WAYS = pytest.mark.parametrize("reach", [connected, plugged_in])


# Which phones there are


def test_without_a_server_there_are_no_phones_and_none_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(port))
    assert adb_server.find_serials() == []
    here = AdbServer("0123456789")
    with pytest.raises(DeviceError, match=f"no ADB server runs at 127.0.0.1:{port}") as caught:
        here.shell("true", timeout_s=5)
    assert caught.value.unchanged == "Nothing was sent."
    assert "adb start-server" in caught.value.fix
    with pytest.raises(DeviceError, match=r"did not come back within 0 s: .* no ADB server runs"):
        here.wait(timeout_s=0.2)
    assert not listens(port)


def test_without_a_server_the_library_is_not_loaded() -> None:
    code = "import sys; from hardboot.transport.adb_server import find_states; find_states(); "
    code += "sys.exit('adbutils' in sys.modules)"
    process.run([sys.executable, "-c", code], timeout_s=20)


def test_phones_are_found_once_they_are_connected(server: Adb, real_adbd: Path) -> None:
    assert adb_server.find_serials() == []
    with RealAdbd(real_adbd) as one, RealAdbd(real_adbd) as two:
        connected(server, one)
        assert adb_server.find_serials() == [one.serial]
        connected(server, two)
        assert sorted(adb_server.find_serials()) == sorted([one.serial, two.serial])


def test_the_server_is_where_the_environment_says(
    server: Adb, adbd: RealAdbd, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected(server, adbd)
    monkeypatch.setenv("ANDROID_ADB_SERVER_ADDRESS", "localhost")
    assert adb_server.find_serials() == [adbd.serial]
    monkeypatch.setenv("ANDROID_ADB_SERVER_ADDRESS", "does-not-exist.invalid")
    assert adb_server.find_serials() == []


@pytest.mark.parametrize("port", ["x", "0", "65536", "-1", "5037 ", "9" * 5000, "²"])
def test_a_port_that_is_none_is_an_input_error(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", port)
    with pytest.raises(InputError, match="no TCP port"):
        adb_server.find_serials()


# Phones that cannot be used


def test_a_phone_that_does_not_trust_the_computer_is_told(
    server: Adb, real_adbd: Path, tmp_path: Path
) -> None:
    (tmp_path / "keys").touch()
    with RealAdbd(real_adbd, "-a", str(tmp_path / "keys")) as daemon:
        here = connected(server, daemon)
        assert adb_server.find_states() == {daemon.serial: "unauthorized"}
        assert adb_server.find_serials() == []
        with pytest.raises(DeviceError, match="does not trust this computer") as caught:
            here.shell("true", timeout_s=5)
        assert "confirm its dialog" in caught.value.fix
        assert caught.value.unchanged == "Nothing was sent."
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
        assert caught.value.unchanged == "Nothing was sent."


def test_a_phone_that_is_gone_is_offline(server: Adb, real_adbd: Path) -> None:
    with RealAdbd(real_adbd) as daemon:
        here = connected(server, daemon)
    until(lambda: adb_server.find_states() == {daemon.serial: "offline"})
    with pytest.raises(DeviceError, match="is offline"):
        here.shell("true", timeout_s=5)
    with pytest.raises(DeviceError, match=r"did not come back within 0 s: .*[Cc]onnection refused"):
        here.wait(timeout_s=0.3)


def test_a_request_too_long_for_old_phones_is_not_sent(server: Adb, real_adbd: Path) -> None:
    """It would end the server, with the connections of everybody who uses it."""
    with RealAdbd(real_adbd, "-m", "4096") as daemon:
        here = connected(server, daemon)
        around = len("shell:sh -c '#'; echo 0123456789abcdef.$?")
        assert here.shell("#" + " " * (SERVICE_MAX - around), timeout_s=5).code == 0
        for command in ("#" + " " * (SERVICE_MAX - around + 1), "#" + "x" * 100_000, "a\0b"):
            with pytest.raises(DeviceError, match="cannot take a request"):
                here.shell(command, timeout_s=5)
        assert adb_server.find_serials() == [daemon.serial]


def test_the_phones_reason_for_a_refused_file_is_told(server: Adb, adbd: RealAdbd, tmp_path: Path) -> None:
    source, file = tmp_path / "source", tmp_path / "file"
    source.write_bytes(bytes(1_000_000))
    file.touch()
    here = connected(server, adbd)
    with pytest.raises(DeviceError, match=r"refuses .*: .*[Nn]ot a directory") as caught:
        here.push(source, str(file / "below"), mode=0o644, progress=nothing)
    assert "incomplete" in caught.value.unchanged
    with pytest.raises(DeviceError, match="has no file"):
        here.pull(str(tmp_path / "missing"), tmp_path / "x", progress=nothing)
    assert not (tmp_path / "x").exists()


def test_a_disk_that_fills_up_is_told_in_the_phones_words(
    server: Adb, real_adbd: Path, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_bytes(bytes(20_000_000))  # more than lies in the sockets when the phone refuses
    with RealAdbd(real_adbd, largest_file_kib=100) as daemon:
        here = connected(server, daemon)
        with pytest.raises(DeviceError, match=r"refuses .*: .*File too large"):
            here.push(source, str(tmp_path / "x"), mode=0o644, progress=nothing)


@pytest.mark.parametrize("closes", [True, False])
def test_a_phone_that_refuses_and_takes_no_more_is_heard(closes: bool) -> None:
    here, there = socket.socketpair()
    with here, there:
        there.sendall(b"FAIL\x04\0\0\0full")
        if closes:
            there.close()
        sync = Sync(ServerChannel(here), lambda: time.monotonic() + 0.3)
        with pytest.raises(LinkError) as caught:
            sync.send(io.BytesIO(bytes(8 << 20)), "/x", 0o644, 0, nothing)
    assert caught.value.what == "refuses /x: full"


def test_the_answer_to_the_end_of_a_file_may_be_there_at_once() -> None:
    here, there = socket.socketpair()

    class Prompt(ServerChannel):
        def write(self, data: bytes, deadline: float) -> None:
            super().write(data, deadline)
            if data.startswith(b"DONE"):
                there.sendall(b"OKAY\0\0\0\0")

    with here, there:
        sync = Sync(Prompt(here), lambda: time.monotonic() + 5)
        assert sync.send(io.BytesIO(b"content"), "/x", 0o644, 0, nothing) == 7


def test_a_phone_that_takes_no_more_is_given_up() -> None:
    here, there = socket.socketpair()
    with here, there:
        sync = Sync(ServerChannel(here), lambda: time.monotonic() + 0.3)
        with pytest.raises(LinkError) as caught:
            sync.send(io.BytesIO(bytes(8 << 20)), "/x", 0o644, 0, nothing)
    assert caught.value.what == "takes no more data"


# What breaks in the middle


def do_shell(here: AdbServer, _folder: Path, middle: Callable[[int], None]) -> None:
    timer = threading.Timer(0.3, middle, [0])
    timer.start()
    try:
        here.shell("sleep 20", timeout_s=2)
    finally:
        timer.join()


def do_push(here: AdbServer, folder: Path, middle: Callable[[int], None]) -> None:
    with (folder / "source").open("wb") as stream:
        stream.truncate(64 << 20)
    here.push(folder / "source", str(folder / "pushed"), mode=0o644, progress=middle)


def do_pull(here: AdbServer, folder: Path, middle: Callable[[int], None]) -> None:
    with (folder / "there").open("wb") as stream:
        stream.truncate(64 << 20)
    here.pull(str(folder / "there"), folder / "pulled", progress=middle)


USES = pytest.mark.parametrize("use", [do_shell, do_push, do_pull])


def left_behind(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if "pulled" in path.name]


@USES
@WAYS
def test_a_phone_that_dies_in_the_middle_is_a_device_error(
    server: Adb, real_adbd: Path, tmp_path: Path, reach: Reach, use: Use
) -> None:
    with RealAdbd(real_adbd) as daemon:
        here = reach(server, daemon)
        with pytest.raises(DeviceError, match=r"ended the (shell|transfer)|was lost") as caught:
            use(here, tmp_path, lambda _moved: daemon.child.kill())
    assert caught.value.unchanged != "Nothing was sent."
    assert caught.value.fix
    assert left_behind(tmp_path) == []
    with pytest.raises(DeviceError, match=r"is offline|is not connected"):
        here.shell("true", timeout_s=5)


@USES
def test_a_phone_that_freezes_in_the_middle_is_given_up(
    server: Adb, adbd: RealAdbd, tmp_path: Path, use: Use
) -> None:
    here = connected(server, adbd)
    here = AdbServer(here.serial, idle_timeout_s=0.5)
    frozen = threading.Event()

    def freeze(_moved: int) -> None:
        frozen.set()
        adbd.freeze()

    try:
        with pytest.raises(DeviceError, match=r"does not answer|takes no more data|did not end the command"):
            use(here, tmp_path, freeze)
    finally:
        adbd.thaw()
    assert frozen.is_set()
    assert left_behind(tmp_path) == []
    here.wait(timeout_s=15)


@USES
def test_a_server_that_dies_in_the_middle_is_a_device_error(
    own_server: Adb, adbd: RealAdbd, tmp_path: Path, use: Use
) -> None:
    here = connected(own_server, adbd)
    killed = threading.Event()

    def kill(_moved: int) -> None:
        if not killed.is_set():
            own_server.run("kill-server")
            killed.set()

    with pytest.raises(DeviceError, match=r"ended the (shell|transfer)|was lost") as caught:
        use(here, tmp_path, kill)
    assert caught.value.unchanged != "Nothing was sent."
    assert left_behind(tmp_path) == []
    with pytest.raises(DeviceError, match="no ADB server runs"):
        here.shell("true", timeout_s=5)
    assert not listens(own_server.port), "a server was started"


# Until the phone is back


@WAYS
def test_wait_ends_when_the_phone_is_there_again(server: Adb, real_adbd: Path, reach: Reach) -> None:
    with RealAdbd(real_adbd) as first:
        here = reach(server, first)
        here.wait(timeout_s=10)
    second: list[RealAdbd] = []
    timer = threading.Timer(0.5, lambda: second.append(RealAdbd(real_adbd, port=first.port)))
    timer.start()
    try:
        here.wait(timeout_s=20)
        assert here.shell("echo up", timeout_s=5).text == "up\n"
        assert second
    finally:
        timer.join()
        second[0].__exit__()


def test_wait_lets_go_of_a_connection_nobody_answers(server: Adb, adbd: RealAdbd) -> None:
    """A reset phone does not say goodbye: the server believes in the old connection."""
    here = AdbServer(connected(server, adbd).serial, probe_timeout_s=0.2)
    here.wait(timeout_s=5)
    adbd.freeze()
    timer = threading.Timer(1, adbd.thaw)
    timer.start()
    try:
        with pytest.raises(DeviceError, match="did not come back"):
            here.wait(timeout_s=0.5)
        here.wait(timeout_s=15)
    finally:
        timer.join()
    assert here.shell("echo up", timeout_s=5).text == "up\n"


def test_wait_outlasts_a_restart_of_the_server(own_server: Adb, adbd: RealAdbd) -> None:
    here = connected(own_server, adbd)
    here.wait(timeout_s=5)
    own_server.run("kill-server")
    timer = threading.Timer(0.3, own_server.start_server)
    timer.start()
    try:
        here.wait(timeout_s=15)
    finally:
        timer.join()


def test_close_never_fails(server: Adb, adbd: RealAdbd) -> None:
    here = connected(server, adbd)
    here.close()
    assert here.shell("echo on", timeout_s=5).text == "on\n"
    here.close()
    here.close()


def test_a_large_file_goes_there_and_back(server: Adb, adbd: RealAdbd, tmp_path: Path) -> None:
    content = random.Random(1).randbytes(8_000_001)
    (tmp_path / "source").write_bytes(content)
    here = connected(server, adbd)
    here.push(tmp_path / "source", str(tmp_path / "there"), mode=0o600, progress=nothing)
    told = here.shell(f"sha256sum < {tmp_path}/there", timeout_s=20).text.split()[0]
    assert told == hashlib.sha256(content).hexdigest()
    here.pull(str(tmp_path / "there"), tmp_path / "back", progress=nothing)
    assert (tmp_path / "back").read_bytes() == content


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
    monkeypatch.setattr(adb_server, "_LOOK_S", 0.3)
    with FakeServer(answer, closes=closes) as fake:
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(fake.port))
        assert adb_server.find_serials() == []
        with pytest.raises(DeviceError) as caught:
            AdbServer("x").shell("true", timeout_s=0.3)
    assert caught.value.what.startswith("the phone x ")
    assert caught.value.fix


def test_a_server_that_answers_byte_by_byte_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adb_server, "_LOOK_S", 0.3)
    answer = b"OKAY0fff" + b"x" * 0xFFF
    with FakeServer(answer, closes=False, pause_s=0.1) as fake:
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(fake.port))
        assert adb_server.find_serials() == []
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
        ("more than one device with serial x", "is there more than once"),
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
    assert caught.value.unchanged == "Nothing was sent."


# Which way to a phone


def test_a_phone_the_server_lists_goes_through_it(server: Adb, adbd: RealAdbd) -> None:
    assert isinstance(phone.open_transport(adbd.serial), AdbTcp)
    connected(server, adbd)
    assert isinstance(phone.open_transport(adbd.serial), AdbServer)
    other = plugged_in(server, adbd)
    assert isinstance(phone.open_transport(other.serial), AdbServer)


def test_what_the_server_lost_is_tried_without_it(server: Adb, real_adbd: Path) -> None:
    with RealAdbd(real_adbd) as daemon:
        connected(server, daemon)
    until(lambda: adb_server.find_states() == {daemon.serial: "offline"})
    assert isinstance(phone.open_transport(daemon.serial), AdbTcp)


@pytest.mark.parametrize("serial", ["0123456789", "host:", "host:x", ":5555", "host:65536", "host:0", ""])
def test_a_serial_nobody_knows_is_told(serial: str, server: Adb, adbd: RealAdbd) -> None:
    with pytest.raises(DeviceError, match="no ADB server runs, or it lists none"):
        phone.open_transport(serial)
    connected(server, adbd)
    with pytest.raises(DeviceError, match=f"the ADB server lists {adbd.serial}") as caught:
        phone.open_transport(serial)
    assert "adb devices" in caught.value.fix


def virtual_phones(monkeypatch: pytest.MonkeyPatch, *serials: str) -> None:
    found = [machine.Status("x", True, "virt-arm", serial, Path("x"), 0, Path("x")) for serial in serials]
    monkeypatch.setattr(machine, "running", lambda: found)


def test_the_only_phone_is_found(
    server: Adb, real_adbd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    virtual_phones(monkeypatch)
    with pytest.raises(DeviceError, match=r"no phone: .*no virtual phone runs") as caught:
        phone.connect(None, None)
    assert "adb devices" in caught.value.fix
    (tmp_path / "keys").touch()
    with (
        RealAdbd(real_adbd) as one,
        RealAdbd(real_adbd) as two,
        RealAdbd(real_adbd, "-a", str(tmp_path / "keys")) as locked,
    ):
        connected(server, locked)
        with pytest.raises(DeviceError, match=f"{locked.serial} does not trust this computer"):
            phone.connect(None, None)
        until(lambda: listens(one.port))
        virtual_phones(monkeypatch, one.serial)
        reached = "does not say what it is"  # there is no getprop on this computer
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
        until(lambda: adb_server.find_serials() == [two.serial])
        with pytest.raises(DeviceError, match=reached):
            phone.connect(None, None)

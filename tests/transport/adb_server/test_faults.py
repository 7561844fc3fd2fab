"""Phone or server dies, freezes or refuses in the middle."""

import io
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from adb_client import Adb, listens
from adb_servers import WAYS, Reach, connected, do_pull, do_push, do_shell, nothing
from adbds import Adbd, AdbdProgram

from hardboot.base.errors import DeviceError
from hardboot.transport.errors import LinkError
from hardboot.transport.server import AdbServer
from hardboot.transport.server_channel import ServerChannel
from hardboot.transport.services import Timeouts
from hardboot.transport.sync import Sync

pytestmark = pytest.mark.timeout(30)  # nothing here may hang
Use = Callable[[AdbServer, Path, Callable[[int], None]], None]


def test_the_phones_reason_for_a_refused_file_is_told(server: Adb, adbd: Adbd, tmp_path: Path) -> None:
    source, file = tmp_path / "source", tmp_path / "file"
    source.write_bytes(bytes(1_000_000))
    file.touch()
    here = connected(server, adbd)
    with pytest.raises(DeviceError, match=r"refuses .*: .*[Nn]ot a directory") as caught:
        here.push(source, str(file / "below"), mode=0o644, progress=nothing)
    assert "incomplete" in caught.value.state
    with pytest.raises(DeviceError, match="has no file"):
        here.pull(str(tmp_path / "missing"), tmp_path / "x", progress=nothing)
    assert not (tmp_path / "x").exists()


def test_a_disk_that_fills_up_is_told_in_the_phones_words(
    server: Adb, any_adbd: AdbdProgram, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_bytes(bytes(20_000_000))  # more than lies in the sockets when the phone refuses
    with any_adbd.start(largest_file_kib=100) as daemon:
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
            if b"DONE" in data:
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


USES = pytest.mark.parametrize("use", [do_shell, do_push, do_pull])


def left_behind(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if "pulled" in path.name]


@USES
@WAYS
def test_a_phone_that_dies_in_the_middle_is_a_device_error(
    server: Adb, any_adbd: AdbdProgram, tmp_path: Path, reach: Reach, use: Use
) -> None:
    with any_adbd.start() as daemon:
        here = reach(server, daemon)
        with pytest.raises(DeviceError, match=r"ended the (shell|transfer)|was lost") as caught:
            use(here, tmp_path, lambda _moved: daemon.child.kill())
    assert caught.value.state != "Nothing was sent."
    assert caught.value.fix
    assert left_behind(tmp_path) == []
    with pytest.raises(DeviceError, match=r"is offline|is not connected"):
        here.shell("true", timeout_s=5)


@USES
def test_a_phone_that_freezes_in_the_middle_is_given_up(
    server: Adb, adbd: Adbd, tmp_path: Path, use: Use
) -> None:
    here = connected(server, adbd)
    here = AdbServer(here.serial, Timeouts(idle_s=0.5))
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
    own_server: Adb, adbd: Adbd, tmp_path: Path, use: Use
) -> None:
    here = connected(own_server, adbd)
    killed = threading.Event()

    def kill(_moved: int) -> None:
        if not killed.is_set():
            own_server.run("kill-server")
            killed.set()

    with pytest.raises(DeviceError, match=r"ended the (shell|transfer)|was lost") as caught:
        use(here, tmp_path, kill)
    assert caught.value.state != "Nothing was sent."
    assert left_behind(tmp_path) == []
    with pytest.raises(DeviceError, match="no ADB server runs"):
        here.shell("true", timeout_s=5)
    assert not listens(own_server.port), "a server was started"

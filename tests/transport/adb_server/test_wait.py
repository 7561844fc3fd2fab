"""Waiting for a phone behind the server, and going on with it."""

import hashlib
import random
import threading
from pathlib import Path

import pytest
from adb_client import Adb
from adb_servers import WAYS, Reach, connected, nothing, until
from adbds import Adbd, AdbdProgram

from hardboot.base.errors import DeviceError
from hardboot.device.connection import open_transport
from hardboot.transport.server import AdbServer, find_states
from hardboot.transport.server_channel import ServerChannel
from hardboot.transport.services import Timeouts

pytestmark = pytest.mark.timeout(30)  # nothing here may hang

# Until the phone is back


@WAYS
def test_wait_ends_when_the_phone_is_there_again(server: Adb, any_adbd: AdbdProgram, reach: Reach) -> None:
    with any_adbd.start() as first:
        here = reach(server, first)
        here.wait(timeout_s=10)
    second: list[Adbd] = []
    timer = threading.Timer(0.5, lambda: second.append(any_adbd.start(port=first.port)))
    timer.start()
    try:
        here.wait(timeout_s=20)
        assert here.shell("echo up", timeout_s=5).text == "up\n"
        assert second
    finally:
        timer.join()
        second[0].__exit__()


def test_wait_lets_go_of_a_connection_nobody_answers(server: Adb, adbd: Adbd) -> None:
    """A reset phone does not say goodbye: the server believes in the old connection."""
    here = AdbServer(connected(server, adbd).serial, Timeouts(probe_s=0.2))
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


def test_wait_outlasts_a_restart_of_the_server(own_server: Adb, adbd: Adbd) -> None:
    here = connected(own_server, adbd)
    here.wait(timeout_s=5)
    own_server.run("kill-server")
    timer = threading.Timer(0.3, own_server.start_server)
    timer.start()
    try:
        here.wait(timeout_s=15)
    finally:
        timer.join()


def test_each_use_closes_its_connection(server: Adb, adbd: Adbd, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[ServerChannel] = []
    close = ServerChannel.close

    def note(channel: ServerChannel, deadline: float = 0.0) -> None:
        closed.append(channel)
        close(channel, deadline)

    monkeypatch.setattr(ServerChannel, "close", note)
    here = connected(server, adbd)
    with pytest.raises(DeviceError, match="did not end the command"):
        here.shell("sleep 20", timeout_s=0.2)
    assert len(closed) == 1


def test_close_never_fails(server: Adb, adbd: Adbd) -> None:
    here = connected(server, adbd)
    here.close()
    assert here.shell("echo on", timeout_s=5).text == "on\n"
    here.close()
    here.close()


def test_a_large_file_goes_there_and_back(server: Adb, adbd: Adbd, tmp_path: Path) -> None:
    content = random.Random(1).randbytes(8_000_001)
    (tmp_path / "source").write_bytes(content)
    here = connected(server, adbd)
    here.push(tmp_path / "source", str(tmp_path / "there"), mode=0o600, progress=nothing)
    told = here.shell(f"sha256sum < {tmp_path}/there", timeout_s=20).text.split()[0]
    assert told == hashlib.sha256(content).hexdigest()
    here.pull(str(tmp_path / "there"), tmp_path / "back", progress=nothing)
    assert (tmp_path / "back").read_bytes() == content


def test_adb_works_again_with_a_phone_that_restarted_once_hardboot_used_it(
    server: Adb, any_adbd: AdbdProgram
) -> None:
    """Nothing tells the server that a phone on the network restarted: it answers "device offline"."""
    with any_adbd.start() as first:
        serial = connected(server, first).serial
    until(lambda: find_states() == {serial: "offline"})
    with any_adbd.start(port=first.port):
        assert server.run("-s", serial, "shell", "echo up").stdout == b""
        until(lambda: serial in (find_states() or {}))  # it is gone from the list for a moment
        here = open_transport(serial)
        assert isinstance(here, AdbServer)
        assert here.shell("echo up", timeout_s=5).text == "up\n"
        assert server.run("-s", serial, "shell", "echo up").stdout == b"up\n"

"""Phones that a real adb server reaches."""

import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from real_adb import Adb, RealAdbd

from hardboot.transport.server import AdbServer, find_states
from hardboot.transport.services import Timeouts


def nothing(_moved: int) -> None:
    pass


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def ready() -> list[str]:
    """Return the phones that the running server can reach."""
    return [serial for serial, state in (find_states() or {}).items() if state == "device"]


def connected(adb: Adb, daemon: RealAdbd) -> AdbServer:
    """The phone on the network, as the server's user connects it."""
    until(lambda: listens(daemon.port))
    adb.run("connect", daemon.serial)
    return AdbServer(daemon.serial, Timeouts(idle_s=5))


def plugged_in(adb: Adb, daemon: RealAdbd) -> AdbServer:
    """The phone under a name that is no address; the server finds it again by itself, as on USB."""
    until(lambda: listens(daemon.port))
    adb.run("connect", f"emu:{daemon.port - 1},{daemon.port}")
    serial = f"emulator-{daemon.port - 1}"
    until(lambda: (find_states() or {}).get(serial) == "device")
    return AdbServer(serial, Timeouts(idle_s=5))


Reach = Callable[[Adb, RealAdbd], AdbServer]
WAYS = pytest.mark.parametrize("reach", [connected, plugged_in])


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

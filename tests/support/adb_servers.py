"""Phones that a real adb server reaches."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from adb_client import Adb
from adbds import Adbd

from hardboot.transport.server import AdbServer, find_states
from hardboot.transport.services import Timeouts


def nothing(_moved: int) -> None:
    pass


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def ready() -> list[str]:
    """Return the phones that the running server can reach."""
    return [serial for serial, state in (find_states() or {}).items() if state == "device"]


def connected(adb: Adb, daemon: Adbd) -> AdbServer:
    """Return the phone on the network, as the server's user connects it."""
    adb.run("connect", daemon.serial)
    return AdbServer(daemon.serial, Timeouts(idle_s=5))


def plugged_in(adb: Adb, daemon: Adbd) -> AdbServer:
    """Return the phone under a name that is no address; the server finds it again by itself, as on USB."""
    adb.run("connect", f"emu:{daemon.port - 1},{daemon.port}")
    serial = f"emulator-{daemon.port - 1}"
    until(lambda: (find_states() or {}).get(serial) == "device")
    return AdbServer(serial, Timeouts(idle_s=5))


Reach = Callable[[Adb, Adbd], AdbServer]
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

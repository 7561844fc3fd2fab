"""A real adb server and a real adbd for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from adb_client import Adb, free_port, listens
from adbds import Adbd, AdbdProgram

from hardboot.base import process


@pytest.fixture
def server(adb: Adb, monkeypatch: pytest.MonkeyPatch) -> Iterator[Adb]:
    """Yield the running server hardboot is to use; it forgets its phones after the test."""
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(adb.port))
    yield adb
    adb.run("disconnect")


@pytest.fixture
def own_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Adb]:
    """Yield a server that a test may end."""
    home = tmp_path / "home"
    home.mkdir()
    adb = Adb(process.find_tool("adb", "adb"), free_port(), home)
    adb.start_server()
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(adb.port))
    yield adb
    if listens(adb.port):
        adb.run("kill-server")


@pytest.fixture
def adbd(any_adbd: AdbdProgram) -> Iterator[Adbd]:
    with any_adbd.start() as daemon:
        yield daemon

"""A real adb server and a real adbd for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from adb_servers import listens
from real_adb import Adb, RealAdbd, free_port

from hardboot.base import process


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

"""A computer with the programs and the ADB server that a test gives it."""

import socketserver
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str, str], Path]:
    """Install programs: shell scripts in the only folder of PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def put(name: str, script: str) -> Path:
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    return put


@pytest.fixture
def adb_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """Run an ADB server; return the phones that it lists with their states, for the test to fill."""
    states: dict[str, str] = {}

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            request = self.rfile.read(int(self.rfile.read(4), 16)).decode()
            if request == "host:devices":
                self._answer("OKAY", "".join(f"{serial}\t{state}\n" for serial, state in states.items()))
            else:
                self._answer("FAIL", f"device {states[request.removeprefix('host:transport:')]}")

        def _answer(self, status: str, text: str) -> None:
            self.wfile.write(f"{status}{len(text):04x}{text}".encode())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(server.server_address[1]))
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield states
        server.shutdown()


@pytest.fixture(autouse=True)
def own_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep backups and virtual phones of this computer out of the tests."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

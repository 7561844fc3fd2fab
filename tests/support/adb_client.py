"""Debian's adb client, with a server of its own."""

import os
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass(frozen=True)
class Adb:
    """The real client with a server, a home and keys of its own."""

    path: str
    port: int
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ADB", "ANDROID"))}
        return kept | {
            "HOME": str(self.home),
            "TMPDIR": str(self.home),
            "ADB_LOCAL_TRANSPORT_MAX_PORT": "0",  # do not look for emulators
        }

    def command(self, *arguments: object) -> list[str]:
        return [self.path, "-P", str(self.port), *map(str, arguments)]

    def run(self, *arguments: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            self.command(*arguments), input=stdin, capture_output=True, timeout=30, env=self.environment
        )

    def start_server(self) -> None:
        started = self.run("start-server")
        assert started.returncode == 0, started.stderr

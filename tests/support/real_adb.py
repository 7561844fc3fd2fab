"""The two real ends of ADB: Debian's client with a server of its own, and the virtual phone's daemon."""

import os
import signal
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from hardboot.base import process

PHONE = Path(__file__).parents[2] / "hardboot" / "virtual" / "phone"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def build_adbd(output: Path) -> Path:
    """The virtual phone's adbd, built for this computer."""
    gcc = process.find_tool("gcc", "gcc")
    process.run([gcc, "-O2", *sorted(PHONE.glob("adbd*.c")), "-o", output], timeout_s=120)
    return output


class PhoneAdbd:
    """A running adbd of the virtual phone."""

    def __init__(
        self, program: Path, *options: str, port: int | None = None, largest_file_kib: int | None = None
    ) -> None:
        self.port = port or free_port()
        shell = program.with_name("sh")  # adbd sets Android's PATH, which this computer does not have
        shell.write_text('#!/bin/sh\nPATH=/usr/bin:/bin exec /bin/sh "$@"\n')
        shell.chmod(0o755)
        words = [str(program), "-b", "127.0.0.1", "-p", str(self.port), "-s", str(shell), "-u", "0", *options]
        if largest_file_kib is not None:  # Python ignores SIGXFSZ: the write fails instead of killing
            limit = f'ulimit -f {largest_file_kib * 2}; exec "$@"'
            words = ["sh", "-c", limit, "sh", *words]
        self.child = subprocess.Popen(words, stdin=subprocess.DEVNULL, restore_signals=False, process_group=0)

    @property
    def serial(self) -> str:
        return f"127.0.0.1:{self.port}"

    def freeze(self) -> None:
        """Answer nothing more, on old connections and new ones."""
        os.killpg(self.child.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.killpg(self.child.pid, signal.SIGCONT)

    def __enter__(self) -> "PhoneAdbd":
        return self

    def __exit__(self, *_error: object) -> None:
        self.child.terminate()
        self.child.wait(10)


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

"""The virtual phone's adbd, built for this computer; a client of packets that can break the rules."""

import contextlib
import hashlib
import os
import random
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from adb_client import Adb

SOURCES = Path(__file__).parents[2] / "hardboot" / "virtual" / "phone"
WARNINGS = ["-O2", "-Wall", "-Wextra", "-Werror"]
SANITIZERS = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
VERSION, OLD_VERSION = 0x01000001, 0x01000000
MAX_STREAMS = 64
AID_SHELL = 2000
IS_ROOT = os.geteuid() == 0


def tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.fail(f"{name} is needed for these tests and is not installed")
    return path


def compile_c(compiler: str, sources: list[Path], output: Path, *options: str) -> Path:
    command = [tool(compiler), *WARNINGS, *options, "-o", str(output), *map(str, sources)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return output


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited in vain: {what}")
        time.sleep(0.02)


@dataclass(frozen=True)
class Daemon:
    port: int
    pid: int
    scratch: Path

    @property
    def serial(self) -> str:
        return f"127.0.0.1:{self.port}"


Start = Callable[..., Daemon]


class Phone:
    """One daemon as the real client sees it."""

    def __init__(self, adb: Adb, daemon: Daemon) -> None:
        self.adb, self.daemon = adb, daemon

    def __call__(self, *arguments: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return self.adb.run("-s", self.daemon.serial, *arguments, stdin=stdin)

    def good(self, *arguments: object, stdin: bytes = b"") -> bytes:
        done = self(*arguments, stdin=stdin)
        assert done.returncode == 0, (done.stdout, done.stderr)
        return done.stdout


Connect = Callable[[Daemon], Phone]


def random_file(path: Path, size: int) -> str:
    data = random.Random(size).randbytes(size)
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists() and process_state(pid)[0] != "Z"


def wait_for_end(pid: int, what: str) -> None:
    wait_until(lambda: not alive(pid), what)


def process_state(pid: int) -> tuple[str, int]:
    """State letter and parent of a process."""
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return fields[0], int(fields[1])
    return "", 0


def descendants(pid: int) -> set[int]:
    parents = {int(entry.name): process_state(int(entry.name))[1] for entry in Path("/proc").glob("[0-9]*")}
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


class Raw:
    """A client that can also break the rules."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)

    def __enter__(self) -> "Raw":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    @staticmethod
    def packet(command: bytes, arg0: int, arg1: int, data: bytes = b"", **wrong: int) -> bytes:
        number = int.from_bytes(command, "little")
        fields = {"size": len(data), "sum": sum(data), "magic": number ^ 0xFFFFFFFF} | wrong
        return struct.pack("<6I", number, arg0, arg1, fields["size"], fields["sum"], fields["magic"]) + data

    def send(self, command: bytes, arg0: int, arg1: int, data: bytes = b"", **wrong: int) -> None:
        self.socket.sendall(self.packet(command, arg0, arg1, data, **wrong))

    def read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            assert more, "the daemon ended the connection"
            data += more
        return data

    def receive(self) -> tuple[bytes, int, int, bytes]:
        command, arg0, arg1, size, total, magic = struct.unpack("<6I", self.read(24))
        assert magic == command ^ 0xFFFFFFFF
        data = self.read(size)
        assert total in (sum(data), 0)
        return command.to_bytes(4, "little"), arg0, arg1, data

    def expect_end(self) -> None:
        with contextlib.suppress(ConnectionResetError):
            assert self.socket.recv(1) == b""

    def expect_silence(self) -> None:
        self.socket.settimeout(0.2)
        with pytest.raises(TimeoutError):
            self.socket.recv(1)
        self.socket.settimeout(10)

    def greet(self, version: int = VERSION, max_data: int = 4096) -> int:
        self.send(b"CNXN", version, max_data, b"host::\0")
        command, _, effective, banner = self.receive()
        assert command == b"CNXN"
        assert banner.startswith(b"device::ro.product.name=")
        return effective

    def challenge(self) -> bytes:
        self.send(b"CNXN", VERSION, 4096, b"host::\0")
        command, kind, _, token = self.receive()
        assert (command, kind, len(token)) == (b"AUTH", 1, 20)
        return token

    def open(self, service: bytes, local: int = 1) -> int:
        self.send(b"OPEN", local, 0, service + b"\0")
        command, remote, echoed, _ = self.receive()
        assert (command, echoed) == (b"OKAY", local)
        return remote

    def exchange(self, remote: int, data: bytes, size: int) -> bytes:
        """Write to stream 1, then read `size` bytes of answer."""
        for begin in range(0, len(data), 4096):
            self.send(b"WRTE", 1, remote, data[begin : begin + 4096])
        answer = b""
        acknowledged = not data
        while len(answer) < size or not acknowledged:
            command, _, _, more = self.receive()
            assert command in (b"OKAY", b"WRTE")
            acknowledged |= command == b"OKAY"
            if command == b"WRTE":
                self.send(b"OKAY", 1, remote)
                answer += more
        assert len(answer) == size
        return answer


def keygen(adb: Adb, path: Path) -> Path:
    adb.run("keygen", path)
    return path


def assert_serves(daemon: Daemon) -> None:
    with Raw(daemon.port) as raw:
        raw.greet()
        remote = raw.open(b"shell:echo alive")
        assert raw.receive() == (b"WRTE", remote, 1, b"alive\n")

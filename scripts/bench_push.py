"""Measure a push against adb's own, to AOSP's adbd on this computer, which is as quick as a phone can be."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from measuring import RUNS, TIMEOUT_S, Row, compared

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/support"))

from adb_client import Adb, free_port
from adbds import AospAdbd

from hardboot.base import process
from hardboot.transport.base import Transport
from hardboot.transport.direct import AdbTcp
from hardboot.transport.server import AdbServer

SIZE = 64 << 20  # bytes


def measure_push() -> list[Row]:
    """Measure hardboot with a connection of its own, and through adb's server, against `adb push`."""
    with tempfile.TemporaryDirectory(prefix="hb-") as name:
        folder = Path(name)
        client = Adb(process.find_tool("adb", "adb"), free_port(), folder)
        os.environ["ANDROID_ADB_SERVER_PORT"] = str(client.port)
        source = folder / "image"
        source.write_bytes(os.urandom(SIZE))
        with AospAdbd.fetch(folder).start() as adbd:
            client.start_server()
            try:
                client.run("connect", adbd.serial)
                return list(_rows(client, adbd.port, source, folder / "pushed"))
            finally:
                client.run("kill-server")


def _rows(client: Adb, port: int, source: Path, target: Path) -> list[Row]:
    serial = f"127.0.0.1:{port}"
    command = client.command("-s", serial, "push", source, target)

    def theirs() -> None:
        subprocess.run(command, check=True, stdout=subprocess.PIPE, env=client.environment, timeout=TIMEOUT_S)

    def ours(transport: Transport) -> Callable[[], None]:
        return lambda: transport.push(source, str(target), mode=0o644, progress=lambda _size: None)

    direct, server = AdbTcp("127.0.0.1", port), AdbServer(serial)
    direct.wait(timeout_s=TIMEOUT_S)
    works = (theirs, ours(direct), ours(server))
    times = [[_seconds(work, target) for work in works] for _ in range(RUNS)]
    adb, alone, through = (statistics.median(column) for column in zip(*times, strict=True))
    direct.close()
    return [
        compared("push of 64 MiB to AOSP's adbd; adb push", alone, adb, "1.1"),
        compared("the same through adb's server; adb push", through, adb, "1.1"),
    ]


def _seconds(work: Callable[[], None], target: Path) -> float:
    target.unlink(missing_ok=True)
    start = time.perf_counter()
    work()
    seconds = time.perf_counter() - start
    if target.stat().st_size != SIZE:
        raise SystemExit(f"bench: {target} has {target.stat().st_size} bytes")
    return seconds


if __name__ == "__main__":
    for row in measure_push():
        print(" | ".join(row.cells()))

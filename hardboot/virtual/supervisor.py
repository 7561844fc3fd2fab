"""The process that owns a running QEMU: starts it, records its events, ends it.

Run as `python -m hardboot.virtual.supervisor FOLDER COMMAND...`. It holds a lock in FOLDER while the phone
runs, and writes each QMP event as a line of JSON.
"""

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from qemu.qmp import ConnectError, Message, QMPClient
from qemu.qmp.qmp_client import ExecInterruptedError

from hardboot.virtual.machine import EVENTS, LOCK, QMP_SOCKET

_CONNECT_TIMEOUT_S = 10
_QUIT_TIMEOUT_S = 5


async def supervise(command: Sequence[str]) -> int:
    """Start QEMU paused, connect to it, let it run, wait for its end, and return its exit code."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, start_new_session=True
    )
    try:
        client = QMPClient("virtual phone")
        await _connect(client, process)
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        recorder = asyncio.create_task(_record(client))
        await client.execute("cont")
        ended = asyncio.create_task(process.wait())
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            await _quit(client)
            await asyncio.wait({ended}, timeout=_QUIT_TIMEOUT_S)
        stopped.cancel()
        recorder.cancel()
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return process.returncode or 0


async def _connect(client: QMPClient, process: asyncio.subprocess.Process) -> None:
    deadline = asyncio.get_running_loop().time() + _CONNECT_TIMEOUT_S
    while True:
        if process.returncode is not None or asyncio.get_running_loop().time() > deadline:
            raise SystemExit(f"QEMU did not start (exit code {process.returncode})")
        if Path(QMP_SOCKET).exists():
            try:
                await client.connect(QMP_SOCKET)
                return
            except ConnectError:  # the socket exists a moment before QEMU listens
                pass
        await asyncio.sleep(0.02)


async def _quit(client: QMPClient) -> None:
    # The answer may be lost: QEMU is already gone.
    with contextlib.suppress(ExecInterruptedError, ConnectionError, EOFError):
        await client.execute("quit")


async def _record(client: QMPClient) -> None:
    with client.listener() as events, Path(EVENTS).open("a") as log:
        async for event in events:
            log.write(_line(event))
            log.flush()


def _line(event: Message) -> str:
    return json.dumps(dict(event)) + "\n"


def main() -> None:
    """Take the lock and supervise; exit with QEMU's exit code, or 75 if the phone is already running."""
    folder, *command = sys.argv[1:]
    os.chdir(folder)
    with Path(LOCK).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(75)
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        for name in (QMP_SOCKET, EVENTS):
            Path(name).unlink(missing_ok=True)
        sys.exit(asyncio.run(supervise(command)))


if __name__ == "__main__":
    main()

"""Daemons of one test, and who connects to them."""

import contextlib
import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from adb_client import Adb
from virtual_adbd import IS_ROOT, SANITIZERS, SOURCES, Connect, Daemon, Phone, Start, compile_c, wait_until


@pytest.fixture(scope="session")
def adbd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("bin") / "adbd"
    return compile_c("gcc", sorted(SOURCES.glob("adbd*.c")), output, *SANITIZERS)


@pytest.fixture
def start(adbd: Path, tmp_path: Path) -> Iterator[Start]:
    """Start daemons that end with the test; whatever a sanitizer says fails it."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    shell = tmp_path / "sh"  # the phone's PATH leads nowhere here
    shell.write_text('#!/bin/sh\nPATH=/usr/bin:/bin exec /bin/sh "$@"\n')
    shell.chmod(0o755)
    with contextlib.ExitStack() as stack:

        def start_one(*options: str) -> Daemon:
            common = ["-b", "127.0.0.1", "-p", "0", "-u", str(os.geteuid()), "-s", str(shell)]
            log = tmp_path / f"adbd-{time.monotonic_ns()}.log"
            groups = [1, 2] if IS_ROOT else None  # what services must not keep
            with log.open("wb") as output:
                process = subprocess.Popen(
                    ["nohup", str(adbd), *common, *options],  # its services do not inherit that
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    extra_groups=groups,
                )

            def stop() -> None:
                assert process.poll() is None, log.read_text()
                process.terminate()
                process.wait(10)
                assert "Sanitizer" not in log.read_text()
                assert "runtime error" not in log.read_text()

            stack.callback(stop)
            wait_until(lambda: "listening on" in log.read_text() or process.poll() is not None, "adbd starts")
            found = re.search(r"listening on 127\.0\.0\.1:(\d+)", log.read_text())
            assert found, log.read_text()
            return Daemon(int(found[1]), process.pid, scratch)

        yield start_one


@pytest.fixture
def daemon(start: Start) -> Daemon:
    return start("-B", "omni_virt;Virtual Phone;virt")


@pytest.fixture
def connect(adb: Adb) -> Iterator[Connect]:
    with contextlib.ExitStack() as stack:

        def connect_one(daemon: Daemon) -> Phone:
            stack.callback(adb.run, "disconnect", daemon.serial)
            assert b"connected to" in adb.run("connect", daemon.serial).stdout
            return Phone(adb, daemon)

        yield connect_one


@pytest.fixture
def phone(connect: Connect, daemon: Daemon) -> Phone:
    return connect(daemon)

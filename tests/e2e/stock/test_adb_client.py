"""Debian's adb client against the virtual phone, booted for real."""

import hashlib
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from phones import VirtualPhone

from hardboot.base.errors import DeviceError
from hardboot.transport.direct import AdbTcp
from hardboot.transport.services import Timeouts

pytestmark = pytest.mark.e2e

Adb = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def adb(tmp_path: Path) -> Iterator[Adb]:
    """Yield the real client, with a server and keys of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    environment = {**os.environ, "HOME": str(tmp_path), "ANDROID_ADB_SERVER_PORT": port}

    def run(*words: str | Path, timeout: float = 60) -> "subprocess.CompletedProcess[str]":
        command = ["adb", *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=environment)

    run("start-server")
    try:
        yield run
    finally:
        run("kill-server")


def test_shell_push_pull_and_reboot(stock_phone: VirtualPhone, adb: Adb, tmp_path: Path) -> None:
    serial = stock_phone.serial
    assert "connected to" in adb("connect", serial).stdout
    phone = ("-s", serial)

    ran = adb(*phone, "shell", "id; echo wrong >&2; exit 7")
    assert (ran.returncode, ran.stderr) == (7, "wrong\n")
    assert ran.stdout.startswith("uid=2000")
    assert adb(*phone, "shell", "getprop", "ro.product.device").stdout == "virt-arm\n"
    assert adb(*phone, "shell", "su -c id").stdout.startswith("uid=0")
    assert "cannot run as root in production builds" in adb(*phone, "root").stdout

    tree = tmp_path / "tree"
    (tree / "sub").mkdir(parents=True)
    for name, size in (("empty", 0), ("small", 10), ("sub/large", 5_000_000)):
        (tree / name).write_bytes(os.urandom(size))
    assert adb(*phone, "push", tree, "/data/local/tmp/").returncode == 0
    digest = hashlib.sha256((tree / "sub/large").read_bytes()).hexdigest()
    assert adb(*phone, "shell", "sha256sum /data/local/tmp/tree/sub/large").stdout.split()[0] == digest
    assert adb(*phone, "pull", "/data/local/tmp/tree", tmp_path / "back").returncode == 0
    for path in tree.rglob("*"):
        if path.is_file():
            assert (tmp_path / "back" / path.relative_to(tree)).read_bytes() == path.read_bytes()

    resets = stock_phone.status.resets
    assert adb(*phone, "reboot").returncode == 0
    stock_phone.wait(resets)
    adb("disconnect")
    adb("connect", serial)
    # /data is kept over the restart, and the console of the last boot lies in pstore.
    assert adb(*phone, "shell", "sha256sum /data/local/tmp/tree/sub/large").stdout.split()[0] == digest
    assert "Restarting system" in adb(*phone, "shell", "su -c 'cat /sys/fs/pstore/console-ramoops*'").stdout


def test_authorisation_of_a_second_phone(
    stock_phone: VirtualPhone, roms: dict[str, Path], adb: Adb, tmp_path: Path
) -> None:
    key = tmp_path / ".android" / "adbkey.pub"
    assert key.exists()  # the server made it when it started
    start = ("virtual", "start", "--name", "locked", "--adb-key")
    other = tmp_path / "other"
    adb("keygen", other)
    stock_phone.hardboot.process(*start, other.with_suffix(".pub"))
    try:
        refused = stock_phone("boot", roms["minimal"], "--via", "hardboot", code=4)
        assert "2 phones are connected" in refused.three_lines[0]
        assert "--serial" in refused.three_lines[2]
        first = stock_phone("--json", "--serial", stock_phone.serial, "status").json
        assert first["serial"] == "HBVIRT-ARM"
        serial = stock_phone.hardboot("--json", "virtual", "status", "--name", "locked").json["serial"]
        adb("connect", serial)
        assert "unauthorized" in adb("-s", serial, "shell", "true").stderr
        host, _, port = serial.rpartition(":")
        stranger = AdbTcp(host, int(port), key_folder=key.parent, timeouts=Timeouts(auth_s=2))
        with pytest.raises(DeviceError, match="does not trust this computer"):
            stranger.shell("true", timeout_s=10)
        stock_phone("virtual", "stop", "--name", "locked")
        stock_phone.hardboot.process(*start, key)
        adb("disconnect")
        adb("connect", serial)
        assert adb("-s", serial, "shell", "echo in").stdout == "in\n"
        environment = {**stock_phone.hardboot.environment, "HOME": str(tmp_path)}
        known = type(stock_phone.hardboot)(environment)("--json", "--serial", serial, "status").json
        assert known["device"] == "virt-arm"
    finally:
        stock_phone("virtual", "stop", "--name", "locked")

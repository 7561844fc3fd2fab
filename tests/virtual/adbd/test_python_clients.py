"""The virtual phone's adbd, spoken to by Python's ADB clients."""

from pathlib import Path

import pytest
from adb_client import Adb
from virtual_adbd import Start, keygen, random_file, sha256


def test_adb_shell_works_with_a_key(adb: Adb, start: Start, tmp_path: Path) -> None:
    from adb_shell.adb_device import AdbDeviceTcp
    from adb_shell.auth.sign_pythonrsa import PythonRSASigner

    key = keygen(adb, tmp_path / "key")
    daemon = start("-a", str(key.with_suffix(".pub")))
    device = AdbDeviceTcp("127.0.0.1", daemon.port, default_transport_timeout_s=10)
    try:
        assert device.connect(rsa_keys=[PythonRSASigner.FromRSAKeyPath(str(key))], auth_timeout_s=5)
        assert device.shell("echo hello; echo error >&2") == "hello\nerror\n"
        digest = random_file(tmp_path / "file", 2_000_001)
        device.push(
            str(tmp_path / "file"), str(daemon.scratch / "file"), st_mode=0o100600, mtime=1_400_000_000
        )
        assert sha256(daemon.scratch / "file") == digest
        assert device.stat(str(daemon.scratch / "file")) == (0o100666, 2_000_001, 1_400_000_000)
        device.pull(str(daemon.scratch / "file"), str(tmp_path / "back"))
        assert sha256(tmp_path / "back") == digest
        assert [entry.filename for entry in device.list(str(daemon.scratch)) if entry.size == 2_000_001] == [
            b"file"
        ]
        assert b"".join(device.streaming_shell("head -c 100000 /dev/zero", decode=False)) == bytes(100_000)
        assert "42" in device.exec_out("echo $((20+22))")
    finally:
        device.close()


def test_adb_shell_with_another_key_is_refused(adb: Adb, start: Start, tmp_path: Path) -> None:
    from adb_shell.adb_device import AdbDeviceTcp
    from adb_shell.auth.sign_pythonrsa import PythonRSASigner
    from adb_shell.exceptions import AdbTimeoutError, TcpTimeoutException

    key, other = keygen(adb, tmp_path / "key"), keygen(adb, tmp_path / "other")
    daemon = start("-a", str(key.with_suffix(".pub")))
    device = AdbDeviceTcp("127.0.0.1", daemon.port, default_transport_timeout_s=5)
    try:
        with pytest.raises((AdbTimeoutError, TcpTimeoutException)):
            device.connect(rsa_keys=[PythonRSASigner.FromRSAKeyPath(str(other))], auth_timeout_s=0.3)
    finally:
        device.close()

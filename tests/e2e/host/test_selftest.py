"""hardboot selftest on the virtual phone, whose kernel keeps its console alone."""

from pathlib import Path

import pytest
from phones import VirtualPhone

from hardboot import profile

pytestmark = pytest.mark.e2e


def test_the_selftest_passes_and_a_crash_keeps_ram(
    host_phone: VirtualPhone, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    boot, resets = host_phone.boot_partition_sha256(), host_phone.status.resets
    done = host_phone("--json", "selftest", "--yes").json
    assert (done["outcome"], done["emulated"]) == ("passed", True)
    assert done["logs"] == ["/sys/fs/pstore/console-ramoops-0"]
    assert host_phone.status.resets == resets + 3
    assert host_phone.is_host
    assert host_phone.boot_partition_sha256() == boot
    crashed = host_phone("--json", "probe", "--reset", "panic", "--yes").json
    assert [(one["restart"], one["kept"]) for one in crashed["restarts"]] == [("panic", True)]
    assert profile.load("virt-arm").survives.panic is True

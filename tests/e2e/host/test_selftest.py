"""hardboot selftest on the virtual phone, whose kernel keeps its console alone; also one that clears RAM."""

import json
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


def test_on_a_phone_that_clears_its_ram_all_say_so_and_the_phone_is_home(
    host_phone: VirtualPhone, roms: dict[str, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    phone = host_phone
    phone.start("--clear-ram")
    failed = phone("--json", "selftest", "-o", tmp_path / "report.json", "--yes", code=5).json
    assert failed["outcome"] == "ram-lost"
    assert failed["why"] == "RAM survives none of the restarts that were tried: plain, command, warm"
    assert json.loads((tmp_path / "report.json").read_text())["restarts"] == failed["restarts"]
    assert phone.is_host
    lost = phone("--json", "boot", roms["minimal"], code=5).json
    assert (lost["outcome"], lost["cause"]["kind"]) == ("host-came-back", "record-not-taken")
    assert "RAM lost its content in the reset" in lost["error"]["what"]
    phone.restart()

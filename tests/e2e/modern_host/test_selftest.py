"""hardboot selftest on the phone with slots, and its report."""

import tomllib
from pathlib import Path

import pytest
from phones import VirtualPhone

pytestmark = pytest.mark.e2e


@pytest.fixture
def phone(modern_host_phone: VirtualPhone, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> VirtualPhone:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return modern_host_phone


def test_the_selftest_passes_and_its_report_is_merged(phone: VirtualPhone, tmp_path: Path) -> None:
    boot, resets = phone.read_partition("boot_a"), phone.status.resets
    report, merged = tmp_path / "report.json", tmp_path / "merged.toml"
    done = phone("--json", "selftest", "-o", report, "--yes").json
    assert (done["outcome"], done["emulated"]) == ("passed", True)
    assert "/sys/fs/pstore/pmsg-ramoops-0" in done["logs"]
    assert phone.status.resets == resets + 3  # the restart before, hardboot's own, and the guest's
    assert phone.is_host
    assert phone.read_partition("boot_a") == boot
    phone("devices", "check", "--report", report, "-o", merged, "--yes")
    made = tomllib.loads(merged.read_text())
    assert (made["status"], made["survives"]) == ("emulated", {"plain": True})
    assert "hardboot selftest passed on" in made["evidence"]["status"]["source"]

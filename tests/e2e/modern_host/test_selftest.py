"""hardboot probe and selftest on the phone with slots: as it is, and with a bootloader that clears RAM."""

import json
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


def test_on_a_phone_that_clears_its_ram_all_say_so_and_the_phone_is_home(
    phone: VirtualPhone, modern_rom: Path, tmp_path: Path
) -> None:
    phone.start("--clear-ram")
    failed = phone("--json", "selftest", "-o", tmp_path / "report.json", "--yes", code=5).json
    assert failed["outcome"] == "ram-lost"
    assert failed["why"] == "RAM survives none of the restarts that were tried: plain, command, warm"
    assert json.loads((tmp_path / "report.json").read_text())["restarts"] == failed["restarts"]
    assert phone.is_host
    lost = phone("--json", "boot", modern_rom, code=5).json
    assert (lost["outcome"], lost["cause"]["kind"]) == ("host-came-back", "record-not-taken")
    assert "RAM lost its content in the reset" in lost["error"]["what"]
    phone.restart()

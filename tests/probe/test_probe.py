"""Which restarts RAM survives, measured on the scripted phone."""

import gzip
import json
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from in_process import hardboot
from scripted_phone import HOST, STOCK, ScriptedPhone
from scripted_setup import SEGMENT

from hardboot import profile
from hardboot.probe import survival
from hardboot.probe.log_memory import KeptLogs

EVERY = ("--reset", "plain", "--reset", "warm", "--reset", "command", "--reset", "panic", "--yes")


def results(document: Any) -> dict[str, bool | None]:
    return {one["restart"]: one["kept"] for one in document["restarts"]}


def test_ram_that_survives_every_restart_is_certified_and_written_into_the_profile(
    scripted: ScriptedPhone, own_profiles: Path
) -> None:
    ran = hardboot("--json", "probe", *EVERY)
    assert ran.returncode == 0, ran.stderr
    document = json.loads(ran.stdout)
    assert results(document) == dict.fromkeys(("plain", "warm", "command", "panic"), True)
    assert document["written_to"] == ["/dev/pmsg0", "/dev/kmsg"]
    reasons = {one["restart"]: one["why"] for one in document["restarts"]}
    assert reasons["plain"] == (
        "the word is in /sys/fs/pstore/console-ramoops-0, /sys/fs/pstore/pmsg-ramoops-0"
    )
    assert "/sys/fs/pstore/dmesg-ramoops-0" in reasons["panic"]
    path = own_profiles / "virt-arm.certificate.json"
    assert document["certificate"] == str(path)
    certificate = json.loads(path.read_text())
    assert results(certificate) == results(document)
    assert scripted.serialno not in path.read_text()
    text = (own_profiles / "virt-arm.toml").read_text()
    made = tomllib.loads(text)
    assert made["survives"] == {"plain": True, "warm": True, "command": True, "panic": True}
    assert made["evidence"]["survives.warm"]["status"] == "verified"
    assert "measured by hardboot probe on 20" in made["evidence"]["survives.warm"]["source"]
    assert "# Added to the device tree by the bootloader script." in text, "comments stay"
    assert hardboot("devices", "check").returncode == 0


@pytest.mark.parametrize("lost", ["plain", "warm", "command", "panic"])
def test_each_restart_that_clears_ram_is_told(lost: str, scripted: ScriptedPhone, own_profiles: Path) -> None:
    assert scripted.ramoops
    scripted.ramoops.cleared_by = {lost}
    ran = hardboot("probe", *EVERY)
    assert ran.returncode == 0, ran.stderr
    rows = {line.split()[0]: line.split(None, 2)[1:] for line in ran.stdout.splitlines() if line[:2] == "  "}
    assert rows.pop(lost) == ["lost", "no log is left: RAM, or the part of it that keeps logs, was cleared"]
    rows.pop("restart")
    assert {row[0] for row in rows.values()} == {"kept"}
    made = profile.load("virt-arm")
    assert getattr(made.survives, lost) is False


def test_a_later_measurement_takes_the_place_of_the_earlier_one_of_its_kind(
    scripted: ScriptedPhone, own_profiles: Path
) -> None:
    assert scripted.ramoops
    hardboot("probe", *EVERY)
    scripted.ramoops.cleared_by = {"warm"}
    assert hardboot("probe", "--reset", "warm", "--yes").returncode == 0
    certificate = json.loads((own_profiles / "virt-arm.certificate.json").read_text())
    assert results(certificate) == {"plain": True, "command": True, "panic": True, "warm": False}
    assert profile.load("virt-arm").survives.warm is False


def test_without_options_the_kernel_is_not_crashed(scripted: ScriptedPhone) -> None:
    document = json.loads(hardboot("--json", "probe", "--yes").stdout)
    assert list(results(document)) == ["plain", "warm", "command"]
    assert len(scripted.happened("reboot*")) == 3


def test_a_dry_run_restarts_nothing_and_writes_nothing(scripted: ScriptedPhone, own_profiles: Path) -> None:
    assert scripted.ramoops
    scripted.ramoops.has_mode = False
    scripted.power_on()
    ran = hardboot("--json", "probe", "--dry-run")
    document = json.loads(ran.stdout)
    assert document["would_try"] == ["plain", "command"]
    assert document["restarts"][0]["why"] == "this kernel has no /sys/kernel/reboot/mode"
    shown = hardboot("probe", "--dry-run").stdout
    assert "  warm          not possible: this kernel has no /sys/kernel/reboot/mode\n" in shown
    assert "Nothing was restarted." in shown
    assert not scripted.happened("reboot*")
    assert scripted.ramoops.written == {}
    assert not own_profiles.exists()


def test_each_restart_is_asked_for_before_anything_is_written(
    scripted: ScriptedPhone, own_profiles: Path
) -> None:
    assert scripted.ramoops
    ran = hardboot("probe")
    assert ran.returncode == 4
    assert "not confirmed: This restarts the phone: virt-arm HBSCRIPT." in ran.stderr
    assert scripted.ramoops.written == {}
    assert not scripted.happened("reboot*")
    assert not own_profiles.exists()


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"/proc/config.gz": "CONFIG_IKCONFIG_PROC=y\n"}, "keeps no logs in RAM (no CONFIG_PSTORE_RAM)"),
        ({"/sys/module/ramoops/parameters/mem_address": "0\n"}, "ramoops of this kernel has no RAM"),
        ({"/sys/module/pstore/parameters/backend": "efi\n"}, "keeps logs by efi, not in RAM"),
    ],
)
def test_a_kernel_that_keeps_nothing_in_ram_is_refused_with_what_is_missing(
    files: dict[str, str], why: str, scripted: ScriptedPhone
) -> None:
    scripted.ramoops = None
    content = {
        path: gzip.compress(text.encode()) if path.endswith(".gz") else text.encode()
        for path, text in files.items()
    }
    scripted.boots = [(b"", replace(HOST, files=dict(content)))]
    scripted.power_on()
    ran = hardboot("probe", "--yes")
    assert ran.returncode == 4
    assert why in ran.stderr
    assert "CONFIG_PSTORE_PMSG" in ran.stderr
    assert not scripted.happened("reboot*")


def test_a_kernel_that_does_not_say_whether_it_keeps_logs_leaves_it_open(scripted: ScriptedPhone) -> None:
    scripted.ramoops = None
    scripted.power_on()
    scripted.boots = [(b"", HOST)]
    scripted.add_file("/dev/kmsg", b"")
    document = json.loads(hardboot("--json", "probe", "--reset", "plain", "--yes").stdout)
    assert document["restarts"][0]["kept"] is None
    assert document["restarts"][0]["why"] == "no log is left, but it is not known that this kernel keeps any"


def test_a_kernel_that_keeps_only_crash_logs_is_only_crashed(scripted: ScriptedPhone) -> None:
    assert scripted.ramoops
    scripted.ramoops.pmsg = scripted.ramoops.console = scripted.ramoops.tells = False
    config = gzip.compress(b"CONFIG_IKCONFIG_PROC=y\nCONFIG_PSTORE_RAM=y\n")
    scripted.boots = [(b"", replace(HOST, files={"/proc/config.gz": config}))]
    scripted.power_on()
    document = json.loads(hardboot("--json", "probe", *EVERY, "--dry-run").stdout)
    assert document["would_try"] == ["panic"]
    assert {one["why"] for one in document["restarts"]} == {
        "this kernel keeps no log over it, only over a crash"
    }


def test_another_kernel_that_comes_up_leaves_it_open(scripted: ScriptedPhone) -> None:
    assert scripted.ramoops
    scripted.ramoops.cleared_by = {"plain"}
    scripted.boots = [(b"", STOCK)]
    document = json.loads(hardboot("--json", "probe", "--reset", "plain", "--yes").stdout)
    assert results(document) == {"plain": None}


def test_a_phone_that_does_not_restart_is_told(scripted: ScriptedPhone, own_profiles: Path) -> None:
    scripted.fault("reboot*", code=1)
    document = json.loads(hardboot("--json", "probe", "--reset", "plain", "--yes").stdout)
    assert document["restarts"] == [
        {"restart": "plain", "kept": None, "why": "the phone did not restart", "seconds": None}
    ]
    assert not own_profiles.exists()


def test_a_silent_phone_ends_the_run_and_what_was_measured_before_is_saved(
    scripted: ScriptedPhone, own_profiles: Path
) -> None:
    scripted.fault("reboot*", nth=2, before=scripted.boots.clear)
    words = ("--reset", "plain", "--reset", "command", "--wait", "60", "--yes")
    ran = hardboot("--json", "probe", *words)
    assert ran.returncode == 6
    document = json.loads(ran.stdout)
    assert results(document) == {"plain": True}
    assert "did not come back within 60 s after a restart (command)" in document["error"]["what"]
    assert profile.load("virt-arm").survives.plain is True


def test_a_crash_is_refused_while_a_panic_kernel_is_loaded(scripted: ScriptedPhone) -> None:
    assert scripted.running
    scripted.running.load(1, 0, (SEGMENT,))
    ran = hardboot("probe", *EVERY)
    assert ran.returncode == 4
    assert "a panic kernel is loaded" in ran.stderr
    assert not scripted.happened("reboot*")


def test_a_word_that_cannot_be_written_is_an_error(scripted: ScriptedPhone) -> None:
    del scripted.files.nodes["/dev/kmsg"]
    scripted.files.mount("/dev").read_only = True
    ran = hardboot("probe", "--yes")
    assert ran.returncode == 5
    assert "the word to look for cannot be written" in ran.stderr
    assert not scripted.happened("reboot*")


@pytest.mark.parametrize(
    ("logs", "certain", "kept"),
    [
        (KeptLogs(("a",), ("a",)), False, True),
        (KeptLogs(("a", "b"), ("b",)), True, True),
        (KeptLogs(("a",), ()), True, None),
        (KeptLogs((), ()), True, False),
        (KeptLogs((), ()), False, None),
    ],
)
def test_the_verdict_follows_from_the_logs(logs: KeptLogs, certain: bool, kept: bool | None) -> None:
    assert survival.judge(logs, certain=certain)[0] is kept

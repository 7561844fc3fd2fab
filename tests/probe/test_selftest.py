"""hardboot selftest, and its report, on the scripted phone."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
import scripted_setup as setup
from in_process import hardboot
from scripted_phone import HOST, STOCK, ScriptedPhone

from hardboot import profile
from hardboot.attempts import store
from hardboot.base.files import data_dir
from hardboot.crash.lastlog import KeptLog
from hardboot.device import record
from hardboot.device.handset import KernelIdentity
from hardboot.device.record import LoadedSegment
from hardboot.flows.journal import Journal
from hardboot.probe import report as reports
from hardboot.probe import selftest
from hardboot.probe.selftest import Verdict, Words
from hardboot.probe.survival import Survival

WORDS = Words("hardboot-host-1", "hardboot-guest-2")
MARK = "androidboot.hardboot=12345678"


@pytest.fixture
def testable(scripted: ScriptedPhone, monkeypatch: pytest.MonkeyPatch) -> ScriptedPhone:
    """Return a phone whose own kernel can be started from RAM, with the profile that ships."""
    scripted.rom = "selftest"
    image = setup.own_image()
    scripted.partition("boot", image, size=setup.SIZE)
    scripted.boots = [(image, HOST)]
    scripted.power_on()
    return scripted


def run(*words: str | Path, code: int = 0) -> Any:
    ran = hardboot("--json", "selftest", "--yes", *words)
    assert ran.returncode == code, ran.stderr
    return json.loads(ran.stdout)


def test_a_phone_on_which_hardboot_works_passes_and_is_home(testable: ScriptedPhone, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    boot = testable.boot.flash
    done = run("-o", path)
    assert (done["outcome"], done["emulated"], done["kernel"]) == ("passed", False, HOST.release)
    assert done["logs"] == ["/sys/fs/pstore/console-ramoops-0", "/sys/fs/pstore/pmsg-ramoops-0"]
    assert [(one["restart"], one["kept"]) for one in done["restarts"]] == [("plain", True)]
    assert {one["name"] for one in done["guest"]} == {"zImage", "initrd", "dtb"}
    assert done["path"] == str(path)
    text = path.read_text()
    assert json.loads(text) | {"path": str(path)} == done
    assert testable.serialno not in text
    assert "127.0.0.1" not in text
    assert testable.running
    assert testable.running.kernel == HOST
    assert testable.boot.flash == boot
    assert len(testable.happened("reboot*")) == 1
    (known,) = store.find_all()
    assert (known.outcome, known.command[:3]) == ("guest-up", ("hardboot", "--json", "selftest"))
    assert {one.name for one in known.phases} >= {"load", "quiesce", "reset and boot"}
    assert known.ended
    assert "The last boot" not in hardboot("--yes", "reboot").stderr


def test_the_run_is_guided_step_by_step(testable: ScriptedPhone) -> None:
    ran = hardboot("selftest", "--yes")
    steps = [line for line in ran.stderr.splitlines() if line.startswith("Step ")]
    assert [line.split(":")[0] for line in steps] == [f"Step {number} of 6" for number in range(1, 7)]
    assert "warning: there is no backup of the phone's own boot image on this computer" in ran.stderr
    report = Path(ran.stdout.splitlines()[1].removeprefix("Report: "))
    assert report.is_file()
    assert ran.stdout.splitlines()[0] == (
        "The selftest passed, hardboot works on this phone: the word of the guest is in "
        "/sys/fs/pstore/console-ramoops-0, /sys/fs/pstore/pmsg-ramoops-0."
    )


def test_before_each_restart_there_is_a_question(testable: ScriptedPhone) -> None:
    ran = hardboot("selftest")
    assert ran.returncode == 4
    assert "not confirmed: This restarts the phone: virt-arm HBSCRIPT." in ran.stderr
    assert not testable.happened("reboot*")


def test_a_dry_run_plans_the_guest_and_restarts_nothing(testable: ScriptedPhone) -> None:
    document = run("--dry-run")
    assert {one["name"] for one in document["plan"]} == {"zImage", "initrd", "dtb"}
    assert "Nothing was restarted." in hardboot("selftest", "--dry-run").stdout
    assert testable.ramoops
    assert testable.ramoops.written == {}
    assert not testable.happened("reboot*")


def test_the_guest_restarts_in_the_first_way_that_ram_survives(testable: ScriptedPhone) -> None:
    assert testable.ramoops
    testable.ramoops.cleared_by = {"plain"}
    done = run()
    assert [(one["restart"], one["kept"]) for one in done["restarts"]] == [
        ("plain", False),
        ("command", True),
    ]
    assert done["outcome"] == "passed"


@pytest.mark.parametrize(
    ("rom", "cleared", "outcome", "what", "restarts"),
    [
        ("dies", set(), "guest-died", "its kernel started, and died before its first program", 1),
        ("host", set(), "record-not-taken", "the host kernel did not start what was loaded", 1),
        ("host", {"exec"}, "ram-lost", "no log is left after the reset: RAM does not survive it", 1),
        (
            "host",
            {"exec", "plain", "command", "warm"},
            "ram-lost",
            "RAM survives none of the restarts that were tried: plain, command, warm",
            3,
        ),
    ],
)
def test_each_way_to_fail_is_told_with_its_reason_and_the_phone_is_home(
    testable: ScriptedPhone, rom: Any, cleared: set[str], outcome: str, what: str, restarts: int
) -> None:
    assert testable.ramoops
    testable.rom = rom
    testable.ramoops.cleared_by = cleared
    done = run(code=5)
    assert done["outcome"] == outcome
    assert what in done["error"]["what"]
    assert done["error"]["state"].startswith("The phone runs its own system. No partition was written.")
    assert json.loads(Path(done["path"]).read_text())["outcome"] == outcome
    assert len(testable.happened("reboot*")) == restarts
    assert testable.running
    assert testable.running.kernel == HOST
    assert [one.outcome for one in store.find_all()] == ["host-came-back"] * (restarts == 1)
    refused = hardboot("devices", "check", "--report", done["path"], "--yes")
    assert refused.returncode == 3
    assert f"the selftest did not pass: {outcome}" in refused.stderr


def test_a_silent_guest_ends_with_code_6(testable: ScriptedPhone) -> None:
    testable.rom = "nothing"
    ran = hardboot("selftest", "--yes", "--wait", "60")
    assert ran.returncode == 6
    assert "the phone was to be reset and has been silent for 60 s" in ran.stderr
    (known,) = store.find_all()
    assert known.outcome == "phone-silent"
    assert known.failure
    assert f"hardboot attempts show {known.id}" in ran.stderr


def test_a_kernel_that_is_no_host_is_refused_before_anything_is_restarted(testable: ScriptedPhone) -> None:
    testable.boots = [(b"", STOCK)]
    testable.power_on()
    ran = hardboot("selftest", "--yes")
    assert ran.returncode == 4
    assert "has no hardboot support" in ran.stderr
    assert not testable.happened("reboot*")


@pytest.mark.parametrize(
    ("logs", "certain", "outcome"),
    [
        ({"pmsg": WORDS.guest, "console": f"{WORDS.host} {MARK}"}, True, "passed"),
        ({"console": f"Kernel command line: {MARK}"}, True, "guest-died"),
        ({"console": WORDS.host}, True, "record-not-taken"),
        ({}, True, "ram-lost"),
        ({}, False, "unknown"),
        ({"console": "something else"}, True, "unknown"),
    ],
)
def test_the_verdict_follows_from_the_logs(logs: dict[str, str], certain: bool, outcome: str) -> None:
    kept = tuple(KeptLog(name, text) for name, text in logs.items())
    assert selftest.judge(kept, WORDS, MARK, certain=certain).outcome == outcome


# The report, and the profile that it is merged into


@pytest.fixture
def report(tmp_path: Path, own_profiles: Path) -> Path:
    """Return the report of a selftest that has passed."""
    known = profile.load("virt-arm")
    journal = Journal(known.name, "x")
    kernel = KernelIdentity("6.1.0-host", "id", "")
    journal.loaded = record.describe(
        kernel, "fastboot", image="selftest", sha256="0" * 64, release=None, mark=MARK, cmdline=""
    )
    segment = LoadedSegment(name="zImage", start=0x48000000, end=0x48001000)
    journal.loaded = msgspec.structs.replace(journal.loaded, segments=(segment,))
    verdict = Verdict("passed", "the word of the guest is in a log", ("/sys/fs/pstore/pmsg-ramoops-0",))
    survived = Survival(restart="plain", kept=True, why="the word is in a log", seconds=20.0)
    made = reports.make(known, journal, verdict, kernel="6.1.0-host", restarts=[survived], emulated=False)
    return reports.save(made, tmp_path / "report.json")


def untested(folder: Path) -> Path:
    """Write a profile that has never been tested, whose page is only a guess."""
    text = (data_dir("devices") / "virt-arm.toml").read_text()
    text = text.replace('status = "emulated"', 'status = "untested"')
    text = text.replace(
        '"hardboot.page" = { status = "verified", source =',
        '"hardboot.page" = { status = "inferred", source =',
    )
    path = folder / "virt-arm.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(("emulated", "status"), [(False, "hardware"), (True, "emulated")])
def test_a_report_makes_an_untested_profile_a_tested_one(
    emulated: bool, status: str, report: Path, tmp_path: Path
) -> None:
    report.write_text(json.dumps(json.loads(report.read_text()) | {"emulated": emulated}))
    given, output = untested(tmp_path), tmp_path / "merged.toml"
    before = given.read_text()
    words = ("devices", "check", "--report", report, "--profile", given, "-o", output, "--yes")
    ran = hardboot("--json", *words)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["status"] == status
    made = profile.read(output)
    assert (made.status, made.survives.plain) == (status, True)
    for fact in ("status", "hardboot.page", "survives.plain"):
        assert made.evidence[fact].status == "verified"
        assert "hardboot selftest passed on 20" in made.evidence[fact].source
    assert "hardboot selftest" not in made.evidence["hardboot.flag"].source, "it was verified before"
    assert given.read_text() == before
    assert hardboot("devices", "check", output).returncode == 0


def test_a_report_goes_into_the_users_own_copy_after_a_question(
    testable: ScriptedPhone, own_profiles: Path
) -> None:
    report = run()["path"]
    ran = hardboot("devices", "check", "--report", report)
    assert ran.returncode == 4
    assert not (own_profiles / "virt-arm.toml").exists()
    assert hardboot("devices", "check", "--report", report, "--yes").returncode == 0
    assert profile.load("virt-arm").status == "hardware"


def test_a_report_about_another_state_of_the_profile_is_refused(report: Path, tmp_path: Path) -> None:
    given = untested(tmp_path)
    given.write_text(given.read_text().replace("page = 0x44000000", "page = 0x44200000"))
    ran = hardboot("devices", "check", "--report", report, "--profile", given, "--yes")
    assert ran.returncode == 3
    assert "the profile virt-arm is not the one that was tested: hardboot.page differ" in ran.stderr


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"outcome": "great"}, "Invalid enum value"),
        ({"more": 1}, "unknown field `more`"),
        ({"version": 2}, "Invalid enum value 2"),
        ({"guest": []}, "the selftest did not pass"),
        ({"logs": []}, "the selftest did not pass"),
        ({"profile": "nonesuch"}, "no profile named 'nonesuch'"),
        ({"facts": {}}, "is not the one that was tested"),
    ],
)
def test_what_is_no_report_is_refused(report: Path, change: dict[str, object], why: str) -> None:
    report.write_text(json.dumps(json.loads(report.read_text()) | change))
    ran = hardboot("devices", "check", "--report", report, "--yes")
    assert ran.returncode == 3
    assert why in ran.stderr


@pytest.mark.parametrize("content", [b"", b"{", b"\xff" * 40, b"[]", b"null"])
def test_other_files_are_no_reports(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    ran = hardboot("devices", "check", "--report", path)
    assert ran.returncode == 3
    assert f"{path}: this is no report of a selftest" in ran.stderr


def test_options_that_do_not_belong_together_are_told(report: Path, tmp_path: Path) -> None:
    assert hardboot("devices", "check", "-o", tmp_path / "x").returncode == 2
    assert hardboot("devices", "check", untested(tmp_path), "--report", report).returncode == 2


def test_a_kernel_says_whether_it_runs_in_qemu(testable: ScriptedPhone) -> None:
    testable.boots = [(b"", replace(HOST, files={"/proc/device-tree/compatible": b"linux,dummy-virt\0"}))]
    testable.power_on()
    assert run()["emulated"] is True

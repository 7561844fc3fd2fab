"""The lines of this computer: programs, server, udev rules, room."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hardboot.doctor import computer
from hardboot.doctor.line import Line

ADB = "echo 'Android Debug Bridge version 1.0.41'; echo 'Version 34.0.5-debian'"


def lines() -> dict[str, Line]:
    return {line.name: line for line in computer.lines()}


@pytest.fixture
def rules(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the only folder of udev rules, for a user who is not root."""
    folder = tmp_path / "rules.d"
    folder.mkdir()
    monkeypatch.setattr(computer, "_RULES", (str(tmp_path / "missing"), str(folder)))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    return folder


@pytest.mark.parametrize(
    ("script", "state", "value"),
    [
        (ADB, "ok", "34.0.5-debian, {}"),
        ("echo 'Android Debug Bridge version 1.0.32'", "ok", "1.0.32, {}"),
        ("echo hello", "not", "{} does not tell its version"),
        ("exit 1", "not", "{} does not tell its version"),
    ],
)
def test_adb_is_shown_with_its_version(
    script: str, state: str, value: str, install: Callable[[str, str], Path]
) -> None:
    path = install("adb", script)
    line = lines()["adb"]
    assert (line.state, line.value) == (state, value.format(path))


@pytest.mark.parametrize(
    ("version", "hint"),
    [("29.0.6-debian", True), ("33.0.3", True), ("34.0.5-debian", False), ("37.0", False)],
)
def test_fastboot_is_shown_with_its_version_and_an_old_one_with_a_hint(
    version: str, hint: bool, install: Callable[[str, str], Path]
) -> None:
    path = install("fastboot", f"echo fastboot version {version}")
    line = lines()["fastboot"]
    assert (line.state, line.value) == ("ok", f"{version}, {path}")
    assert bool(line.how) == hint


def test_programs_that_are_missing_name_their_package(install: Callable[[str, str], Path]) -> None:
    found = lines()
    for name in ("adb", "fastboot"):
        assert found[name].state == "not"
        assert found[name].how.endswith(f"apt-get install {name}")


def test_the_server_lists_its_phones(install: Callable[[str, str], Path], adb_server: dict[str, str]) -> None:
    assert lines()["ADB server"] == Line("ADB server", "ok", "runs; it lists no phone")
    adb_server.update({"A": "device", "B": "unauthorized"})
    assert lines()["ADB server"].value == "runs; it lists A (device), B (unauthorized)"


def test_a_server_that_does_not_run_can_be_started(
    install: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lines()["ADB server"] == Line("ADB server", "not", "does not run", "Start it: adb start-server")
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", "x")
    assert lines()["ADB server"].value == "ANDROID_ADB_SERVER_PORT is 'x', which is not a TCP port"


def test_rules_are_found_by_what_they_say(install: Callable[[str, str], Path], rules: Path) -> None:
    (rules / "10-disks.rules").write_text('SUBSYSTEM=="block"\n')
    (rules / "20-android.txt").write_text("android\n")
    (rules / "30-broken.rules").symlink_to(rules / "nowhere")
    assert lines()["udev rules"].state == "not"
    path = rules / "70-uaccess.rules"
    path.write_text('ENV{ID_DEBUG_APPLIANCE}=="android", TAG+="uaccess"\n')
    assert lines()["udev rules"] == Line("udev rules", "ok", str(path))


def test_root_needs_no_rules(
    install: Callable[[str, str], Path], rules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert lines()["udev rules"].state == "ok"


def test_other_systems_have_no_rules(
    install: Callable[[str, str], Path], rules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    assert lines()["udev rules"].state == "unknown"


def test_the_state_folder_needs_room(
    install: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def usage(free: int) -> Any:
        return lambda _path: shutil._ntuple_diskusage(0, 0, free)

    monkeypatch.setattr(shutil, "disk_usage", usage(640 << 20))
    assert lines()["state folder"].state == "ok"
    monkeypatch.setattr(shutil, "disk_usage", usage((640 << 20) - 1))
    assert lines()["state folder"].how == "Free some space: backups may need 640.0 MiB."


def test_a_state_folder_that_cannot_be_written_is_told(
    install: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/nowhere")
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert lines()["state folder"].value == "/proc/nowhere/hardboot cannot be written"

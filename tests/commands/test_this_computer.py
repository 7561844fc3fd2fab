"""What is wrong with this computer is said in three lines: no home, folders that cannot be written."""

import os
import subprocess
from pathlib import Path

import pytest
import scripted_setup as setup
from in_process import hardboot
from scripted_phone import ScriptedPhone


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_user: int) -> None:
        raise KeyError

    for name in ("HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)


def three_lines(done: "subprocess.CompletedProcess[str]") -> list[str]:
    lines = done.stderr.splitlines()[-3:]
    assert [line.partition(":")[0] for line in lines] == ["hardboot", "  state", "  to do"], done.stderr
    assert "Traceback" not in done.stderr
    return lines


COMMANDS = ["boot {}", "load {}", "flash-host-kernel {}", "status", "backups", "backup", "restore"]


@pytest.mark.usefixtures("homeless")
@pytest.mark.parametrize("words", [*COMMANDS, "virtual status", "virtual start"])
def test_a_user_without_a_home_is_told_what_to_set(
    words: str, scripted: ScriptedPhone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_STATE_HOME")
    done = hardboot(*words.format(setup.rom_image(tmp_path)).split(), "--yes")
    assert done.returncode == 3, done.stderr
    first, _, last = three_lines(done)
    assert first == "hardboot: this user has no home folder"
    assert last == "  to do: Set XDG_STATE_HOME to a folder that is writable."


@pytest.mark.usefixtures("homeless", "scripted")
def test_a_report_is_made_for_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_STATE_HOME")
    done = hardboot("doctor")
    assert done.returncode == 0, done.stderr
    assert "  not      state folder   this user has no home folder\n" in done.stdout


@pytest.mark.usefixtures("homeless")
def test_a_bug_is_reported_without_a_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ValueError("two\nlines")

    (tmp_path / "a.img").write_bytes(b"ANDROID!")
    monkeypatch.setattr("hardboot.commands.info.describe", broken)
    done = hardboot("info", tmp_path / "a.img")
    assert done.returncode == 1
    assert "with -v" in three_lines(done)[2]


@pytest.mark.parametrize("words", ["boot {}", "load {}", "flash-host-kernel {}", "backup", "virtual start"])
def test_a_state_folder_that_cannot_be_made_is_told(
    words: str, scripted: ScriptedPhone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    done = hardboot(*words.format(setup.rom_image(tmp_path)).split(), "--yes")
    assert done.returncode == 3, done.stderr
    assert f"{tmp_path / 'file'}" in three_lines(done)[0]


FIFO = [
    "info {}",
    "plan {} --device virt-arm",
    "unpack {} out",
    "dtb {} --match 194",
    "ramdisk list {}",
    "crash show {}",
    "devices check {}",
    "patch lint {}",
    "host-image {} --kernel {} -o out",
    "flash-host-kernel {}",
    "load {}",
    "virtual start --adb-key {}",
    "plan rom.img --device virt-arm --iomem {}",
]


@pytest.mark.parametrize("what", ["pipe", "zero"])
@pytest.mark.parametrize("words", FIFO)
def test_what_is_no_regular_file_is_refused_by_every_command(
    words: str, what: str, scripted: ScriptedPhone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    setup.rom_image(tmp_path)
    os.mkfifo("pipe")
    Path("zero").symlink_to("/dev/zero")
    done = hardboot(*words.format(what, what).split(), "--yes")
    assert done.returncode == 3, done.stderr
    assert "not a regular file" in three_lines(done)[0]

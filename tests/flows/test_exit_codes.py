"""The commands over the flows, on the scripted phone: the exit code and three lines of each kind of end."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import scripted_setup as setup
from in_process import hardboot
from scripted_phone import STOCK, Kernel, ScriptedPhone, flip

from hardboot.device.staging import STAGING

Change = Callable[[ScriptedPhone], object]


@pytest.fixture
def rom(tmp_path: Path) -> Path:
    return setup.rom_image(tmp_path)


@pytest.fixture
def host_image(tmp_path: Path) -> Path:
    path = tmp_path / "host.img"
    path.write_bytes(setup.HOST_IMAGE[:-1] + b"2")
    return path


def done(*words: str | Path, code: int = 0) -> dict[str, object]:
    ran = hardboot("--json", "--yes", *words)
    assert ran.returncode == code, ran.stderr
    document: dict[str, object] = json.loads(ran.stdout)
    return document


def refused(*words: str | Path) -> tuple[int, list[str]]:
    ran = hardboot("--yes", *words)
    assert ran.stdout == ""
    return ran.returncode, ran.stderr.splitlines()[-3:]


def test_an_image_is_loaded_looked_at_started_and_left(scripted: ScriptedPhone, rom: Path) -> None:
    assert done("load", rom)["replaced"] is None
    status = done("status")
    assert (status["kexec_loaded"], status["guest"]) == (True, False)
    assert done("exec")["outcome"] == "guest-up"
    status = done("status")
    assert status["guest"] is True
    assert status["guest_image"] is not None


def test_what_is_loaded_is_unloaded(scripted: ScriptedPhone, rom: Path) -> None:
    done("load", rom)
    assert done("unload")["kexec_loaded"] is True
    assert done("unload")["kexec_loaded"] is False
    assert scripted.files.find("/data/local/hardboot") is not None
    done("unload", "--clear-cache")
    assert scripted.files.find("/data/local/hardboot") is None
    done("unload", "--panic", "--clear-cache")


def test_a_dry_run_leaves_nothing_on_the_phone(scripted: ScriptedPhone, rom: Path) -> None:
    for verb in ("boot", "load"):
        done(verb, rom, "--dry-run")
    assert scripted.happened("push *") == []
    assert scripted.files.find(STAGING) is None


def test_a_host_kernel_is_flashed_and_restored(scripted: ScriptedPhone, host_image: Path) -> None:
    before = scripted.boot.flash
    first = done("flash-host-kernel", host_image)
    assert (first["written"], first["host"]) == (True, None)
    assert scripted.boot.flash.startswith(host_image.read_bytes())
    scripted.boots = [(setup.HOST_IMAGE[:-1], Kernel("6.1.9-host"))]
    again = done("flash-host-kernel", host_image, "--reboot")
    assert again["written"] is False
    assert isinstance(again["host"], dict)
    assert (again["host"]["release"], again["host"]["hardboot"]) == ("6.1.9-host", True)
    assert done("restore")["written"] is True
    assert scripted.boot.flash == before


def test_a_flashed_host_that_comes_up_without_hardboot_is_an_error(
    scripted: ScriptedPhone, host_image: Path
) -> None:
    done("flash-host-kernel", host_image)
    scripted.boots = [(setup.HOST_IMAGE[:-1], STOCK)]
    ran = hardboot("--json", "--yes", "flash-host-kernel", host_image, "--reboot")
    assert ran.returncode == 5
    assert "the kernel that came up, 5.10.0-stock, has no hardboot support" in ran.stderr
    document = json.loads(ran.stdout)
    assert (document["partition"], document["host"]["hardboot"]) == ("boot", False)


def lost(scripted: ScriptedPhone) -> None:
    scripted.cut_power()


@pytest.mark.parametrize(
    ("verb", "change", "code", "what"),
    [
        (
            "boot",
            lambda phone: phone.start(STOCK),
            4,
            "the running kernel 5.10.0-stock has no hardboot support",
        ),
        ("boot", lambda phone: setattr(phone, "root", None), 5, "no root shell: "),
        ("boot", lambda phone: setattr(phone, "rom", "host"), 5, "the host kernel came back (6.1.0-host)"),
        (
            "boot",
            lambda phone: setattr(phone, "rom", "nothing"),
            6,
            "the phone was to be reset and has been silent",
        ),
        ("boot", lambda phone: setattr(phone, "rom", "stays"), 6, "the phone did not leave its kernel: "),
        ("boot", lost, 5, "the phone did not come back within 60 s: the phone at 127.0.0.1:5599 does not"),
        (
            "load",
            lambda phone: phone.fault("push *initrd", most=9),
            5,
            "the phone at 127.0.0.1:5599 stored 9 of",
        ),
        (
            "load",
            lambda phone: phone.fault("*agent load*", code=1, says="error=kexec_load errno=22\n"),
            5,
            "",
        ),
    ],
)
def test_a_boot_that_fails_says_how(
    verb: str, change: Change, code: int, what: str, scripted: ScriptedPhone, rom: Path
) -> None:
    change(scripted)
    ended, lines = refused(verb, rom)
    assert ended == code
    assert lines[0].startswith(f"hardboot: {what}")
    assert all(lines)


@pytest.mark.parametrize(
    ("change", "code", "what"),
    [
        (
            lambda phone: setattr(phone.boot, "read_only", True),
            4,
            "/dev/block/by-name/boot is write-protected",
        ),
        (lambda phone: phone.fault("pull *", most=9), 5, "the phone at 127.0.0.1:5599 closed the connection"),
        (
            lambda phone: phone.fault("dd *of=/dev/*", alters=flip(100)),
            6,
            "/dev/block/vda1 does not hold what was written",
        ),
        (
            lambda phone: phone.fault("dd *of=/dev/*", hangs_s=90),
            5,
            "the phone at 127.0.0.1:5599 did not end",
        ),
    ],
)
def test_a_flash_that_fails_says_how(
    change: Change, code: int, what: str, scripted: ScriptedPhone, host_image: Path
) -> None:
    change(scripted)
    ended, lines = refused("flash-host-kernel", host_image)
    assert ended == code
    assert lines[0].startswith(f"hardboot: {what}")


def test_wrong_files_are_told_before_the_phone_is_asked(scripted: ScriptedPhone, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("text")
    for words in (("boot", tmp_path / "none"), ("load", tmp_path / "text"), ("restore", tmp_path / "text")):
        code, lines = refused(*words)
        assert code == 3
        assert str(words[1]) in lines[0]
    assert scripted.events == []
    assert refused("exec")[0] == 4
    assert refused("restore")[0] == 3


def test_the_journal_comes_along_with_an_error(scripted: ScriptedPhone, rom: Path) -> None:
    scripted.rom = "host"
    document = done("boot", rom, code=5)
    error = document["error"]
    assert isinstance(error, dict)
    assert error["exit_code"] == 5
    assert document["outcome"] == "host-came-back"
    assert document["loaded"] is not None


def test_nothing_is_written_without_a_yes(scripted: ScriptedPhone, host_image: Path) -> None:
    for words in (("flash-host-kernel", host_image),):
        ran = hardboot(*words)
        assert ran.returncode == 4
        assert "--yes" in ran.stderr
    assert scripted.happened("dd *") == []

"""Restarting the phone, and booting the next image while a ROM runs, on the scripted phone."""

import json
from pathlib import Path

import pytest
import scripted_setup as setup
from in_process import hardboot
from scripted_phone import HOST, Kernel, ScriptedPhone

GUEST = Kernel("6.6.0-rom", page=None, flag=None, takes=1)


@pytest.fixture
def rom(tmp_path: Path) -> Path:
    return setup.rom_image(tmp_path)


@pytest.fixture
def in_rom(scripted: ScriptedPhone, rom: Path) -> ScriptedPhone:
    """Return the phone with a ROM that is no host."""
    scripted.rom = GUEST
    assert hardboot("boot", rom).returncode == 0
    scripted.events.clear()
    return scripted


@pytest.mark.parametrize("words", [(), ("--wait",), ("--wait", "60"), ("--wait", "--yes")])
def test_reboot_returns_to_the_host_kernel_and_says_so(words: tuple[str, ...], in_rom: ScriptedPhone) -> None:
    ran = hardboot("reboot", *words)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "virt-arm HBSCRIPT runs kernel 6.1.0-host, with hardboot support.\n"
    document = json.loads(hardboot("--json", "reboot").stdout)
    assert (document["host"]["release"], document["host"]["hardboot"]) == (HOST.release, True)


def test_a_phone_that_does_not_come_back_ends_with_code_6(scripted: ScriptedPhone) -> None:
    scripted.boots = []
    ran = hardboot("reboot", "--wait", "30")
    assert ran.returncode == 6
    assert "did not come back within 30 s" in ran.stderr


@pytest.mark.parametrize("words", [("--from-rom",), ("--yes",)])
def test_boot_restarts_a_phone_that_runs_a_rom_if_told(
    words: tuple[str, ...], in_rom: ScriptedPhone, rom: Path
) -> None:
    ran = hardboot("--json", "boot", rom, *words)
    assert ran.returncode == 0, ran.stderr
    document = json.loads(ran.stdout)
    assert (document["host"]["release"], document["outcome"]) == (HOST.release, "guest-up")
    assert len(in_rom.happened("reboot*")) == 1


def test_a_rom_whose_mark_is_in_the_bootconfig_is_restarted_too(scripted: ScriptedPhone, rom: Path) -> None:
    running = scripted.start(HOST)
    scripted.show("/proc/bootconfig", lambda: 'androidboot.hardboot = "0123abcd"\n')
    assert json.loads(hardboot("--json", "status").stdout)["guest"] is True
    ran = hardboot("boot", rom, "--from-rom")
    assert ran.returncode == 0, ran.stderr
    assert len(scripted.happened("reboot*")) == 1
    assert scripted.running is not running


def test_boot_says_how_to_go_on_from_a_rom(in_rom: ScriptedPhone, rom: Path) -> None:
    ran = hardboot("boot", rom)
    assert ran.returncode == 4
    assert "has no hardboot support: a ROM is running" in ran.stderr
    assert "--from-rom" in ran.stderr
    assert in_rom.happened("reboot*") == []


def test_a_panic_kernel_with_its_dump_is_not_restarted(in_rom: ScriptedPhone, rom: Path) -> None:
    assert in_rom.running
    in_rom.running.cmdline += " elfcorehdr=0x4000"
    assert hardboot("boot", rom, "--yes").returncode == 4
    assert in_rom.happened("reboot*") == []


def test_from_rom_on_the_host_kernel_restarts_nothing(scripted: ScriptedPhone, rom: Path) -> None:
    assert hardboot("boot", rom, "--from-rom").returncode == 0
    assert scripted.happened("reboot*") == []
    assert hardboot("boot", rom, "--from-rom", "--dry-run").returncode == 2

"""The record of a start, on the scripted phone: what is kept, and which cause is named, for each outcome."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import scripted_setup as setup
from in_process import hardboot
from scripted_phone import HOST, STOCK, Kernel, ScriptedPhone

from hardboot.attempts import store
from hardboot.attempts.attempt import Attempt
from hardboot.device import mark as marks

MARK = "androidboot.hardboot=0123abcd"
CONSOLE = "/sys/fs/pstore/console-ramoops-0"
GUEST_START = f"[    0.000000] Linux version 6.6.0-rom (me@here) #1\n[    0.1] Kernel command line: a {MARK}\n"
PANIC = "[    1.9] Kernel panic - not syncing: No working init found.\n[    1.95] ---[ end Kernel panic\n"


@pytest.fixture
def rom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(marks, "new", lambda: MARK)
    return setup.rom_image(tmp_path)


def boot(rom: Path, *words: str, code: int = 0) -> Any:
    """Return the document that `boot` prints, after checking that the record tells the same."""
    ran = hardboot("--json", "boot", rom, *words)
    assert ran.returncode == code, ran.stderr
    document = json.loads(ran.stdout)
    kept = newest()
    assert document["attempt"] == kept.id
    assert kept.outcome == (document["outcome"] or kept.outcome)
    cause = document["cause"] or {}
    assert (kept.cause.sentence if kept.cause else None) == cause.get("sentence")
    return document


def newest() -> Attempt:
    return store.get(store.LAST)


def kept(name: str) -> str:
    return (store.folder_of(newest()) / name).read_text()


def host_with(**files: str) -> Callable[[ScriptedPhone], None]:
    """Return what lets the ROM die, and the host come back with these files."""

    def change(phone: ScriptedPhone) -> None:
        phone.rom = "host"
        paths = {name.replace("__", "/").replace("_0", "-0"): text.encode() for name, text in files.items()}
        phone.boots = [(setup.HOST_IMAGE, replace(HOST, files=dict(paths)))]

    return change


def comes_back(phone: ScriptedPhone, console: str = "") -> None:
    """Let the ROM die, and the host come back with a log of the console in pstore."""
    phone.rom = "host"
    files: dict[str, bytes | None] = {CONSOLE: console.encode()} if console else {}
    phone.boots = [(setup.HOST_IMAGE, replace(HOST, files=files))]


def test_a_boot_that_works_keeps_its_plan_phases_and_outcome(scripted: ScriptedPhone, rom: Path) -> None:
    document = boot(rom, "--append", "x=1")
    kept_now = newest()
    assert (kept_now.outcome, kept_now.cause, kept_now.failure) == ("guest-up", None, None)
    assert kept_now.command == ("hardboot", "--json", "boot", str(rom), "--append", "x=1")
    assert kept_now.mark == MARK
    assert kept_now.image
    assert (kept_now.image.name, kept_now.image.release) == ("rom.img", "6.6.0-rom")
    assert kept_now.guest
    assert kept_now.guest.boot_id == document["guest"]["boot_id"]
    assert [one.name for one in kept_now.phases] == [one["name"] for one in document["phases"]]
    assert all(one.seconds is not None for one in kept_now.phases)
    assert kept_now.ended
    assert kept_now.gone
    assert kept_now.back
    assert kept_now.back - kept_now.gone == pytest.approx(20, abs=2)
    assert kept_now.versions.keys() == {"hardboot", "python", "computer", "agent", "adb", "fastboot"}
    plan = json.loads(kept("plan.json"))
    assert {one["name"] for one in plan["plan"]["segments"]} == {"zImage", "initrd", "dtb"}
    assert "Booting Linux" in kept("dmesg-before.txt")
    assert "loaded=3" in kept("output.txt")


def test_exec_is_recorded_too(scripted: ScriptedPhone, rom: Path) -> None:
    assert hardboot("load", rom).returncode == 0
    assert store.find_all() == []
    assert hardboot("exec").returncode == 0
    assert newest().outcome == "guest-up"
    assert newest().via is None
    assert newest().image


def test_a_dry_run_and_a_refusal_are_no_attempts(scripted: ScriptedPhone, rom: Path) -> None:
    assert hardboot("boot", rom, "--dry-run").returncode == 0
    scripted.start(STOCK)
    assert hardboot("boot", rom).returncode == 4
    assert store.find_all() == []


def test_a_rom_that_panics_is_told_with_its_last_words(scripted: ScriptedPhone, rom: Path) -> None:
    comes_back(scripted, GUEST_START + PANIC)
    document = boot(rom, code=5)
    assert document["cause"]["kind"] == "guest-died"
    assert "Kernel panic - not syncing: No working init found." in document["error"]["what"]
    assert document["error"]["what"].startswith("the host kernel came back (6.1.0-host) instead of the ROM; likely")
    assert "No working init" in kept("console-ramoops-0.txt")
    assert newest().afterwards == "other"

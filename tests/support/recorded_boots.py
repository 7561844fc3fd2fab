"""Boots on the scripted phone whose records are looked at."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import scripted_setup as setup
from in_process import hardboot
from scripted_phone import HOST, ScriptedPhone

from hardboot.attempts import store
from hardboot.attempts.attempt import Attempt

MARK = "androidboot.hardboot=0123abcd"
CONSOLE = "/sys/fs/pstore/console-ramoops-0"
GUEST_LOG = (
    f"[    0.000000] Linux version 6.6.0-rom (me@here) #1\n[    0.1] Kernel command line: a {MARK} b\n"
    "[    1.5] Run /init as init process\n"
)
PANIC = "[    1.9] Kernel panic - not syncing: No working init found.\n[    1.95] ---[ end Kernel panic\n"
RECORD_LOG = "[    0.0] Linux version 6.1.0-host\n[   99.1] hardboot: record at 0x44000000: entry 0x1\n"
HOST_BACK = "the host kernel came back (6.1.0-host) instead of the ROM"


def boot(rom: Path, *words: str, code: int = 0) -> Any:
    """Return the document that `boot` prints, after checking that the record tells the same."""
    ran = hardboot("--json", "boot", rom, *words)
    assert ran.returncode == code, ran.stderr
    document = json.loads(ran.stdout)
    known = newest()
    assert document["attempt"] == known.id
    assert known.outcome == (document["outcome"] or known.outcome)
    told = known.cause and {
        "kind": known.cause.kind,
        "sentence": known.cause.sentence,
        "fix": known.cause.fix,
    }
    assert document["cause"] == told
    if code:
        assert known.failure
        assert known.failure.exit_code == code
    return document


def newest() -> Attempt:
    return store.get(store.LAST)


def kept(name: str) -> str:
    return (store.folder_of(newest()) / name).read_text()


def host_comes_back(phone: ScriptedPhone, console: str = "", *, log: str = "") -> None:
    """Let the ROM die, and the host come back with a console log in pstore, and with one of its own."""
    phone.rom = "host"
    files: dict[str, bytes | None] = {CONSOLE: console.encode()} if console else {}
    phone.boots = [(setup.HOST_IMAGE, replace(HOST, files=files, log=log or HOST.log))]

"""When an attack comes: in a phase of a command, seen from outside, a random time after it began."""

import random
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from attacked import Phone

from hardboot.virtual import machine

_LIMIT_S = 240
_POLL_S = 0.01
# The longest time after the beginning of a phase, in seconds: it is over then.
_LONGEST = {"begin": 2.5, "write": 3.0, "restart": 3.0, "rom": 6.0, "put back": 5.0}


@dataclass(frozen=True)
class Before:
    """The phone before the attacked command.

    Attributes:
        seen: Bytes on its console.
        resets: Hardware resets since it was started.
        owner: When a command took its lock; see `_changed`.
        record: When the record of a change was written.
    """

    seen: int
    resets: int
    owner: int
    record: int

    @classmethod
    def of(cls, phone: Phone) -> Self:
        """Return how it is now."""
        return cls(phone.console.stat().st_size, phone.resets, _changed(phone.owner), _changed(phone.record))


def wait(
    phone: Phone, process: "subprocess.Popen[str]", before: Before, moment: str, mark: str, rng: random.Random
) -> None:
    """Wait for a random time in a phase of a command, or for the end of the command."""
    deadline = time.monotonic() + _LIMIT_S
    while not _has_begun(phone, before, moment, mark):
        if process.poll() is not None or time.monotonic() > deadline:
            return
        time.sleep(_POLL_S)
    deadline = time.monotonic() + rng.uniform(0, _LONGEST[moment])
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(_POLL_S)


def wait_for_rom(phone: Phone, before: Before, mark: str) -> None:
    """Wait until a ROM is up, or end the attack."""
    deadline = time.monotonic() + _LIMIT_S
    while not _is_rom_up(phone, before, mark):
        if time.monotonic() > deadline:
            sys.exit("the ROM does not come up")
        time.sleep(_POLL_S)
    phone.answers()


def _has_begun(phone: Phone, before: Before, moment: str, mark: str) -> bool:
    if moment == "begin":
        return _changed(phone.owner) not in (0, before.owner)
    if moment == "write":
        return _changed(phone.record) not in (0, before.record)
    if moment == "restart":
        return phone.resets > before.resets
    if moment == "rom":
        return mark.encode() in phone.said(before.seen)
    return _is_rom_up(phone, before, mark)


def _is_rom_up(phone: Phone, before: Before, mark: str) -> bool:
    _, _, rest = phone.said(before.seen).partition(mark.encode())
    return machine.BOOT_COMPLETED.encode() in rest


def _changed(file: Path) -> int:
    """Return when a file of this computer was written; 0 if it is not there."""
    try:
        return file.stat().st_mtime_ns
    except FileNotFoundError:
        return 0

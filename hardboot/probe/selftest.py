"""Prove hardboot on a phone without a ROM: its own kernel starts from RAM, says a word, and restarts home.

The guest's only program is hb-init. The word is in the logs that the phone keeps in RAM: a restart that RAM
survives must be known before.
"""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hardboot.base import log
from hardboot.base.errors import DeviceStateError
from hardboot.base.interrupts import if_cut_off
from hardboot.crash import lastlog
from hardboot.crash.lastlog import KeptLog
from hardboot.device.phone import Phone
from hardboot.flows import execute, first_program
from hardboot.flows import load as loading
from hardboot.flows.journal import GUEST_UP, HOST_CAME_BACK, PHONE_SILENT, Journal
from hardboot.flows.load import PreparedRom
from hardboot.flows.rom_source import RomSource
from hardboot.formats.archives import cpio
from hardboot.formats.archives.cpio import Archive
from hardboot.payload import hb_init
from hardboot.probe import log_memory, restarts, survival
from hardboot.probe.log_memory import LogMemory
from hardboot.probe.restarts import RESTARTS, Restart
from hardboot.probe.survival import Survival

NAME = "selftest"  # of the guest, as a ROM
PASSED: Literal["passed"] = "passed"
GUEST_DIED: Literal["guest-died"] = "guest-died"
NOT_TAKEN: Literal["record-not-taken"] = "record-not-taken"
RAM_LOST: Literal["ram-lost"] = "ram-lost"
UNKNOWN: Literal["unknown"] = "unknown"
Outcome = Literal["passed", "guest-died", "record-not-taken", "ram-lost", "unknown"]
_GUEST, _HOST = "hardboot-guest-", "hardboot-host-"
_ORDER = ("plain", "command", "warm")  # the plainest restart that RAM survives is the best one


@dataclass(frozen=True)
class Words:
    """Random words: the host kernel writes one before the reset, the guest the other after it."""

    host: str
    guest: str


@dataclass(frozen=True)
class Verdict:
    """What the selftest showed.

    Attributes:
        why: In words.
        logs: The logs that show it.
    """

    outcome: Outcome
    why: str
    logs: tuple[str, ...] = ()


def new_words() -> Words:
    """Return words that no other run has."""
    return Words(f"{_HOST}{secrets.token_hex(8)}", f"{_GUEST}{secrets.token_hex(8)}")


def survivals(
    phone: Phone, memory: LogMemory, *, ask: Callable[[Restart], None], wait_s: float
) -> Iterator[Survival]:
    """Try one restart after the other until RAM survives one; yield what each showed.

    Args:
        phone: The phone.
        memory: What its kernel keeps over a restart.
        ask: Called before each restart; may refuse.
        wait_s: Seconds that each restart may take.

    Raises:
        DeviceStateError: If the phone stays silent.
        DeviceError: If the logs cannot be read.
    """
    chosen = [RESTARTS[name] for name in _ORDER]
    missing = restarts.missing(phone, chosen)
    for one in chosen:
        if one.name not in missing:
            ask(one)
            found = survival.measure(phone, one, memory, wait_s=wait_s)
            yield found
            if found.kept:
                return


def prepare(phone: Phone, words: Words, restart: str, journal: Journal) -> PreparedRom:
    """Plan the guest: the kernel and device tree of the running slot, with hb-init as its only program.

    Args:
        phone: The phone, running its host kernel.
        words: The guest says its own.
        restart: How the guest restarts the phone.
        journal: Takes the phases.

    Raises:
        RefusedError: If the running kernel is no host, or the planner refuses.
        DeviceError: If the phone's own images cannot be read.
        InputError: If they are malformed.
    """
    steps = [hb_init.tell_step(words.guest), hb_init.restart_step(restart)]
    entries = hb_init.entries(phone.profile.arch, steps, first_program.DEFAULT)
    source = RomSource(
        base=None,
        path=Path(NAME),
        kernel=None,
        ramdisk=b"".join(cpio.build((Archive("newc", entries),))),
        own_ramdisk=False,
        trees=None,
        keeps_overlays=True,
        modules=False,
    )
    rom = loading.read_rom(phone, source, journal)
    return loading.prepare(phone, rom, journal, append=first_program.RDINIT)


def run(phone: Phone, words: Words, memory: LogMemory, journal: Journal, *, wait_s: float) -> Verdict:
    """Start the guest that is loaded, wait until the phone is home again, and return what its logs show.

    Args:
        phone: The phone.
        words: To look for.
        memory: What its kernels keep over a restart.
        journal: Takes the phases.
        wait_s: Seconds that the guest and the way home may take.

    Raises:
        DeviceStateError: If the phone stays silent, or does not leave its kernel.
        DeviceError: If the logs cannot be read.
    """
    log_memory.write(phone, words.host, memory)
    now = execute.start(phone, journal, wait_s=wait_s)
    if now is None:
        journal.outcome = PHONE_SILENT
        raise DeviceStateError(
            f"the phone was to be reset and has been silent for {wait_s:.0f} s",
            state="Nothing was flashed: the boot partition is unchanged.",
            fix="Hold the power button for 10 s to restart it, then read what the guest said: hardboot log",
        )
    journal.outcome = HOST_CAME_BACK  # as it should: the guest has no ADB, its word tells whether it was up
    with journal.phase("read logs"), if_cut_off("The phone is home; the logs that it kept were not read."):
        found = lastlog.read(phone)
    for one in found:
        log.detail(f"{one.path}: {len(one.text)} characters")
    assert journal.loaded is not None
    verdict = judge(found, words, journal.loaded.mark, certain=bool(memory.is_kept(panic=False)))
    if verdict.outcome == PASSED:
        journal.outcome = GUEST_UP
    return verdict


def judge(logs: tuple[KeptLog, ...], words: Words, mark: str, *, certain: bool) -> Verdict:
    """Return what the logs of the last kernel show.

    Args:
        logs: As the phone kept them.
        words: Of this run.
        mark: In the guest's command line, which its kernel prints.
        certain: Whether a log must be there if RAM survived.
    """

    def holding(word: str) -> tuple[str, ...]:
        return tuple(one.path for one in logs if word in one.text)

    if guest := holding(words.guest):
        return Verdict(PASSED, f"the word of the guest is in {', '.join(guest)}", guest)
    if kernel := holding(mark):
        why = f"its kernel started, and died before its first program: read {kernel[0]} (hardboot log)"
        return Verdict(GUEST_DIED, why, kernel)
    if host := holding(words.host):
        why = "RAM survived the reset, but the host kernel did not start what was loaded"
        return Verdict(NOT_TAKEN, why, host)
    if not logs and certain:
        return Verdict(RAM_LOST, "no log is left after the reset: RAM does not survive it")
    why = "none of the logs that were kept holds a word" if logs else "no log is left"
    return Verdict(UNKNOWN, why, tuple(one.path for one in logs))

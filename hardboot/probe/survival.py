"""Measure whether RAM survives a restart: a random word in the logs before it must be there after it."""

import secrets
import time
from typing import Annotated

from msgspec import Meta, Struct

from hardboot.base import log
from hardboot.base.errors import DeviceStateError, RefusedError
from hardboot.base.interrupts import if_cut_off
from hardboot.crash import panic
from hardboot.device.phone import Phone
from hardboot.flows.restart import run_detached, wait_for_change
from hardboot.probe import log_memory
from hardboot.probe.log_memory import KeptLogs, LogMemory
from hardboot.probe.restarts import Name, Restart

_WORD = "hardboot-probe-"
_SEND_S = 30.0  # a panic syncs the disks before
_Text = Annotated[str, Meta(max_length=400)]


class Survival(Struct, frozen=True, kw_only=True):
    """Whether RAM survived one restart.

    Attributes:
        restart: Its name.
        kept: None if that is not known.
        why: How it is known, or why it is not.
        seconds: From the command until the phone answered again; None if it was not restarted.
    """

    restart: Name
    kept: bool | None
    why: _Text
    seconds: float | None = None


class _NotLeftError(Exception):
    """The old kernel still runs."""


def check(phone: Phone, restarts: list[Restart]) -> None:
    """Refuse to crash a kernel that would start a panic kernel: there would be no restart.

    Raises:
        RefusedError: If it would.
        DeviceError: If the phone does not answer.
    """
    if any(one.name == "panic" for one in restarts) and panic.is_loaded(phone):
        raise RefusedError(
            "a panic kernel is loaded: a crash would start it instead of restarting the phone",
            state="Nothing was restarted.",
            fix="Unload it first: hardboot unload --panic",
        )


def measure(phone: Phone, restart: Restart, memory: LogMemory, *, wait_s: float) -> Survival:
    """Restart the phone and return whether RAM survived it.

    Args:
        phone: The phone.
        restart: How it is restarted.
        memory: What its kernel keeps over a restart.
        wait_s: Seconds it may take to answer again.

    Raises:
        DeviceStateError: If it does not answer in time.
        DeviceError: If the word cannot be written, or the logs cannot be read.
    """
    word = f"{_WORD}{secrets.token_hex(8)}"
    with if_cut_off("Nothing was restarted."):
        before = phone.kernel()
        log_memory.write(phone, word, memory)
    start = time.monotonic()

    def on_old_kernel(seconds: float) -> None:
        if seconds > restart.leave_s:
            raise _NotLeftError

    try:
        with log.step(f"Restarting the phone ({restart.name})", limit_s=wait_s):
            with if_cut_off("The restart may have been sent; which kernel runs is not known.", unknown=True):
                run_detached(phone, restart.command, timeout_s=_SEND_S)
            with if_cut_off("The restart had been sent; which kernel runs is not known.", unknown=True):
                after = wait_for_change(phone, before, wait_s=wait_s, on_old_kernel=on_old_kernel)
    except _NotLeftError:
        return Survival(restart=restart.name, kept=None, why="the phone did not restart")
    if after is None:
        raise DeviceStateError(
            f"the phone did not come back within {wait_s:.0f} s after a restart ({restart.name})",
            state="The restart had been sent; nothing was written to the phone.",
            fix="Look at its screen; hold the power button for 10 s to restart it: docs/rescue.md",
        )
    seconds = round(time.monotonic() - start, 1)
    with if_cut_off("The phone has restarted; the logs that it kept were not read."):
        found = log_memory.search(phone, word)
    certain = memory.is_kept(panic=restart.name == "panic") and after.release == before.release
    kept, why = judge(found, certain=bool(certain))
    return Survival(restart=restart.name, kept=kept, why=why, seconds=seconds)


def judge(found: KeptLogs, *, certain: bool) -> tuple[bool | None, str]:
    """Return whether RAM survived, and how that is known.

    Args:
        found: The logs after the restart.
        certain: Whether the word must be in them if RAM survived.
    """
    if found.holding:
        return True, f"the word is in {', '.join(found.holding)}"
    if found.paths:
        return None, f"the word is in none of the logs that were kept: {', '.join(found.paths)}"[:400]
    if certain:
        return False, "no log is left: RAM, or the part of it that keeps logs, was cleared"
    return None, "no log is left, but it is not known that this kernel keeps any"

"""Crash the running kernel, and wait for the kernel that starts then."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from hardboot.base import log
from hardboot.base.errors import DeviceError, DeviceStateError, RefusedError
from hardboot.base.interrupts import if_cut_off
from hardboot.crash.panic import is_loaded
from hardboot.crash.pull import has_dump
from hardboot.device.phone import Phone, connect
from hardboot.flows.journal import HOST_CAME_BACK, PHONE_SILENT, Journal
from hardboot.flows.restart import run_detached, wait_for_change
from hardboot.profile import Profile

CAPTURE_UP = "capture-up"
RESTARTED = "restarted"
_PANIC_S = 5  # seconds until a kernel restarts after a panic, where it would wait for ever
SETTLE_S = 10.0  # a kernel that still answers after this did not crash
_POLL_S = 0.5
_SYNC_S = 30.0
# As root, in the background. A kernel that would hang for ever gets a time-out, so that it restarts if no
# panic kernel starts.
CRASH = (
    f"sync; [ $(cat /proc/sys/kernel/panic) != 0 ] || echo {_PANIC_S} > /proc/sys/kernel/panic; "
    "(sleep 0.2; echo c > /proc/sysrq-trigger) </dev/null >/dev/null 2>&1 &"
)


def trigger(phone: Phone, journal: Journal, *, wait_s: float) -> None:
    """Crash the running kernel, and wait for the panic kernel or a restart.

    Raises:
        DeviceStateError: If the phone stays silent, or does not crash.
        DeviceError: If a panic kernel was loaded, and the host kernel came back instead.
    """
    was_loaded = is_loaded(phone)
    journal.host = before = phone.kernel()
    title = "Crashing the running kernel and waiting for the next one"
    with journal.phase("crash"), log.step(title, limit_s=wait_s):
        with if_cut_off("The crash may have been sent; which kernel runs is not known.", unknown=True):
            run_detached(phone, CRASH, timeout_s=_SYNC_S)
        with if_cut_off("The crash had been sent; which kernel runs is not known.", unknown=True):
            now = wait_for_change(phone, before, wait_s=wait_s, on_old_kernel=_refuse_old_kernel)
    if now is None:
        journal.outcome = PHONE_SILENT
        raise DeviceStateError(
            f"the phone crashed and did not answer for {wait_s:.0f} s",
            state="Nothing was flashed.",
            fix="Hold the power button to restart it, then read the panic kernel's log: hardboot log",
        )
    journal.guest = now
    if has_dump(phone):
        journal.outcome = CAPTURE_UP
        return
    journal.outcome = HOST_CAME_BACK if was_loaded else RESTARTED
    if was_loaded:
        raise DeviceError(
            f"the phone restarted into {now.release} instead of the panic kernel",
            state="Nothing was flashed; the dump is lost.",
            fix="Read the panic kernel's log: hardboot log",
        )


def _refuse_old_kernel(seconds: float) -> None:
    """Raise DeviceStateError if the old kernel still answers `seconds` after the crash."""
    if seconds > SETTLE_S:
        raise DeviceStateError(
            "the phone did not crash: its kernel is still running",
            state="Nothing was flashed.",
            fix="Check that it has SysRq: adb shell su -c 'ls /proc/sysrq-trigger'",
        )


@contextmanager
def panic_kernel_phone(serial: str | None, chosen: Profile | None, *, wait_s: float) -> Iterator[Phone]:
    """Wait for the panic kernel, and yield the phone that runs it.

    Args:
        serial: See `connect`.
        chosen: See `connect`.
        wait_s: Seconds to wait at most.

    Raises:
        RefusedError: If another kernel runs, and no panic kernel is loaded.
        DeviceError: If no panic kernel answers in time.
    """
    deadline = time.monotonic() + wait_s
    with log.step("Waiting for the panic kernel", limit_s=wait_s):
        phone = _wait_for_panic_kernel(serial, chosen, deadline)
    try:
        yield phone
    finally:
        phone.transport.close()


def _wait_for_panic_kernel(serial: str | None, chosen: Profile | None, deadline: float) -> Phone:
    while True:
        try:
            phone = connect(serial, chosen)
            chosen = phone.profile  # told once which one it is
            if has_dump(phone):
                return phone
            release, waiting = phone.kernel().release, is_loaded(phone)
            phone.transport.close()
            if not waiting:
                raise RefusedError(
                    f"there is no dump: the running kernel {release} is not a panic kernel",
                    state="Nothing was written.",
                    fix="Load a panic kernel before the next crash: hardboot load --panic IMAGE",
                )
            problem = DeviceError(
                f"the kernel {release} has not crashed",
                state="Nothing was written.",
                fix="Crash it: hardboot crash trigger",
            )
        except DeviceError as error:
            problem = error
        if time.monotonic() > deadline:
            raise problem
        time.sleep(_POLL_S)

"""Restart the phone in the ordinary way and wait until it is back."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from hardboot.base import log
from hardboot.base.errors import DeviceError, DeviceStateError
from hardboot.device import host
from hardboot.device.phone import KernelIdentity, Phone

WAIT_S = 180.0
_POLL_S = 0.5
_LAST_WORD_S = 5.0


@dataclass(frozen=True)
class Restarted:
    """The kernel that came up, and whether it has hardboot support."""

    kernel: KernelIdentity
    hardboot: bool


def restart(phone: Phone, *, wait_s: float = WAIT_S) -> Restarted:
    """Reboot through the bootloader and wait for the phone.

    Raises:
        DeviceStateError: If it does not come back within `wait_s` seconds, or was not restarted.
    """
    before = phone.kernel()
    with log.step("Restarting the phone"):
        leave(phone)
        after = wait_for_change(phone, before, wait_s=wait_s)
    if after is None:
        raise DeviceStateError(
            f"the phone did not come back within {wait_s:.0f} s after a restart",
            state="What was done before the restart is done.",
            fix="Look at its screen; hold the power button for 10 s to restart it, or start its recovery.",
        )
    return Restarted(after, host.has_hardboot(phone))


def leave(phone: Phone) -> None:
    """Tell the phone to reboot."""
    last_word(phone, "reboot </dev/null >/dev/null 2>&1 &")


def last_word(phone: Phone, command: str, *, timeout_s: float = _LAST_WORD_S) -> None:
    """Run as root what ends the kernel, in the background: the phone may be gone before it has answered."""
    try:
        phone.root(command, timeout_s=timeout_s)
    except DeviceError as error:
        log.detail(error.what)


def wait_for_change(
    phone: Phone, before: KernelIdentity, *, wait_s: float, still: Callable[[float], None] | None = None
) -> KernelIdentity | None:
    """The kernel that runs once it is not the one of `before` any more; None if that does not happen.

    Args:
        phone: A phone that is being reset, or soon will be.
        before: The kernel that runs now.
        wait_s: Seconds until it is given up.
        still: Called with the seconds passed each time the old kernel answers; may raise.
    """
    start = time.monotonic()
    while (left := start + wait_s - time.monotonic()) > 0:
        time.sleep(min(_POLL_S, left))  # first of all: a phone on its way down has enough to do
        try:
            now = phone.kernel_anew(timeout_s=left)
        except DeviceError as error:
            log.detail(error.what)
            continue
        if now.boot_id != before.boot_id:
            return now
        if still:
            still(time.monotonic() - start)
    return None

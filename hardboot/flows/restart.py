"""Reboot the phone and wait until it is back."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from hardboot.base import log
from hardboot.base.errors import DeviceError, DeviceStateError
from hardboot.base.interrupts import if_cut_off
from hardboot.device import host
from hardboot.device.handset import KERNEL, KernelIdentity, parse_kernel
from hardboot.device.phone import Phone

WAIT_S = 180.0
RESTART_S = 60.0  # for a phone that was restarting already when a command began
_POLL_S = 0.5
_DETACHED_S = 5.0


@dataclass(frozen=True)
class Restarted:
    """The kernel that came up, and whether it has hardboot support; None if that is not known."""

    kernel: KernelIdentity
    hardboot: bool | None

    def document(self) -> dict[str, object]:
        """Return it as JSON has it."""
        return {
            "release": self.kernel.release,
            "boot_id": self.kernel.boot_id,
            "hardboot": self.hardboot,
        }


def restart(phone: Phone, *, wait_s: float = WAIT_S) -> Restarted:
    """Reboot through the bootloader and wait for the phone.

    Raises:
        RefusedError: If another command uses the phone.
        DeviceStateError: If it does not come back within `wait_s` seconds.
    """
    with if_cut_off("The restart was not sent; what came before it is done."):
        (kernel,) = phone.hold(KERNEL)
        before = parse_kernel(kernel)
    with log.step("Restarting the phone", limit_s=wait_s):
        after = reboot_and_wait(phone, before, wait_s=wait_s)
    if after is None:
        raise DeviceStateError(
            f"the phone did not come back within {wait_s:.0f} s after a restart",
            state="The restart had been sent; what was written before it stays written.",
            fix="Look at its screen; hold the power button for 10 s to restart it, or start its recovery: "
            "docs/rescue.md",
        )
    with if_cut_off("The phone has restarted; it is not known whether its kernel has hardboot support."):
        return Restarted(after, host.has_hardboot(phone))


def reboot_and_wait(
    phone: Phone, before: KernelIdentity, *, wait_s: float, left: str = "", fix: str | None = None
) -> KernelIdentity | None:
    """Reboot and return the kernel that comes up, which is not `before`; None if none answers in time.

    Args:
        phone: The phone.
        before: The kernel that runs.
        wait_s: Seconds to wait at most.
        left: Told if it is cut off, before the rest: what is on the phone, in a sentence.
        fix: Told then, too: what to do next; see `if_cut_off`.
    """
    told = f"{left} " if left else ""
    with if_cut_off(
        f"{told}The restart may have been sent; which kernel runs is not known.", fix, unknown=True
    ):
        reboot(phone)
    with if_cut_off(f"{told}The restart had been sent; which kernel runs is not known.", fix, unknown=True):
        return wait_for_change(phone, before, wait_s=wait_s)


def reboot(phone: Phone) -> None:
    """Tell the phone to reboot; do not wait."""
    run_detached(phone, "reboot </dev/null >/dev/null 2>&1 &")


def run_detached(phone: Phone, command: str, *, timeout_s: float = _DETACHED_S) -> None:
    """Run a command as root that ends the kernel: the connection may be lost before it has answered."""
    try:
        phone.check_lock(phone.root(command, timeout_s=timeout_s))
    except DeviceError as error:
        log.detail(error.what)


def wait_for_change(
    phone: Phone,
    before: KernelIdentity,
    *,
    wait_s: float,
    on_old_kernel: Callable[[float], None] | None = None,
) -> KernelIdentity | None:
    """Wait for another kernel than `before` and return it; None if none answers in time.

    Args:
        phone: A phone that is being reset, or soon will be.
        before: The kernel that is running now.
        wait_s: Seconds to wait at most.
        on_old_kernel: Called with the seconds passed each time the old kernel answers; may raise.
    """
    phone.note_answer(before)  # it took the command that ends it
    start = time.monotonic()
    while (left := start + wait_s - time.monotonic()) > 0:
        time.sleep(min(_POLL_S, left))  # also before the first try: the phone is busy going down
        try:
            now = phone.kernel_anew(timeout_s=left)
        except DeviceError as error:
            log.detail(error.what)
            continue
        if now.boot_id != before.boot_id:
            return now
        if on_old_kernel:
            on_old_kernel(time.monotonic() - start)
    return None

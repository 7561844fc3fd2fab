"""Return a phone to its own system: put back what a way to boot changed, and restart if a ROM runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hardboot.base import log
from hardboot.base.errors import DeviceError, DeviceStateError
from hardboot.base.interrupts import if_cut_off
from hardboot.device import record
from hardboot.device.handset import BOOT_MODE, KERNEL, KernelIdentity, is_recovery, parse_kernel
from hardboot.device.phone import Phone
from hardboot.flows import restart, transaction_record, unsettled
from hardboot.flows.transaction_record import Transaction
from hardboot.flows.unsettled import Agree, Touched

_BOOT_ID = "cat /proc/sys/kernel/random/boot_id"


@dataclass(frozen=True)
class Returned:
    """What was done, or with a dry run what is to be done.

    Attributes:
        kernel: That runs now.
        recovery: Whether that is the recovery's.
        restarted: Whether the phone was restarted.
        change: To partitions, that was not settled; None if there was none.
        touched: Its partitions.
    """

    kernel: KernelIdentity
    recovery: bool
    restarted: bool
    change: Transaction | None
    touched: Sequence[Touched]

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "kernel": self.kernel.release,
            "rom": record.is_guest(self.kernel),
            "recovery": self.recovery,
            "restarted": self.restarted,
            "way": self.change.way if self.change else None,
            "partitions": [
                {
                    "partition": one.partition,
                    "image": one.image,
                    "held": one.held,
                    "holds": one.holds,
                    "sha256": one.sha256,
                }
                for one in self.touched
            ],
        }


def look(phone: Phone) -> Returned:
    """Return what `go` would end; nothing is changed.

    Raises:
        DeviceError: If the phone gives no root, or a partition cannot be read.
    """
    with if_cut_off("Nothing was changed."):
        change = transaction_record.find(phone)
        touched = unsettled.look(phone, change) if change else []
        return Returned(*_running(phone), restarted=False, change=change, touched=touched)


def go(phone: Phone, *, wait_s: float, agree: Agree | None = None) -> Returned:
    """Put back what is to be put back, and restart into the own system if a ROM runs; may be repeated.

    Args:
        phone: The phone.
        wait_s: Seconds to wait for it after a restart.
        agree: See `unsettled.put_back`.

    Raises:
        RefusedError: See `unsettled.put_back`.
        DeviceError: If the phone gives no root, or a ROM came up again.
        DeviceStateError: If it does not come back, or it is not known what a partition holds.
    """
    restarted = _restart_without_root(phone, wait_s)
    change, touched = _put_back(phone, agree)
    with if_cut_off("The partitions hold what they should; the phone was not restarted."):
        kernel, recovery = _running(phone)
    if record.is_guest(kernel):
        kernel = restart.restart(phone, wait_s=wait_s).kernel
        restarted = True
        if record.is_guest(kernel):
            raise DeviceError(
                f"a ROM came up again (kernel {kernel.release})",
                state="Nothing is left to be put back, as far as this computer and the phone know.",
                fix="Write the phone's own boot image: hardboot restore",
            )
        if change is None:  # a ROM may not be able to read the phone's record
            change, touched = _put_back(phone, agree)
    return Returned(kernel, recovery, restarted, change, touched)


def _running(phone: Phone) -> tuple[KernelIdentity, bool]:
    """Return which kernel runs, and whether it is the recovery's."""
    kernel, mode = phone.roots(KERNEL, BOOT_MODE)
    return parse_kernel(kernel), is_recovery(mode)


def _put_back(phone: Phone, agree: Agree | None) -> tuple[Transaction | None, Sequence[Touched]]:
    with if_cut_off("Nothing was changed."):
        change = transaction_record.find(phone)
    return change, unsettled.put_back(phone, agree=agree) if change else []


def _restart_without_root(phone: Phone, wait_s: float) -> bool:
    """Restart a system that gives no root, most likely a ROM; return whether that was needed."""
    try:
        phone.root_shell()
        return False
    except DeviceError as error:
        log.warn(f"{error.what}; restarting the phone")
    with if_cut_off("The restart was not sent; nothing was written."):
        before = KernelIdentity("", phone.shell(_BOOT_ID).text.strip(), "")
    with if_cut_off("The restart may have been sent; nothing was written.", unknown=True):
        phone.transport.reboot("")
    with (
        if_cut_off("The restart had been sent; nothing was written.", unknown=True),
        log.step("Waiting for the phone", limit_s=wait_s),
    ):
        if restart.wait_for_change(phone, before, wait_s=wait_s) is None:
            raise DeviceStateError(
                f"the phone did not come back with root within {wait_s:.0f} s after a restart",
                state="Nothing was written.",
                fix="Look at its screen. If its own system runs, grant root to the ADB shell, and try again; "
                "else docs/rescue.md",
            )
    return True

"""Which kernel came up: the verdict on every start, whichever way it went."""

from hardboot.base import log
from hardboot.base.errors import DeviceError, DeviceStateError
from hardboot.device.handset import KernelIdentity
from hardboot.device.record import FASTBOOT, HARD, SOFT, Loaded
from hardboot.flows.journal import GUEST_UP, HOST_CAME_BACK, PHONE_SILENT, Journal

_READ_LOG = "Read the log of the ROM: hardboot log"
_EVENTS = {HARD: "was reset", SOFT: "left its kernel", FASTBOOT: "took the image from fastboot"}
_OWN = {HARD: "host kernel", SOFT: "host kernel", FASTBOOT: "own system"}
_OTHER_CAUSES = {
    HARD: ", or the record did not survive the reset",
    SOFT: "",
    FASTBOOT: ", or its bootloader did not start the image",
}


def judge(loaded: Loaded, journal: Journal, now: KernelIdentity | None, *, wait_s: float) -> None:
    """Record which kernel came up: only the guest was started with this load's mark.

    Args:
        loaded: What was started.
        journal: Takes the outcome.
        now: The kernel that came up; None if none answered.
        wait_s: The seconds waited for it.

    Raises:
        DeviceStateError: If no kernel answered.
        DeviceError: If it is not the guest.
    """
    own = _OWN[loaded.start]
    if now is None:
        journal.outcome = PHONE_SILENT
        raise DeviceStateError(
            f"the phone {_EVENTS[loaded.start]} and has been silent for {wait_s:.0f} s",
            state="Nothing was flashed: the boot partition is unchanged.",
            fix=f"Hold the power button to restart it into its {own}. "
            f"{_READ_LOG}. If the ROM is slow, wait longer: --wait SECONDS",
        )
    if loaded.mark not in now.marks:
        journal.outcome = HOST_CAME_BACK
        raise DeviceError(
            f"the {own} came back ({now.release}) instead of the ROM",
            state="Nothing was flashed: the phone has restarted into its own system.",
            fix=f"The ROM crashed{_OTHER_CAUSES[loaded.start]}. {_READ_LOG}",
        )
    journal.outcome = GUEST_UP
    journal.guest = now
    if loaded.release and loaded.release != now.release:
        log.warn(f"the guest reports kernel {now.release}, the image holds {loaded.release}")

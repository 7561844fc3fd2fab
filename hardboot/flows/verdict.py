"""Which kernel came up: the verdict on every start, whichever way it went."""

from dataclasses import dataclass

from hardboot.base import log
from hardboot.base.errors import DeviceError, DeviceStateError
from hardboot.device.handset import KernelIdentity
from hardboot.device.record import FASTBOOT, FLASH, HARD, RECOVERY, SLOT, SOFT, Loaded
from hardboot.flows.journal import GUEST_UP, HOST_CAME_BACK, PHONE_SILENT, Journal

_READ_LOG = "Read the log of the ROM: hardboot log"


@dataclass(frozen=True)
class _Words:
    """What is said of a start.

    Attributes:
        event: What the phone was told to do; if the connection was lost just then, it may not have heard it.
        own: What comes up if not the ROM.
        cause: Of that, besides a crash of the ROM.
        written: What the start left in partitions; None for nothing.
        again: What to do if a restart starts the ROM again.
        home: How to return if no restart leads to the own system; None if one does.
    """

    event: str
    own: str
    cause: str = ""
    written: str | None = None
    again: str = ""
    home: str | None = None

    @property
    def silent(self) -> str:
        """The state of a phone that is silent."""
        return self.written or "Nothing was flashed: the boot partition is unchanged."

    def back(self, *, settled: bool) -> str:
        """Return the state of a phone that runs its own system."""
        restarted = "the phone has restarted" + (" into its own system." if self.home is None else ".")
        if settled:
            return f"T{restarted[1:]} Its partitions hold what they held before."
        return f"T{restarted[1:]} {self.written}" if self.written else f"Nothing was flashed: {restarted}"


_WORDS = {
    HARD: _Words("was to be reset", "host kernel", ", or the record did not survive the reset"),
    SOFT: _Words("was to leave its kernel", "host kernel"),
    FASTBOOT: _Words(
        "took the image from fastboot", "own system", ", or its bootloader did not start the image"
    ),
    SLOT: _Words(
        "was to restart into its other slot",
        "own system",
        ", or its bootloader did not start the other slot",
        "The other slot still holds the ROM, until: hardboot home",
    ),
    RECOVERY: _Words(
        "was to restart into its recovery partition",
        "own system",
        ", or its bootloader did not start the recovery partition",
        "The recovery partition still holds the ROM, until: hardboot home",
        "If that starts the ROM again, its kernel died before it could take the message to the bootloader "
        "back: flash the backup of the recovery (hardboot backups) by fastboot, and restart from there. ",
    ),
    FLASH: _Words(
        "was to restart into the flashed ROM",
        "recovery, or another system,",
        ", or its bootloader did not start the boot partition",
        "The boot partition still holds the ROM, until: hardboot home",
        home="Start its recovery (most phones: hold power and volume up), then run hardboot home. Without a "
        "recovery, write the backup (hardboot backups) from the bootloader: fastboot flash boot FILE. ",
    ),
}


def judge(
    loaded: Loaded, journal: Journal, now: KernelIdentity | None, *, wait_s: float, settled: bool = False
) -> None:
    """Record which kernel came up: only the guest was started with this load's mark.

    Args:
        loaded: What was started.
        journal: Takes the outcome.
        now: The kernel that came up; None if none answered.
        wait_s: The seconds waited for it.
        settled: Whether the partitions that were written hold their old content again.

    Raises:
        DeviceStateError: If no kernel answered.
        DeviceError: If it is not the guest.
    """
    words = _WORDS[loaded.start]
    if now is None:
        journal.outcome = PHONE_SILENT
        raise DeviceStateError(
            f"the phone {words.event} and has been silent for {wait_s:.0f} s",
            state=words.silent,
            fix=f"{words.home or f'Hold the power button to restart it into its {words.own}. '}"
            f"{words.again}{_READ_LOG}. If the ROM is slow, wait longer: --wait SECONDS",
        )
    if loaded.mark not in now.marks:
        journal.outcome = HOST_CAME_BACK
        raise DeviceError(
            f"the {words.own} came back ({now.release}) instead of the ROM",
            state=words.back(settled=settled),
            fix=f"The ROM crashed{words.cause}. {_READ_LOG}",
        )
    journal.outcome = GUEST_UP
    journal.guest = now
    if loaded.release and loaded.release != now.release:
        log.warn(f"the guest reports kernel {now.release}, the image holds {loaded.release}")

"""A phone between its system and its bootloader: restart it into either, and see which one came up."""

import time

from hardboot.base import log
from hardboot.base.errors import DeviceError, DeviceStateError
from hardboot.device.handset import KernelIdentity
from hardboot.device.phone import Phone
from hardboot.flows.journal import (
    BOOTLOADER_CAME_BACK,
    BOOTLOADER_REFUSED,
    BOOTLOADER_SILENT,
    NOT_LEFT,
    NOT_STARTED,
    Journal,
)
from hardboot.transport import fastboot_reasons
from hardboot.transport.fastboot import Answer, Fastboot

_ENTER_S = 60.0  # until the bootloader must answer
_LEAVE_S = 15.0  # a system that still answers after this does not restart
_POLL_S = 0.5
_FIRST_PROBE_S = 3.0  # for ADB, between two looks at the bootloader
_PROBE_GROWTH = 1.5
_LONGEST_PROBE_S = 20.0
_GRACE_S = 3.0  # a bootloader that answers later has not started the image
_SIGHTINGS = 2  # answers in a row that make sure of it
_AGAIN_S = 1.0  # between them


def enter(phone: Phone, bootloader: Fastboot, before: KernelIdentity, journal: Journal) -> None:
    """Restart the phone into its bootloader, and wait until that answers; else `journal` takes the outcome.

    Raises:
        DeviceError: If the phone does not restart, or into its system instead.
        DeviceStateError: If neither of them answers.
    """
    phone.transport.reboot("bootloader")
    phone.note_answer(before)
    start = time.monotonic()
    while (passed := time.monotonic() - start) < _ENTER_S:
        time.sleep(_POLL_S)
        if bootloader.answers():
            return
        now = _system(phone, _POLL_S)
        if now and now.boot_id != before.boot_id:
            journal.outcome = NOT_STARTED
            raise DeviceError(
                "the phone restarted into its own system instead of the bootloader",
                state="Nothing was sent to the bootloader.",
                fix="Boot the image another way: hardboot boot IMAGE --dry-run shows which.",
            )
        if now and passed > _LEAVE_S:
            journal.outcome = NOT_LEFT
            raise DeviceError(
                "the phone does not restart into its bootloader",
                state="Its system is running as before.",
                fix="Try it by hand: adb reboot bootloader",
            )
    journal.outcome = BOOTLOADER_SILENT
    raise DeviceStateError(
        f"the phone left its system, and its bootloader has been silent for {_ENTER_S:.0f} s "
        f"at {bootloader.serial}",
        state="Nothing was sent to the bootloader; nothing was flashed.",
        fix="Look at its screen, and at `fastboot devices`; give what that lists: --fastboot-serial SERIAL. "
        "Hold the power button for 10 s to restart the phone.",
    )


def _system(phone: Phone, timeout_s: float) -> KernelIdentity | None:
    """Return the kernel that answers over ADB within `timeout_s` seconds; None if none does."""
    try:
        return phone.kernel_anew(timeout_s=timeout_s)
    except DeviceError as error:
        log.detail(error.what)
        return None


def wait_for_rom(
    phone: Phone, bootloader: Fastboot, before: KernelIdentity, journal: Journal, *, wait_s: float
) -> KernelIdentity | None:
    """Wait for the kernel that comes up after the bootloader; None if none answers in time.

    Raises:
        DeviceError: If the bootloader came back instead.
    """
    start = time.monotonic()
    sightings, probe_s = 0, _FIRST_PROBE_S
    while (left := start + wait_s - time.monotonic()) > 0:
        now = _system(phone, min(probe_s, left))
        if now and now.boot_id != before.boot_id:
            return now
        probe_s = min(probe_s * _PROBE_GROWTH, _LONGEST_PROBE_S)
        if time.monotonic() - start < _GRACE_S:
            time.sleep(_POLL_S)
        elif bootloader.answers():
            sightings, probe_s = sightings + 1, _AGAIN_S
        else:
            sightings = 0
        if sightings >= _SIGHTINGS:
            journal.outcome = BOOTLOADER_CAME_BACK
            raise DeviceError(
                "the bootloader came back instead of the ROM",
                state=f"Nothing was flashed. {restart_system(bootloader)}",
                fix="The bootloader did not start the image, or its kernel crashed at once. Compare it with "
                "the phone's own: hardboot info IMAGE. Read the log: hardboot log",
            )
    return None


def refused(bootloader: Fastboot, answer: Answer, journal: Journal) -> DeviceError:
    """Restart the phone into its own system; return the error for a bootloader that refused the image."""
    reason = answer.reason or ""
    meaning = fastboot_reasons.explain(reason)
    if meaning is None:
        what, fix = "the bootloader refused the image", "Look up its words for this model."
    else:
        what, fix = f"the bootloader refused the image: {meaning.what}", meaning.fix
    return refused_by(bootloader, f"{what} (it says {reason[:200]!r})", fix, journal)


def refused_by(bootloader: Fastboot, what: str, fix: str, journal: Journal) -> DeviceError:
    """Restart the phone into its own system; return the error for a bootloader that would refuse."""
    journal.outcome = BOOTLOADER_REFUSED
    return DeviceError(what, state=f"Nothing was flashed. {restart_system(bootloader)}", fix=fix)


def restart_system(bootloader: Fastboot) -> str:
    """Restart the phone from its bootloader into its own system; return in words whether it does."""
    if bootloader.reboot():
        return "The phone restarts into its own system."
    return (
        "The phone waits in its bootloader. Start its own system with: "
        f"fastboot -s {bootloader.serial} reboot, or the power button."
    )

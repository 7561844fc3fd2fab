"""A ROM that lies in partitions for one boot: it is written, started and judged, and they are put back."""

from collections.abc import Callable

from hardboot.base import log
from hardboot.base.interrupts import if_cut_off
from hardboot.device import record
from hardboot.device.handset import KernelIdentity
from hardboot.device.phone import Phone
from hardboot.device.record import Loaded
from hardboot.flows import restart as restarts
from hardboot.flows import verdict
from hardboot.flows.journal import Journal


def start(
    phone: Phone,
    journal: Journal,
    loaded: Loaded,
    before: KernelIdentity,
    *,
    title: str,
    place: str,
    home: str,
    write: Callable[[], None],
    restart_into: Callable[[], None] | None = None,
    put_back: Callable[[bool], bool],
    wait_s: float,
) -> None:
    """Write a ROM, restart the phone into it, put back what was written, and prove what came up.

    Args:
        phone: The phone.
        journal: Takes the phases and the outcome.
        loaded: The record of the ROM.
        before: The kernel that runs.
        title: Said at the beginning.
        place: What holds the ROM then, for messages.
        home: What to do if it is cut off.
        write: Writes it.
        restart_into: Chooses it for the next restart, where `write` does not.
        put_back: Puts the old content back, and returns whether it did; takes whether the own system came up.
        wait_s: Seconds the ROM may take to answer.

    Raises:
        DeviceError: If it cannot be written, or another kernel comes up.
        DeviceStateError: If the phone stays silent, or it is not known what a partition holds.
    """
    journal.loaded = loaded
    with if_cut_off(f"The ROM may be in {place}, and may have been started.", home, unknown=True):
        log.say(title)
        with journal.phase("write"):
            write()
        with journal.phase("boot"), log.step("Waiting for the ROM", limit_s=wait_s):
            record.remember(phone, loaded)  # this computer may be interrupted during the start
            if restart_into:
                restart_into()
            now = restarts.reboot_and_wait(
                phone, before, wait_s=wait_s, left=f"The ROM is in {place}.", fix=home
            )
        settled = False
        if now:
            with journal.phase("put back"):
                settled = put_back(loaded.mark not in now.marks)
        verdict.judge(loaded, journal, now, wait_s=wait_s, settled=settled)

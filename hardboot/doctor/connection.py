"""A phone that is not reached: why, and what to do; it may wait in its bootloader."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from hardboot.base.errors import HardbootError
from hardboot.doctor import computer
from hardboot.doctor.line import Line, missing, ok, unknown
from hardboot.doctor.next_steps import Step
from hardboot.virtual import machine

_NAME = "connection"
_UNLOCK = "Unlock it the way its maker intends. That erases all data of the phone."


@dataclass(frozen=True)
class NotReached:
    """Lines and steps of a phone that is not reached."""

    lines: Sequence[Line]
    steps: Sequence[Step]


def explain(error: HardbootError, serial: str | None) -> NotReached:
    """Return what can be said of a phone to which no connection was made.

    Args:
        error: Why there is none.
        serial: The phone that is meant; None for the only one.
    """
    waiting = [one for one in computer.fastboot_serials() if serial in (None, one)]
    waiting += _virtual_phones(serial)
    if waiting:
        return _in_bootloader(waiting)
    serials = error.result.get("serials")
    if isinstance(serials, list) and serials:
        steps = [_for_each(one) for one in serials]
    elif isinstance(serials, list):
        steps = [
            Step("Plug a phone in, turn on USB debugging, and look again", "hardboot doctor"),
            Step("Rehearse on a virtual phone", "hardboot virtual start"),
        ]
    else:
        again = "hardboot doctor" + (f" --serial {shlex.quote(serial)}" if serial else "")
        steps = [Step(error.fix.rstrip("."), again)]
    return NotReached([missing(_NAME, error.what, error.fix)], steps)


def _virtual_phones(serial: str | None) -> list[str]:
    """Return the serials for fastboot of the virtual phones that wait in their bootloader."""
    try:
        running = [one for one in machine.running() if serial in (None, one.serial)]
    except HardbootError:  # without a home folder there are none
        return []
    found = [one.fastboot for one in running if one.fastboot]
    return [one for one in found if computer.fastboot_variable(one, "product")]


def _in_bootloader(serials: Sequence[str]) -> NotReached:
    lines, steps = [], []
    for serial in serials:
        word = shlex.quote(serial)
        lines.append(ok(_NAME, f"{serial} is in its bootloader (fastboot): little can be seen from there"))
        unlocked = computer.fastboot_variable(serial, "unlocked")
        if unlocked == "yes":
            lines.append(ok("lock", "unlocked"))
            boot = f"fastboot -s {word} boot IMAGE"
            steps.append(Step("Boot an image once, where the bootloader supports it", boot))
        elif unlocked == "no":
            lines.append(missing("lock", "locked", _UNLOCK))
        else:
            how = f"fastboot -s {word} oem device-info"
            lines.append(unknown("lock", "the bootloader does not tell", how))
        steps.append(Step("Start the phone's own system, and look again", f"fastboot -s {word} reboot"))
    return NotReached(lines, steps)


def _for_each(serial: object) -> Step:
    return Step(f"Look at {serial}", f"hardboot doctor --serial {shlex.quote(str(serial))}")

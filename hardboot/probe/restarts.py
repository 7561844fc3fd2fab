"""The kinds of restart whose effect on RAM is measured.

Which reset the hardware does depends on them: Qualcomm's kernels do a warm one after a panic or when the
bootloader is told something (drivers/power/reset/msm-poweroff.c), and Linux since 5.11 by /sys/kernel/reboot.
"""

from dataclasses import dataclass
from typing import Literal

from hardboot.crash import trigger
from hardboot.device.phone import Phone

Name = Literal["plain", "warm", "command", "panic"]
_MODE = "/sys/kernel/reboot/mode"
_SYSRQ = "/proc/sysrq-trigger"
_QUIETLY = "</dev/null >/dev/null 2>&1 &"


@dataclass(frozen=True)
class Restart:
    """A kind of restart.

    Attributes:
        name: In a profile's [survives].
        effect: What it does, in words.
        command: Run as root.
        needs: A file that the kernel must have; None if it needs none.
        leave_s: Seconds in which the kernel must be left.
    """

    name: Name
    effect: str
    command: str
    needs: str | None = None
    leave_s: float = 60.0  # Android stops its services before


_ALL = (
    Restart("plain", "restarts the phone", f"reboot {_QUIETLY}"),
    Restart(
        "warm", "restarts the phone with a warm reset", f"echo warm >{_MODE} && reboot {_QUIETLY}", _MODE
    ),
    # Bootloaders start the system on a word that they do not know.
    Restart("command", "restarts the phone with a word for the bootloader", f"reboot hardboot {_QUIETLY}"),
    Restart("panic", "crashes the kernel of the phone", trigger.CRASH, _SYSRQ, trigger.SETTLE_S),
)
RESTARTS: dict[str, Restart] = {one.name: one for one in _ALL}
HARMLESS = ("plain", "warm", "command")


def missing(phone: Phone, restarts: list[Restart]) -> dict[str, str]:
    """Return why restarts cannot be done on this phone, by their names.

    Raises:
        DeviceError: If the phone does not answer.
    """
    wanted = [one for one in restarts if one.needs]
    outputs = phone.roots(*(f"test -e {one.needs}" for one in wanted)) if wanted else []
    return {
        one.name: f"this kernel has no {one.needs}"
        for one, output in zip(wanted, outputs, strict=True)
        if output.code
    }

"""The charge of a phone's battery, as its kernel or Android tells it."""

import re
from dataclasses import dataclass

from hardboot.base import log
from hardboot.base.errors import RefusedError
from hardboot.transport.base import Output

MINIMUM = 25  # percent; a write of a minute needs less, and the restarts after it some
# For `roots`; `parse` reads the output. A recovery has no dumpsys, and some kernels hide their files.
QUERY = (
    "found=$(for one in /sys/class/power_supply/*; do "
    'if [ "$(cat $one/type 2>/dev/null)" = Battery ]; then '
    'echo "$(cat $one/capacity 2>/dev/null) $(cat $one/status 2>/dev/null)"; fi; done); '
    'if [ -n "$found" ]; then echo "$found"; else dumpsys battery 2>/dev/null; true; fi'
)
_SYSFS = re.compile(r"^(\d{1,3}) (\S.*)?$", re.MULTILINE)  # Documentation/ABI/testing/sysfs-class-power
_LEVEL = re.compile(r"^\s*level: (\d{1,3})\s*$", re.MULTILINE)
_STATUS = re.compile(r"^\s*status: (\d)\s*$", re.MULTILINE)
_CHARGING = {"2", "5"}  # BatteryManager: BATTERY_STATUS_CHARGING, BATTERY_STATUS_FULL


@dataclass(frozen=True)
class Battery:
    """The state of a battery: its charge in percent, whether it is charging or full, and its status."""

    level: int
    charging: bool
    status: str = ""


def parse(text: str) -> Battery | None:
    """Return the battery in the output of QUERY; None if the phone does not tell."""
    found = _SYSFS.search(text)
    if found:
        status = (found[2] or "").strip()
        return Battery(int(found[1]), charging=status in ("Charging", "Full"), status=status.lower())
    level, status = _LEVEL.search(text), _STATUS.search(text)
    if level:
        return Battery(int(level[1]), charging=bool(status and status[1] in _CHARGING))
    return None


def check(output: Output) -> None:
    """Refuse a phone whose battery may be empty before a write has ended, according to the output of QUERY.

    Raises:
        RefusedError: If it has less than MINIMUM percent and is not being charged.
    """
    known = parse(output.text)
    if known is None:
        log.warn(f"the phone does not tell its battery level: it should have {MINIMUM} % for a write")
    elif known.level < MINIMUM and not known.charging:
        raise RefusedError(
            f"the battery has {known.level} %; a write needs {MINIMUM} %, or a charger",
            state="Nothing was written.",
            fix="Charge the phone, then try again.",
        )

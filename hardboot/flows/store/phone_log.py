"""The log of the program that starts ROMs on the phone itself; see payload/log.c."""

import re
from dataclasses import dataclass
from datetime import datetime

from hardboot.base.documents import TIME_END
from hardboot.base.printable import printable
from hardboot.device.phone import Phone

_FILE = "/data/hardboot/starts"
_LIMIT = 65536  # bytes, payload/log.c
# A line that a power cut left unfinished is in front of the next one, in the same line.
_LINE = re.compile(
    r".*(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC ([A-Za-z0-9][A-Za-z0-9_.+-]{0,31}): (.*)", re.ASCII
)
_STARTING = "starting"  # the last thing that the program says before the reset
_OUTCOME_MAX = 200  # characters; above all that it says


@dataclass(frozen=True)
class PhoneStart:
    """A start from the phone itself.

    Attributes:
        began: By the phone's clock, in seconds since 1970 (UTC).
        outcome: "started-on-phone", or why it was refused.
    """

    began: float
    outcome: str


def last_starts(phone: Phone) -> dict[str, PhoneStart]:
    """Return the last start of each ROM, by its name; lines that are none are passed over.

    Raises:
        DeviceError: If the phone does not answer.
    """
    found: dict[str, PhoneStart] = {}
    for line in phone.root(f"tail -c {_LIMIT} {_FILE} 2>/dev/null").text.splitlines():
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        try:
            began = datetime.strptime(f"{match[1]}Z", "%Y-%m-%d %H:%M:%S%z").timestamp()
        except ValueError:
            continue
        if not 0 <= began < TIME_END:
            continue
        outcome = "started-on-phone" if match[3] == _STARTING else printable(match[3])[:_OUTCOME_MAX]
        found[match[2]] = PhoneStart(began, outcome)
    return found

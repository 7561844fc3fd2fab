"""Whether a phone's bootloader is unlocked, as it told the running kernel."""

import re
from collections.abc import Mapping

from hardboot.device.shells import answers, as_one

# AOSP docs, "Boot flow" and "Verified boot": orange is unlocked, green locked with the maker's key, yellow
# with the owner's; red says that verification failed.
_MEANINGS = {
    "flash.locked": {"0": True, "1": False},
    "vbmeta.device_state": {"unlocked": True, "locked": False},
    "verifiedbootstate": {"orange": True, "green": False, "yellow": False},
}
NAMES = tuple(_MEANINGS)  # of what bootloaders pass on, behind `androidboot.` and `ro.boot.`
# For `roots`; `parse` reads the output. What the bootloader said comes first: properties can be changed, and
# programs that hide an unlocked bootloader from apps do so.
QUERY = as_one(
    "cat /proc/bootconfig /proc/cmdline 2>/dev/null",
    "; ".join(f'echo "androidboot.{name}=$(getprop ro.boot.{name})"' for name in NAMES),
)
_WORD = re.compile(r'(?:^|\s)androidboot\.([a-z._]+)\s*=\s*"?([a-z0-9]+)"?(?=\s|$)')


def parse(text: str) -> bool | None:
    """Return whether the bootloader is unlocked, from the output of QUERY; None if nothing tells it."""
    return judge(*(dict(reversed(_WORD.findall(one))) for one in answers(text)))


def judge(*sources: Mapping[str, str]) -> bool | None:
    """Return whether the bootloader is unlocked; None if nothing tells it, or the source contradicts itself.

    Args:
        sources: Values by the names in NAMES. The first source that tells anything counts.
    """
    for said in sources:
        known = {_MEANINGS.get(name, {}).get(value) for name, value in said.items()} - {None}
        if known:
            return known.pop() if len(known) == 1 else None
    return None

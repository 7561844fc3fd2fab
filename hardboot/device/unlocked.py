"""Whether a phone's bootloader is unlocked, as it told the running kernel."""

import re

from hardboot.device.shells import as_one

_NAMES = ("flash.locked", "vbmeta.device_state", "verifiedbootstate")
# For `roots`; `parse` reads the output. What the bootloader said comes first: properties can be changed, and
# programs that hide an unlocked bootloader from apps do so.
QUERY = as_one(
    "cat /proc/bootconfig /proc/cmdline 2>/dev/null",
    "; ".join(f'echo "androidboot.{name}=$(getprop ro.boot.{name})"' for name in _NAMES),
)
# AOSP, "Boot flow" and libavb: orange is unlocked; green, yellow and red are states of a locked one.
_MEANINGS = {
    "flash.locked": {"0": True, "1": False},
    "vbmeta.device_state": {"unlocked": True, "locked": False},
    "verifiedbootstate": {"orange": True, "green": False, "yellow": False, "red": False},
}
_WORD = re.compile(r'(?:^|\s)androidboot\.([a-z._]+)\s*=\s*"?([a-z0-9]+)"?(?=\s|$)')


def parse(text: str) -> bool | None:
    """Return whether the bootloader is unlocked, from the output of QUERY; None if nothing tells it."""
    for name, value in _WORD.findall(text):
        known = _MEANINGS.get(name, {}).get(value)
        if known is not None:
            return known
    return None

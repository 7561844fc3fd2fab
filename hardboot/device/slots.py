"""The slots of a phone that has each partition twice: which one it runs from."""

import re

from hardboot.base.errors import RefusedError
from hardboot.device.shells import answers, as_one, read
from hardboot.profile import SLOTS
from hardboot.transport.base import Output

# For `roots`; `parse` reads the output. The boot control HAL is asked where no property exists.
QUERY = as_one(
    "getprop ro.boot.slot_suffix; getprop ro.boot.slot",
    "cat /proc/bootconfig /proc/cmdline 2>/dev/null",
    '[ -n "$(getprop ro.boot.slot_suffix)" ] || bootctl get-suffix "$(bootctl get-current-slot)" 2>/dev/null',
    "true",
)
# As a property, as a word of the command line, or as a line of the bootconfig: `key = "value"`.
_PROPERTY = re.compile(r"_?([a-z])")
_WORD = re.compile(r'(?:^|\s)androidboot\.slot(?:_suffix)?\s*=\s*"?_?([a-z])"?(?=\s|$)')


def parse(output: Output) -> str:
    """Return the running slot, "a" or "b", from the output of QUERY.

    Raises:
        DeviceError: If the phone does not answer.
        RefusedError: If the phone does not say which slot it runs from, or says two.
    """
    properties, words, hal, *_ = [*answers(read(QUERY, output)), "", "", ""]
    lines = [line.strip() for line in f"{properties}\n{hal}".splitlines()]
    found = {match[1] for line in lines if (match := _PROPERTY.fullmatch(line))} | set(_WORD.findall(words))
    if len(found) == 1 and found <= set(SLOTS):
        return found.pop()
    shown = f"it names {', '.join(sorted(found))}" if found else "it names none"
    raise RefusedError(
        f"the phone does not say which slot it runs from: {shown}",
        state="Nothing was written.",
        fix="Look at it: getprop ro.boot.slot_suffix. Commands with --slot can be told: --slot a",
    )

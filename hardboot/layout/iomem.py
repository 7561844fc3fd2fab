"""The running kernel's memory map: /proc/iomem, read as root."""

import re
from dataclasses import dataclass
from itertools import pairwise

from hardboot.base.errors import InputError
from hardboot.base.memory import Range

_LINE = re.compile(r"( *)([0-9a-f]{1,16})-([0-9a-f]{1,16}) : (.*)")
_MAX_LINES = 65536  # the largest phones list some hundred
_RAM = "System RAM"
_KERNEL = re.compile(r"Kernel (code|data|bss|rodata)")  # kexec moves these out of the way itself
_AGAIN = "Read it on the phone again."
_AS_ROOT = "Read it as root on the phone."


@dataclass(frozen=True)
class LiveMemory:
    """RAM according to /proc/iomem; sorted by address.

    Attributes:
        banks: System RAM, one range for each line: kexec wants a segment inside one.
        kernel: The running kernel's code and data.
        reserved: What else lies inside System RAM.
    """

    banks: tuple[Range, ...]
    kernel: tuple[Range, ...] = ()
    reserved: tuple[Range, ...] = ()


def parse_iomem(text: str) -> LiveMemory:
    """Parse /proc/iomem.

    Raises:
        InputError: If a line is malformed, all addresses are zero (not read as root), or there is no RAM.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) > _MAX_LINES:
        raise _malformed(f"{len(lines)} lines, the limit is {_MAX_LINES}", _AGAIN)
    banks: list[Range] = []
    kernel: list[Range] = []
    reserved: list[Range] = []
    inside_ram = False
    hidden = bool(lines)
    for number, line in enumerate(lines, 1):
        found = _LINE.fullmatch(line.rstrip())
        if not found:
            raise _malformed(f"line {number} is not a range: {line[:60]!r}", _AGAIN)
        start, last, name = int(found[2], 16), int(found[3], 16), found[4]
        if last < start:
            raise _malformed(f"line {number} ends before it starts: {line[:60]!r}", _AGAIN)
        hidden = hidden and start == last == 0
        item = Range(start, last + 1, name)
        if not found[1]:
            inside_ram = name == _RAM
            if inside_ram:
                banks.append(item)
        elif inside_ram:
            (kernel if _KERNEL.fullmatch(name) else reserved).append(item)
    if hidden:
        raise _malformed("all addresses are zero: it was not read as root", _AS_ROOT)
    banks.sort()
    if not banks:
        raise _malformed("it lists no System RAM", _AS_ROOT)
    for one, two in pairwise(banks):
        if one.overlaps(two):
            raise _malformed(f"{one} and {two} overlap", _AGAIN)
    return LiveMemory(tuple(banks), tuple(sorted(kernel)), tuple(sorted(reserved)))


def _malformed(problem: str, fix: str) -> InputError:
    return InputError(f"/proc/iomem: {problem}", state="Nothing was sent.", fix=fix)

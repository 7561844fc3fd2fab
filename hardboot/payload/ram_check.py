"""ram_check, the program that compares RAM with a pattern after a reset: its parameters and its result."""

import secrets
import struct
from array import array
from collections.abc import Sequence
from pathlib import Path

from hardboot.base.errors import DeviceError
from hardboot.base.memory import PAGE_SIZE, Range

# All as in ram_check.c and jump.h.
MAX_RANGES = 16
SIZE = 2 * PAGE_SIZE  # bytes of its segment
_PARAMETERS = 0x800
_STEP = 0x9E3779B1
_PERIOD = 257  # pages; prime, so that a piece that was moved by a round number of bytes is seen
_DONE = 0x6B636863
_HEADER = "<2Q2IQ"
_RANGE = "<3Q"
_WORDS = PAGE_SIZE // 4
_MASK = 0xFFFFFFFF
_TOKEN = 16  # bytes in front of the result, by which it is found in the device tree
PROPERTY = "hardboot,ram-check"  # of /chosen: what the guest shows in /proc/device-tree/chosen

_PAYLOAD = Path(__file__).parent


def pattern(seed: int) -> bytes:
    """Return the pattern that RAM is filled with, again and again; no two words of it are the same."""
    words = array("I", ((seed + number * _STEP) & _MASK for number in range(_PERIOD * _WORDS)))
    assert words.itemsize == 4
    return words.tobytes()


def skip(addr: int) -> int:
    """Return the byte of the pattern that lies at a physical address."""
    return _phase(addr) * PAGE_SIZE


def _phase(addr: int) -> int:
    return addr // PAGE_SIZE % _PERIOD


def placeholder(pages: int) -> bytes:
    """Return the property that the result for so many pages is written into."""
    return secrets.token_bytes(_TOKEN) + bytes(4 + (pages + 7) // 8 + 3 & ~3)


def find_result(tree: bytes, value: bytes) -> int:
    """Return where in a device tree the result of the property `value` begins."""
    return tree.index(value[:_TOKEN]) + _TOKEN


def build(arch: str, *, kernel: int, result: int, seed: int, ranges: Sequence[Range]) -> bytes:
    """Return the content of its segment.

    Args:
        arch: "arm" or "arm64".
        kernel: Physical address of the guest's kernel.
        result: Where it writes the result.
        seed: Of the pattern.
        ranges: What it looks at, at most MAX_RANGES.
    """
    assert len(ranges) <= MAX_RANGES
    code = (_PAYLOAD / f"ram_check-{arch}").read_bytes()
    assert len(code) <= _PARAMETERS
    parameters = struct.pack(_HEADER, kernel, result, seed, _PERIOD, len(ranges))
    for one in ranges:
        parameters += struct.pack(_RANGE, one.start, one.size // PAGE_SIZE, _phase(one.start))
    return code.ljust(_PARAMETERS, b"\0") + parameters


def parse(value: bytes, expected: bytes, ranges: Sequence[Range]) -> list[Range]:
    """Return the runs of pages that differed, from the property as the guest shows it.

    Args:
        value: The property.
        expected: As it was before.
        ranges: As `build` got them.

    Raises:
        DeviceError: If it is not the result of this run.
    """
    done = int.from_bytes(value[_TOKEN : _TOKEN + 4], "little")
    if len(value) != len(expected) or value[:_TOKEN] != expected[:_TOKEN] or done != _DONE:
        raise DeviceError(
            "the kernel that came up does not show which pages changed",
            state="The phone's own system is running from RAM; nothing was written.",
            fix="Restart it (hardboot reboot) and try again.",
        )
    bits = int.from_bytes(value[_TOKEN + 4 :], "little")
    changed: list[Range] = []
    number = 0
    for one in ranges:
        for addr in range(one.start, one.end, PAGE_SIZE):
            if bits >> number & 1:
                if changed and changed[-1].end == addr:
                    changed[-1] = Range(changed[-1].start, addr + PAGE_SIZE)
                else:
                    changed.append(Range.sized(addr, PAGE_SIZE))
            number += 1
    return changed

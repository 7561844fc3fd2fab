"""What the log of a kernel says about its RAM and about how it was started.

The forms are those of arch/arm/kernel (Machine), drivers/of/of_reserved_mem.c, fs/pstore/ram.c, Android's
drivers/staging/android (persistent_ram.c, ram_console.c), Qualcomm's arch/arm/mach-msm/memory.c and NVIDIA's
arch/arm/mach-tegra/common.c.
"""

import re
from collections.abc import Iterator
from typing import Literal

from hardboot.base.memory import Range

Arch = Literal["arm", "arm64"]
# Names of memory that keeps the log of the last boot.
LOG_MEMORY = re.compile(r"ramoops|ram[_-]?console|pstore|persistent[_-]?ram|last_?kmsg", re.IGNORECASE)
# The boards of the old patches print it when they reserve the page, and so do our series; kernels of 3.x
# print 0x%lx or 0x%X.
_PAGE = re.compile(r"hardboot page reserved at (?:0x)?([0-9a-f]{1,16})\b", re.IGNORECASE)
_RAMOOPS = re.compile(r"\b0x([0-9a-f]{1,8})@0x([0-9a-f]{1,9})\b", re.IGNORECASE)
_PERSISTENT = re.compile(r"persistent memory from ([0-9a-f]{6,9})-([0-9a-f]{6,9})\b", re.IGNORECASE)
# MediaTek's says "buffer start: 0xffffff8009c16000": that one is virtual.
_RAM_CONSOLE = re.compile(r"ram_console: got buffer at (?:0x)?([0-9a-f]{1,9}), size (?:0x)?([0-9a-f]{1,8})\b")
_MEMBLOCK = re.compile(r"Node (\S{1,100}) memblock_reserve memory ([0-9a-f]{1,9})-([0-9a-f]{1,9})\b")
_TREE_RANGE = re.compile(
    r"reserved mem: 0x([0-9a-f]{1,16})\.\.0x([0-9a-f]{1,16}) \(\d+ KiB\) (?:no)?map non-reusable (\S{1,100})"
)
_TREE_NODE = re.compile(
    r"reserved region for node '([^']{1,100})': base 0x([0-9a-f]{1,16}), size ([1-9]\d{0,5}) MiB"
)
_TEGRA = re.compile(r"Tegra reserved memory:\s*$")
_TEGRA_RANGE = re.compile(r"([A-Z0-9][A-Za-z0-9 ]{1,30}): +([0-9a-f]{6,9}) - ([0-9a-f]{6,9})\s*$")
_TEGRA_EMPTY = (0, 0xFFFFFFFF)  # an empty range, as the kernels without a test for its size print it
_WITH_TREE = re.compile(r"\bMachine model: |\bMachine: .+(?:, model: |\(Flattened Device Tree\))")
_WITH_ATAGS = re.compile(r"\bMachine: (?!.*(?:, model: |\(Flattened Device Tree\)))\S|unrecognised tag 0x")
_ARM = re.compile(r"\bCPU: ARMv\d")
_ARM64 = re.compile(r"\bAArch64 Processor\b|\bBooting Linux on physical CPU 0x[0-9a-f]+ \[0x[0-9a-f]+\]")


def hardboot_pages(log: str) -> tuple[int, ...]:
    """Return the addresses at which the kernel reserved its hardboot page, each once."""
    return tuple(dict.fromkeys(int(one, 16) for one in _PAGE.findall(log)))


def log_memory(log: str) -> Iterator[Range]:
    """Yield the memory that keeps logs; ranges may be empty and overlap."""
    for line in log.splitlines():
        if LOG_MEMORY.search(line) and (place := _RAMOOPS.search(line)):
            yield Range.sized(int(place[2], 16), int(place[1], 16))
        if (place := _PERSISTENT.search(line)) and int(place[1], 16) <= int(place[2], 16):
            yield Range(int(place[1], 16), int(place[2], 16) + 1)
        if place := _RAM_CONSOLE.search(line):
            yield Range.sized(int(place[1], 16), int(place[2], 16))


def reserved_memory(log: str) -> Iterator[Range]:
    """Yield what else the kernel reserved, with the names in its log; ranges may overlap."""
    tegra = False
    for line in log.splitlines():
        place = _TEGRA_RANGE.search(line) if tegra else None
        tegra = _TEGRA.search(line) is not None or place is not None
        if place:
            yield from _range(f"tegra-{place[1]}", int(place[2], 16), int(place[3], 16) + 1)
        elif place := _MEMBLOCK.search(line):
            yield from _range(place[1], int(place[2], 16), int(place[3], 16))
        elif place := _TREE_RANGE.search(line):
            yield from _range(place[3], int(place[1], 16), int(place[2], 16) + 1)
        elif place := _TREE_NODE.search(line):
            start = int(place[2], 16)
            yield from _range(place[1], start, start + (int(place[3]) << 20))


def has_tree(log: str) -> bool | None:
    """Return whether the bootloader gave this ARM kernel a device tree, not ATAGS; None if unknown."""
    if _WITH_TREE.search(log):
        return True
    return False if _WITH_ATAGS.search(log) else None


def arch(log: str) -> Arch | None:
    """Return the architecture of the kernel; None if it is not said."""
    if _ARM64.search(log):
        return "arm64"
    return "arm" if _ARM.search(log) else None


def _range(name: str, start: int, end: int) -> Iterator[Range]:
    """Yield the range, unless it is empty; SMMU is no memory but addresses of devices."""
    if 0 <= start < end and (start, end - 1) not in (_TEGRA_EMPTY, (0, 0)) and name != "tegra-SMMU":
        yield Range(start, end, name)

"""Bootloaders where a boot image has its kernel: U-Boot and LK (lk2nd), with device trees behind them.

Sources: U-Boot's include/version.h (U_BOOT_VERSION, "U-Boot 2023.01"); LK's kernel/main.c, kmain(), which
prints "welcome to lk"; lk2nd's README (trees are appended to lk.bin).
"""

import re
from dataclasses import dataclass, field

from hardboot.formats.kernels.kernel import split_raw
from hardboot.formats.reading import PIECE, Data, forget, view

_NAME_SIZE = 64  # bytes
_UBOOT = re.compile(rb"U-Boot 20\d\d\.\d\d[-+.\w]*")


@dataclass(frozen=True)
class Bootloader:
    """A bootloader.

    Attributes:
        name: "U-Boot 2023.01" or "LK".
        size: Bytes in the file, without device trees and padding.
        dtbs: Device trees behind it, one behind the other.
        padding: What follows them.
    """

    name: str
    size: int
    dtbs: tuple[memoryview, ...] = field(repr=False)
    padding: memoryview = field(repr=False)


def find_name(data: Data) -> str | None:
    """Return the name of the bootloader in `data`, by a string in it; None if there is none."""
    whole = view(data)
    for start in range(0, len(whole), PIECE):
        window = bytes(whole[start : start + PIECE + _NAME_SIZE])
        forget(whole)
        found = _UBOOT.search(window)
        if found:
            return found[0].decode()
        if b"welcome to lk" in window:
            return "LK"
    return None


def identify(data: Data) -> Bootloader | None:
    """Return what is known of a bootloader; None if `data` is none."""
    name = find_name(data)
    if name is None:
        return None
    size, dtbs, padding = split_raw(data)
    return Bootloader(name, size, dtbs, padding)

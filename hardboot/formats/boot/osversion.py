"""The header word os_version: Android version and security patch level.

Source: AOSP system/tools/mkbootimg, include/bootimg/bootimg.h, os_version.
"""

from __future__ import annotations

import re

from hardboot.formats.boot.bootheader import WHAT
from hardboot.formats.reading import malformed


def version_text(word: int) -> str | None:
    """Return the Android version, such as "13.0.0"; None if it is not set."""
    version = word >> 11
    return f"{version >> 14}.{version >> 7 & 0x7F}.{version & 0x7F}" if version else None


def patch_level_text(word: int) -> str | None:
    """Return the security patch level, such as "2023-05"; None if it is not set."""
    level = word & 0x7FF
    return f"{2000 + (level >> 4)}-{level & 0xF:02}" if level else None


def encode(version: str, patch_level: str) -> int:
    """Return the word for an Android version "13.0.0" and a patch level "2023-05"; "" means not set.

    Raises:
        InputError: If either has another form, or a number does not fit.
    """
    numbers = re.fullmatch(r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})", version or "0.0.0")
    level = re.fullmatch(r"(\d{4})-(\d{2})", patch_level or "2000-00")
    if not numbers or not level:
        problem = f"{version!r} and {patch_level!r}"
        fix = 'Give them as "13.0.0" and "2023-05", or "".'
        raise malformed(WHAT, "os_version", 0x2C, problem, fix=fix)
    major, minor, patch = (int(digits) for digits in numbers.groups())
    year, month = int(level[1]) - 2000, int(level[2])
    if max(major, minor, patch) > 127 or not 0 <= year <= 127 or month > 15:
        raise malformed(WHAT, "os_version", 0x2C, f"{version} {patch_level}", fix="Give smaller numbers.")
    return major << 25 | minor << 18 | patch << 11 | year << 4 | month

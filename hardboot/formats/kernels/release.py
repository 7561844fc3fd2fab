"""The version in a kernel's release, as `uname -r` prints it."""

import re
from typing import TypeAlias

Version: TypeAlias = tuple[int, int, int]
_RELEASE = re.compile(r"(\d{1,5})\.(\d{1,5})(?:\.(\d{1,5}))?")


def parse_version(release: str) -> Version | None:
    """Return version, patch level and sublevel (0 without one); None if `release` begins with none."""
    found = _RELEASE.match(release)
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else None

"""Names that the file systems of this computer cannot hold."""

import os

WINDOWS = os.name == "nt"

# Microsoft, "Naming Files, Paths, and Namespaces".
_FORBIDDEN = frozenset('<>:"|?*\\') | frozenset(map(chr, range(32)))
_DEVICES = frozenset(
    {"CON", "PRN", "AUX", "NUL"} | {f"{port}{number}" for port in ("COM", "LPT") for number in range(10)}
)


def problem_of(name: str) -> str | None:
    """Return why no file of this computer can be called `name`, one part of a path; None if one can.

    Linux and macOS hold every part of a path; what a single file system there cannot hold, writing shows.
    """
    if not WINDOWS:
        return None
    found = next((character for character in name if character in _FORBIDDEN), None)
    if found is not None:
        return f"Windows allows no {found!r} in names"
    if name[-1:] in (" ", "."):
        return f"Windows allows no name that ends with {name[-1:]!r}"
    if name.partition(".")[0].rstrip(" ").upper() in _DEVICES:
        return "Windows keeps this name for a device"
    return None

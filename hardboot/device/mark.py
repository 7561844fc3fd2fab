"""The mark that hardboot puts into the command line of each guest, to recognise its kernel."""

import secrets

MARK = "androidboot.hardboot"  # parameter with a random number for each load


def new() -> str:
    """Return a mark that no other guest has."""
    return f"{MARK}={secrets.token_hex(4)}"


def marks(cmdline: str, bootconfig: str) -> tuple[str, ...]:
    """Return the marks that a kernel was started with; none if hardboot did not start it.

    Some bootloaders move parameters that begin with "androidboot." into the bootconfig.

    Args:
        cmdline: /proc/cmdline.
        bootconfig: /proc/bootconfig; "" if the kernel has none.
    """
    sides = ([side.strip(' "') for side in line.split("=", 1)] for line in bootconfig.splitlines())
    words = [*cmdline.split(), *("=".join(pair) for pair in sides)]
    return tuple(word for word in words if word.startswith(f"{MARK}="))

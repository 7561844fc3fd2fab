"""SHA-256 as the phone computes it: the commands, and how long they may take."""

import re
import shlex

from hardboot.base.errors import DeviceError
from hardboot.device.shells import QUICK_S

_BLOCK = 1 << 20  # bytes that dd reads at a time
_LINE = re.compile(r"^([0-9a-f]{64}) [ *](/.*)$", re.MULTILINE)  # of sha256sum, for a file
_BYTES_PER_S = 1 << 20  # the slowest flash and CPU we wait for


def sha256_command(path: str, first: int | None = None) -> str:
    """Return the command that computes the SHA-256 of a file, or of the first bytes of a block device."""
    return f"sha256sum < {shlex.quote(path)}" if first is None else f"{read_command(path, first)} | sha256sum"


def read_command(path: str, first: int) -> str:
    """Return the command that prints the first bytes of a block device."""
    # head alone reads a few KiB at a time, which is slow on a phone.
    blocks, rest = divmod(first, _BLOCK)
    most = f"dd bs={_BLOCK} count={blocks} 2>/dev/null; " if blocks else ""
    return f"{{ {most}head -c {rest}; }} < {shlex.quote(path)}"


def parse_sha256(path: str, text: str) -> str:
    """Return the SHA-256 in hex with which the output of `sha256_command` begins.

    Raises:
        DeviceError: If it begins otherwise.
    """
    digest = re.match(r"[0-9a-f]{64}\b", text)
    if digest is None:
        raise no_sha256(path, text)
    return digest[0]


def parse_all_sha256(text: str) -> dict[str, str]:
    """Return the SHA-256 in hex of each file that `sha256sum FILE…` names, by path; the first one counts."""
    return {path: digest for digest, path in reversed(_LINE.findall(text))}


def no_sha256(path: str, text: str) -> DeviceError:
    """Return the error for a phone that printed `text` in place of a hash."""
    return DeviceError(
        f"the phone did not compute a SHA-256 of {path}: {text[:200]!r}",
        state="Nothing after it was done.",
        fix="The phone needs sha256sum (toybox or busybox): adb shell sha256sum --help",
    )


def time_for(size: int) -> float:
    """Return the seconds that a phone may take to hash `size` bytes."""
    return QUICK_S + size / _BYTES_PER_S

"""Files that stay on the phone, so that a later command need not send them again: each under its SHA-256.

The folder is root's alone, and a file is used only after the phone has computed its SHA-256 anew: one that a
power cut, failing flash memory or another program damaged is sent again.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hardboot.base.files import sha256_file
from hardboot.transport.base import Output

# Beside the folder of the ADB user, to which hard links are possible; only root may write in /data/local.
FOLDER = "/data/local/hardboot"
# Prints the names, the latest used first: to make a link changes the ctime. Fails if `ls` knows no -t (before
# Android 6).
LIST = f"[ ! -L {FOLDER} ] && {{ [ ! -e {FOLDER} ] || ls -tc {FOLDER}; }}"
CLEAR = f"rm -rf {FOLDER}"
_FILES_MAX = 16
_BYTES_MAX = 256 << 20
_REMOVED_MAX = 8  # at a time: a command has at most 4 KiB on the way through an ADB server
_NAME = re.compile(r"([0-9a-f]{64})-([0-9]{1,12})")


@dataclass(frozen=True)
class KeptFile:
    """A file in the folder: its SHA-256 in hex, and its size in bytes."""

    digest: str
    size: int

    @property
    def name(self) -> str:
        """Its name there, which tells the size: no tool of every phone shows that alone."""
        return f"{self.digest}-{self.size}"


def describe(source: Path) -> KeptFile:
    """Return what a file of this computer is as a kept one; raises InputError if it cannot be read."""
    return KeptFile(sha256_file(source), source.stat().st_size)


def parse(output: Output) -> list[KeptFile] | None:
    """Return the files in the output of LIST, the latest used first; None if they are not known."""
    if output.code:
        return None
    names = (_NAME.fullmatch(line) for line in output.text.split())
    return [KeptFile(name[1], int(name[2])) for name in names if name]


def choose_unwanted(files: Sequence[KeptFile], room: float) -> list[KeptFile]:
    """Return which files go, so that the rest is within the limits.

    Args:
        files: The latest used first.
        room: Bytes that would be free without them; they may take half of it.
    """
    unwanted, used = [], 0
    limit = min(_BYTES_MAX, room / 2)
    for number, file in enumerate(files):
        used += file.size
        if number >= _FILES_MAX or used > limit:
            unwanted.append(file)
    return unwanted


def keep_command(new: Sequence[tuple[str, KeptFile]], unwanted: Sequence[KeptFile]) -> str:
    """Return the command that keeps files; $k is the folder.

    Args:
        new: Paths at which they lie now, and the files.
        unwanted: Kept files that go, the latest used first.
    """
    steps = []
    if unwanted:
        steps.append(f"rm -f {' '.join(f'$k/{file.name}' for file in unwanted[-_REMOVED_MAX:])}")
    if new:
        paths = " ".join(path for path, _ in new)
        links = " && ".join(f"ln -f {path} $k/{file.name}" for path, file in new)
        keep = f"chown 0 {paths} && chmod 600 {paths} && {links}"
        steps.append(f"[ ! -L $k ] && mkdir -p $k && chmod 700 $k && {keep}")
    return "; ".join(steps) or "true"

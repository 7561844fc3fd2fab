"""Files that stay on the phone, so that a later command need not send them again: each under its SHA-256.

The folder is root's alone, and a file is used only after the phone has computed its SHA-256 anew: one that a
power cut, failing flash memory or another program damaged is sent again.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from hardboot.base.files import sha256_file
from hardboot.transport.base import Output

# Beside the folder of the ADB user, to which hard links are possible; only root may write in /data/local.
FOLDER = "/data/local/hardboot"
# Prints the names, the latest used first; fails if `ls` knows no -t (Android before 6).
LIST = f"[ ! -L {FOLDER} ] && {{ [ ! -e {FOLDER} ] || ls -t {FOLDER}; }}"
CLEAR = f"rm -rf {FOLDER}"
_FILES_MAX = 16
_BYTES_MAX = 256 << 20
_NAME = re.compile(r"([0-9a-f]{64})-([0-9]{1,12})")


@dataclass(frozen=True)
class KeptFile:
    """A file in the folder: its SHA-256 in hex, and its size in bytes."""

    digest: str
    size: int

    @property
    def path(self) -> str:
        """Its path on the phone. The size is in the name, as no old phone has a tool that shows it alone."""
        return f"{FOLDER}/{self.digest}-{self.size}"

    def link_command(self, target: str) -> str:
        """Return the command that makes `target` the same file if it is intact, and removes it otherwise."""
        proven = f"case $(sha256sum < {target}) in {self.digest}*) touch {self.path} ;; *) false ;; esac"
        return (
            f"ln -f {self.path} {target} 2>/dev/null && {proven} || {{ rm -f {self.path} {target}; false; }}"
        )


def describe(source: Path) -> KeptFile:
    """Return what a file of this computer is as a kept one; raises InputError if it cannot be read."""
    return KeptFile(sha256_file(source), source.stat().st_size)


def parse(output: Output) -> list[KeptFile] | None:
    """Return the files in the output of LIST, the latest used first; None if they are not known."""
    if output.code:
        return None
    names = (_NAME.fullmatch(line) for line in output.text.split())
    return [KeptFile(name[1], int(name[2])) for name in names if name]


def keep_command(new: Sequence[tuple[KeptFile, str]], unwanted: Collection[KeptFile]) -> str:
    """Return the command that keeps files.

    Args:
        new: Files, each with the path at which it lies now.
        unwanted: Kept files that go.
    """
    steps = [f"[ ! -L {FOLDER} ] && mkdir -p {FOLDER} && chmod 700 {FOLDER}"]
    steps += [
        f"chown 0 {path} && chmod 600 {path} && touch {path} && ln -f {path} {file.path}"
        for file, path in new
    ]
    removal = f"rm -f {' '.join(file.path for file in unwanted)}; " if unwanted else ""
    return removal + " && ".join(steps)


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

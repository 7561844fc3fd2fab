"""One command at a time changes a phone: a lock on this computer, which names its owner.

The operating system drops the lock when its owner ends, however it ends.
"""

import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from hardboot.base.errors import RefusedError
from hardboot.base.files import make_folder


@contextmanager
def exclusive(path: Path, phone: str) -> Iterator[None]:
    """Hold the lock of a phone for the time of the block.

    Args:
        path: Of the lock; its folder is made.
        phone: What messages call the phone.

    Raises:
        RefusedError: If another command holds it.
    """
    make_folder(path.parent)
    owner = path.with_suffix(".owner")
    try:
        with FileLock(path, timeout=0):
            owner.write_text(f"{shlex.join(sys.argv)} (process {os.getpid()})")
            yield
    except Timeout as error:
        raise RefusedError(
            f"another command uses {phone}: {_owner(owner)}",
            state="Nothing was sent.",
            fix="Wait until it ends, or stop it.",
        ) from error


def is_held(path: Path) -> bool:
    """Return whether a command holds the lock of a phone."""
    if not path.parent.is_dir():
        return False
    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True


def _owner(path: Path) -> str:
    try:
        return path.read_text(errors="replace")[:200]
    except OSError:
        return "it does not say which"

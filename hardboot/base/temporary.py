"""Temporary folders, removed with their command; those of a command that was killed, by the next one."""

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hardboot.base.errors import InputError
from hardboot.base.process import has_ended

_NAME = re.compile(r"hardboot-(\d{1,10})-\w+")


@contextmanager
def temporary_folder(parent: Path | None = None) -> Iterator[Path]:
    """Make an empty folder that only this user may read, for the time of the block.

    Args:
        parent: Folder to make it in; None for that of temporary files ($TMPDIR).

    Raises:
        InputError: If it cannot be made.
    """
    try:
        inside = parent or Path(tempfile.gettempdir())
        _remove_left_over(inside)
        folder = Path(tempfile.mkdtemp(prefix=f"hardboot-{os.getpid()}-", dir=inside))
    except OSError as error:
        raise cannot_make(parent, error) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def cannot_make(parent: Path | None, error: OSError) -> InputError:
    """Return the error for a temporary file or folder that cannot be made or written."""
    return InputError(
        f"a temporary file cannot be written{f' in {parent}' if parent else ''}: {error.strerror or error}",
        state="Nothing was changed.",
        fix="Make room there, or set TMPDIR to a folder that is writable and has some.",
    )


def _remove_left_over(parent: Path) -> None:
    """Remove this user's folders of commands that no longer run; what cannot be removed stays."""
    for folder in parent.glob("hardboot-*-*"):
        match = _NAME.fullmatch(folder.name)
        if match is None or not has_ended(int(match[1])):
            continue
        with contextlib.suppress(OSError):
            if folder.lstat().st_uid == os.getuid():
                shutil.rmtree(folder, ignore_errors=True)

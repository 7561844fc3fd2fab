"""Write several files together: all of them, or none."""

import contextlib
import errno
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hardboot.base import files
from hardboot.base.errors import InputError
from hardboot.base.interrupts import Interrupt, without_interrupts

# Errors of file systems that cannot reserve space; the write itself shows whether there is any.
_NO_FALLOCATE = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)


@dataclass(frozen=True, slots=True)
class Change:
    """One file: its content `before` and `after`; None: no such file. `mode` None: as the umask says."""

    path: Path
    before: bytes | None
    after: bytes | None
    old_mode: int | None = None
    mode: int | None = None


def write_all(changes: Sequence[Change]) -> None:
    """Bring every file from `before` to `after`, or leave all as they were.

    All new content is written to temporary files beside the old ones first, so that a full disk or a missing
    permission shows while nothing has changed; then each file is replaced in one step.

    Raises:
        InputError: If a file cannot be written. All is as it was, or the error names the files that are not.
        Interrupt: After Ctrl-C. All is as it was.
    """
    created: list[Path] = []  # folders
    staged = [(change, _temporary(change.path)) for change in changes]
    path = Path()
    try:
        for change, temporary in staged:
            path = change.path
            if change.after is not None:
                _make_folders(path.parent, created)
                _write(temporary, change.after, change.mode)
        for change, temporary in staged:
            path = change.path
            if change.after is None:
                path.unlink()
            else:
                temporary.replace(path)
    except BaseException as error:
        with without_interrupts():
            damaged = _roll_back(staged, created)
        if damaged:
            raise InputError(
                f"{damaged[0]} could not be restored after: {str(error) or type(error).__name__}",
                state=f"The tree is partly patched; not restored: {', '.join(map(str, damaged))}.",
                fix="Free disk space or give write permission, then restore these files from your copy.",
            ) from error
        if isinstance(error, OSError):
            raise files.unwritable(path, error) from error
        if isinstance(error, KeyboardInterrupt):
            raise Interrupt("All files are as they were.", "Run it again.") from error
        raise


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.urandom(4).hex()}")


def _make_folders(folder: Path, created: list[Path]) -> None:
    if folder.is_dir():
        return
    created += [part for part in (folder, *folder.parents) if not part.exists()]
    folder.mkdir(parents=True, exist_ok=True)


def _write(path: Path, content: bytes, mode: int | None) -> None:
    with path.open("xb") as stream:
        if content and hasattr(os, "posix_fallocate"):
            # The space is reserved before anything is changed, and ext4 need not allocate it when the file
            # replaces another one (auto_da_alloc), which takes longer than writing it.
            try:
                os.posix_fallocate(stream.fileno(), 0, len(content))
            except OSError as error:
                if error.errno not in _NO_FALLOCATE:
                    raise
        stream.write(content)
    if mode is not None:
        path.chmod(mode)


def _roll_back(staged: Iterable[tuple[Change, Path]], created: Iterable[Path]) -> list[Path]:
    """Undo what was done of `staged`; return the files that could not be restored."""
    damaged = []
    for change, temporary in staged:
        try:
            temporary.unlink(missing_ok=True)
            if change.before is None:
                change.path.unlink(missing_ok=True)
            elif not change.path.exists() or change.path.read_bytes() != change.before:
                _write(temporary, change.before, change.old_mode)
                temporary.replace(change.path)
        except OSError:
            damaged.append(change.path)
    for folder in created:
        with contextlib.suppress(OSError):
            folder.rmdir()
    return damaged

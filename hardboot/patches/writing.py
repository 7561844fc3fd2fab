"""Several files written together: all of them, or none."""

import contextlib
import errno
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hardboot.base import files
from hardboot.base.errors import InputError

# What a file system says that cannot reserve room; the write itself tells whether there is any.
_NO_RESERVING = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)


@dataclass(frozen=True, slots=True)
class Change:
    """One file: its content `before` and `after`; None: there is none. `mode` None: what the umask gives."""

    place: Path
    before: bytes | None
    after: bytes | None
    old_mode: int | None = None
    mode: int | None = None


def write_all(changes: Sequence[Change]) -> None:
    """Bring every file from `before` to `after`, or leave all as they were.

    All new content is written beside its place first, so that a full disk or a missing permission shows
    while nothing has changed; then each file takes its place in one step.

    Raises:
        InputError: If a file cannot be written. All is as it was, or the error names what is not.
    """
    made: list[Path] = []
    staged = [(change, _beside(change.place)) for change in changes]
    place = Path()
    try:
        for change, temporary in staged:
            place = change.place
            if change.after is not None:
                _make_folders(place.parent, made)
                _write(temporary, change.after, change.mode)
        for change, temporary in staged:
            place = change.place
            if change.after is None:
                place.unlink()
            else:
                temporary.replace(place)
    except BaseException as error:
        stuck = _put_back(staged, made)
        if stuck:
            raise InputError(
                f"{stuck[0]} could not be put back after: {error or type(error).__name__}",
                state=f"The tree is half changed: {', '.join(map(str, stuck))}.",
                fix="Make room or give write permission, then restore these files from your copy.",
            ) from error
        if isinstance(error, OSError):
            raise files.unwritable(place, error) from error
        raise


def _beside(place: Path) -> Path:
    return place.with_name(f".{place.name}.{os.urandom(4).hex()}")


def _make_folders(folder: Path, made: list[Path]) -> None:
    if folder.is_dir():
        return
    made += [part for part in (folder, *folder.parents) if not part.exists()]
    folder.mkdir(parents=True, exist_ok=True)


def _write(place: Path, content: bytes, mode: int | None) -> None:
    with place.open("xb") as stream:
        if content and hasattr(os, "posix_fallocate"):
            # The room is there before anything is changed, and ext4 need not look for it when the file
            # replaces another one (auto_da_alloc), which takes longer than writing it.
            try:
                os.posix_fallocate(stream.fileno(), 0, len(content))
            except OSError as error:
                if error.errno not in _NO_RESERVING:
                    raise
        stream.write(content)
    if mode is not None:
        place.chmod(mode)


def _put_back(staged: Iterable[tuple[Change, Path]], made: Iterable[Path]) -> list[Path]:
    """Undo what was done of `staged`; the places that are not as they were."""
    stuck = []
    for change, temporary in staged:
        try:
            temporary.unlink(missing_ok=True)
            if change.before is None:
                change.place.unlink(missing_ok=True)
            elif not change.place.exists() or change.place.read_bytes() != change.before:
                _write(temporary, change.before, change.old_mode)
                temporary.replace(change.place)
        except OSError:
            stuck.append(change.place)
    for folder in made:
        with contextlib.suppress(OSError):
            folder.rmdir()
    return stuck

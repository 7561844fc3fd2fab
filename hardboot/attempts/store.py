"""The folders of the attempts on this computer, one for each, and what is in them."""

import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from hardboot.attempts.attempt import TEXT_LIMIT, Attempt
from hardboot.base import documents, log
from hardboot.base.errors import InputError
from hardboot.base.files import Data, make_folder, read_bytes, state_dir, write_atomic
from hardboot.device.phone import safe_serial

KEPT = 20  # newest attempts of a phone
KEPT_BYTES = 64 << 20  # of all phones
LAST = "last"  # stands for the newest attempt

_DESCRIPTION = "attempt.json"
_LIMIT = 1 << 20  # bytes of a description, which has a few KiB
_ID = re.compile(r"[0-9]{8}-[0-9]{6}(?:-[0-9]{1,3})?")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}")
_MAX_FILES = 100


def folder_of(attempt: Attempt) -> Path:
    """Return the folder of an attempt."""
    return _root() / safe_serial(attempt.serial) / attempt.id


def _root() -> Path:
    return state_dir() / "attempts"


def make_folder_for(serial: str, began: float) -> str:
    """Make the folder of a new attempt; return the ID, which no other attempt has.

    Args:
        serial: ro.serialno of the phone.
        began: When it began, in seconds since 1970 (UTC).

    Raises:
        InputError: If the folder cannot be made.
    """
    base = datetime.fromtimestamp(began, UTC).strftime("%Y%m%d-%H%M%S")
    name, number = base, 1
    while any(_root().glob(f"*/{name}")):
        number += 1
        name = f"{base}-{number}"
    make_folder(_root() / safe_serial(serial) / name)
    return name


def text(words: str) -> str:
    """Return text that JSON can carry, bytes that are no UTF-8 escaped, no longer than is kept."""
    return words.encode("utf-8", "backslashreplace").decode()[:TEXT_LIMIT]


def write(attempt: Attempt, *, durable: bool = False) -> None:
    """Keep the description; with `durable` it is safe from a power failure, which takes longer.

    Raises:
        InputError: If it cannot be written.
    """
    write_file(attempt, _DESCRIPTION, msgspec.json.format(msgspec.json.encode(attempt)), durable=durable)


def write_file(attempt: Attempt, name: str, content: Data, *, durable: bool = False) -> None:
    """Keep a file of the attempt.

    Args:
        attempt: The attempt.
        name: Of the file, without folder; other characters than those of file names become "_".
        content: Replaces that of a file of this name.
        durable: See `write`.

    Raises:
        InputError: If it cannot be written.
    """
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", name).lstrip("._-")[:120] or "file"
    write_atomic(folder_of(attempt) / safe, [content], durable=durable)


def files(attempt: Attempt) -> list[Path]:
    """Return the files of an attempt, by name."""
    try:
        found = [path for path in folder_of(attempt).iterdir() if _FILE.fullmatch(path.name)]
    except OSError as error:
        log.detail(f"{folder_of(attempt)}: {error.strerror}")
        return []
    return sorted(path for path in found if path.is_file())[:_MAX_FILES]


def find_all(serial: str | None = None) -> list[Attempt]:
    """Return the attempts on this computer, the newest first; what cannot be read is left out.

    Args:
        serial: ro.serialno of a phone: only its attempts; None for those of all.
    """
    return list(_newest_first(serial))


def newest(serial: str) -> Attempt | None:
    """Return the newest attempt on a phone; None if there is none.

    Args:
        serial: ro.serialno of the phone.
    """
    return next(_newest_first(serial), None)


def _newest_first(serial: str | None) -> Iterator[Attempt]:
    parent = "*" if serial is None else safe_serial(serial)
    folders = [path for path in _root().glob(f"{parent}/*") if _ID.fullmatch(path.name)]
    for path in sorted(folders, key=lambda path: _order(path.name), reverse=True):
        found = _read(path)
        if found:
            yield found


def _order(name: str) -> tuple[str, int]:
    """Return what IDs are sorted by: the time, and the number of those with the same time."""
    day, second, *number = name.split("-")
    return day + second, int(number[0]) if number else 1


def _read(folder: Path) -> Attempt | None:
    try:
        read = documents.decode(read_bytes(folder / _DESCRIPTION, limit=_LIMIT), Attempt)
    except (documents.DecodeError, InputError) as error:
        log.detail(f"{folder}: {error}")
        return None
    belongs = (read.id, safe_serial(read.serial)) == (folder.name, folder.parent.name)
    return read if belongs else None


def matching(serial: str | None) -> list[Attempt]:
    """Return the attempts on the phone with this ro.serialno or ADB serial, the newest first; None is any."""
    return [one for one in find_all() if serial in (None, one.serial, one.address)]


def get(name: str, serial: str | None = None) -> Attempt:
    """Return the attempt with an ID, or the newest one.

    Args:
        name: An ID, or LAST.
        serial: See `matching`.

    Raises:
        InputError: If there is none.
    """
    found = matching(serial)
    for one in found:
        if name in (LAST, one.id):
            return one
    raise InputError(
        f"no attempt {name!r} is kept on this computer" if found else "no attempts are kept on this computer",
        state="Nothing was changed.",
        fix="List them: hardboot attempts list" if found else "Boot an image first: hardboot boot IMAGE",
    )


def prune(current: Attempt) -> None:
    """Remove the oldest attempts beyond KEPT of this phone and KEPT_BYTES of all; `current` stays."""
    mine = find_all(current.serial)
    drop = [one for one in mine[KEPT:] if one.id != current.id]
    room = KEPT_BYTES
    for one in find_all():
        room -= sum(_sizes(one))
        if room < 0 and one.id != current.id and one not in drop:
            drop.append(one)
    for one in drop:
        remove(one)


def remove(attempt: Attempt) -> None:
    """Remove an attempt; what cannot be removed stays."""
    shutil.rmtree(folder_of(attempt), ignore_errors=True)


def _sizes(attempt: Attempt) -> Iterator[int]:
    for path in files(attempt):
        try:
            yield path.stat().st_size
        except OSError as error:
            log.detail(f"{path}: {error.strerror}")

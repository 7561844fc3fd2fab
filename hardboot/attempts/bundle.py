"""An attempt as one file to send to others, without what tells one phone or one person."""

import contextlib
import getpass
import platform
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from hardboot.attempts import store
from hardboot.attempts.attempt import Attempt
from hardboot.attempts.redaction import NAME, PATH, SERIAL, Redaction
from hardboot.base import files as base_files
from hardboot.base.errors import InputError

_LIMIT = 16 << 20  # bytes of a file of an attempt
_EARLIEST = (1980, 1, 1, 0, 0, 0)  # that a zip archive can tell; the times are in the description


@dataclass(frozen=True)
class Bundle:
    """A bundle that was written.

    Attributes:
        path: The zip archive.
        names: Of the files in it.
        removed: How often each kind of private value was removed.
    """

    path: Path
    names: tuple[str, ...]
    removed: Mapping[str, int]


def write(attempt: Attempt, target: Path) -> Bundle:
    """Write an attempt to a zip archive.

    Args:
        attempt: The attempt.
        target: The archive; replaced if it exists.

    Raises:
        InputError: If it cannot be written, or the attempt holds no files.
    """
    texts = dict(_texts(attempt))
    if not texts:
        raise InputError(
            f"the attempt {attempt.id} holds no files",
            file=str(store.folder_of(attempt)),
            state="Nothing was written.",
            fix="List the others: hardboot attempts list",
        )
    redaction = Redaction()
    redaction.add(SERIAL, attempt.serial, attempt.address, attempt.address.rpartition(":")[0])
    redaction.add(NAME, *_names())
    redaction.add(PATH, *_folders(attempt))
    redaction.learn(texts.values())
    folder = f"hardboot-attempt-{attempt.id}"
    with (
        base_files.atomic_file(target) as stream,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        names = []
        for name, text in texts.items():
            names.append(redaction.redact(name))
            archive.writestr(zipfile.ZipInfo(f"{folder}/{names[-1]}", _EARLIEST), redaction.redact(text))
    return Bundle(target, tuple(names), {kind: times for kind, times in redaction.removed.items() if times})


def _texts(attempt: Attempt) -> Iterator[tuple[str, str]]:
    for path in store.files(attempt):
        yield path.name, base_files.read_bytes(path, limit=_LIMIT).decode("utf-8", "replace")


def _names() -> set[str]:
    """Return the names of this computer and its user."""
    names = {platform.node(), platform.node().partition(".")[0]}
    with contextlib.suppress(KeyError, OSError):  # no such user in the system's list
        names.add(getpass.getuser())
    return names


def _folders(attempt: Attempt) -> set[str]:
    """Return the folders of this computer that the record may name: the user's, and those of its files."""
    folders = {str(Path.cwd()), str(base_files.state_dir()), str(base_files.home()), tempfile.gettempdir()}
    for word in attempt.command:
        value = word.partition("=")[2] if word.startswith("--") else word
        for kind in (PurePosixPath, PureWindowsPath):
            parent = kind(value).parent
            if parent.is_absolute():
                folders.add(str(parent))
    # JSON writes a backslash as two.
    return {form for folder in folders if len(folder) > 1 for form in (folder, folder.replace("\\", "\\\\"))}

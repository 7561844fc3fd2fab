"""Copy files of this computer into an image of a stored ROM."""

import os
import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hardboot.base import log
from hardboot.base.errors import InputError
from hardboot.base.temporary import temporary_folder
from hardboot.device.staging import STAGING
from hardboot.flows.partition_read import time_for
from hardboot.flows.store.mounted import MountedImage
from hardboot.flows.store.pull import check_once
from hardboot.payload import image_files

_BATCH = 32 << 20  # bytes that are sent, and written, at once
_BATCH_FILES = 24  # whose hashes fit into one command for an ADB server: SERVICE_MAX of server_requests.py
_FOLDER_MODE = 0o755


@dataclass(frozen=True)
class Pushed:
    """What was written: numbers of files and folders, and bytes."""

    files: int
    folders: int
    bytes: int


@dataclass(frozen=True)
class _Source:
    """A file or folder of this computer, and its path in the image."""

    path: Path
    target: bytes
    mode: int
    size: int | None  # None for a folder


def push(image: MountedImage, sources: Sequence[Path], target: str) -> Pushed:
    """Write files, and folders with all in them, into an image.

    Args:
        image: Mounted for writing.
        sources: Files and folders.
        target: A folder of the image; for one source, also its new path.

    Raises:
        InputError: If one cannot be read, or does not fit there.
        DeviceError: If it fails; some files may be written.
    """
    found = list(_found(image, sources, target))
    check_once((os.fsdecode(one.target) for one in found if one.size is not None), "Nothing was written.")
    total = sum(one.size or 0 for one in found)
    with log.progress(f"Pushing into {image.rom}", total) as advance:
        for batch in _batches(found):
            _write(image, batch, advance)
    folders = sum(one.size is None for one in found)
    return Pushed(len(found) - folders, folders, total)


def _found(image: MountedImage, sources: Sequence[Path], target: str) -> Iterator[_Source]:
    place = posixpath.join("/", target)
    (there,) = image.list([os.fsencode(place)], below=False)
    if there.kind != "folder" and (len(sources) > 1 or place.endswith("/")):
        raise InputError(
            f"{image.title} has no folder {place}",
            state="Nothing was written.",
            fix="Choose a folder that is there; for a single file, its new path.",
        )
    for source in sources:
        name = source.name if source.name not in ("", "..") else source.resolve().name
        yield from _below(source, posixpath.join(place, name) if there.kind == "folder" else place)


def _below(source: Path, target: str) -> Iterator[_Source]:
    """Yield a file or a folder, and what is in it."""
    try:
        status = source.stat()
        if not source.is_dir():
            if not source.is_file():
                raise InputError(
                    "it is no file and no folder",
                    file=str(source),
                    state="Nothing was written.",
                    fix="Copy what is in it into a file first.",
                )
            with source.open("rb"):
                pass  # one that cannot be read is told before any is written
            yield _Source(source, os.fsencode(target), status.st_mode & 0o777, status.st_size)
            return
        yield _Source(source, os.fsencode(target), _FOLDER_MODE, None)
        for one in sorted(source.iterdir()):
            if one.is_symlink() or not (one.is_file() or one.is_dir()):
                log.warn(f"{one} is left out: it is no file and no folder")
            else:
                yield from _below(one, posixpath.join(target, one.name))
    except OSError as error:
        raise InputError(
            f"it cannot be read: {error.strerror}",
            file=str(source),
            state="Nothing was written.",
            fix="Check its name and its permissions.",
        ) from error


def _batches(found: Sequence[_Source]) -> Iterator[list[_Source]]:
    batch: list[_Source] = []
    for one in found:
        size = sum(other.size or 0 for other in batch)
        if batch and (len(batch) == _BATCH_FILES or size + (one.size or 0) > _BATCH):
            yield batch
            batch = []
        batch.append(one)
    if batch:
        yield batch


def _write(image: MountedImage, batch: Sequence[_Source], advance: log.Advance) -> None:
    lines: list[str] = []
    files: list[tuple[Path, str]] = []
    for one in batch:
        if one.size is None:
            lines.append(image_files.folder_line(one.target, one.mode))
        else:
            name = f"file-{len(files)}"
            files.append((one.path, name))
            lines.append(image_files.file_line(one.target, one.mode, name))
    with temporary_folder() as folder:
        changes = folder / "changes"
        changes.write_text("".join(lines))
        phone = image.phone
        sent = phone.send([*files, (changes, changes.name)], advance=advance)
        command = image.command(image_files.write_words(f"{STAGING}/{changes.name}", STAGING))
        size = sum(one.size or 0 for one in batch)
        # What is written is not needed twice on /data.
        command += f" && rm -f {STAGING}/file-* {STAGING}/{changes.name}"
        (output,) = phone.run_with(sent, command, timeout_s=time_for(size))
    image.check(output)

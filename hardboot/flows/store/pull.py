"""Copy files of an image of a stored ROM to this computer."""

import os
import posixpath
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hardboot.base import log
from hardboot.base.errors import InputError
from hardboot.base.files import atomic_file, make_folder
from hardboot.base.sizes import human_size
from hardboot.base.temporary import temporary_folder
from hardboot.device.copies import Copy
from hardboot.device.shells import QUICK_S
from hardboot.flows.partition_read import time_for
from hardboot.flows.store.in_use import PROGRAM
from hardboot.flows.store.mounted import MountedImage
from hardboot.images.ramdisk.host_names import problem_of
from hardboot.payload import image_files
from hardboot.payload.image_files import FileInfo, Part

_BATCH = 32 << 20  # bytes that are read at once
_BATCH_PARTS = 64  # whose paths fit into a list, however long: LIST_MAX of files.c


@dataclass(frozen=True)
class Pulled:
    """What was written.

    Attributes:
        files: Number of files.
        folders: Number of folders.
        bytes: Of all files.
        left_out: Links, devices, pipes and sockets in folders, which are not copied.
    """

    files: int
    folders: int
    bytes: int
    left_out: tuple[str, ...]


def pull(image: MountedImage, paths: Sequence[str], target: Path) -> Pulled:
    """Copy files, and folders with all in them, out of an image.

    Args:
        image: Mounted.
        paths: In the image; links lead to files of the image, too.
        target: A folder of this computer; for one path, also its new path.

    Raises:
        InputError: If one is not there, or cannot be written.
        DeviceError: If it fails; some files may be written.
    """
    if len(paths) > 1 and not target.is_dir():
        raise InputError(
            "there is no such folder",
            file=str(target),
            state="Nothing was copied.",
            fix="Make it, or copy one file at a time.",
        )
    files: list[tuple[FileInfo, Path]] = []
    folders: list[Path] = []
    left_out: list[str] = []
    for path in paths:
        top = os.fsencode(posixpath.normpath(f"/{path.lstrip('/')}"))
        place = target / _safe(top.rpartition(b"/")[2]) if target.is_dir() and top != b"/" else target
        for one in image.list([top], below=True):
            if one.kind == "missing":
                raise InputError(
                    f"{image.title} has no {os.fsdecode(one.path)}",
                    state="Nothing was copied.",
                    fix=f"Look at it: hardboot rom shell {image.rom} --image {image.image.name}",
                )
            own = place.joinpath(*map(_safe, _below(top, one.path)))
            if one.kind == "folder":
                folders.append(own)
            elif one.kind == "file":
                files.append((one, own))
            else:
                left_out.append(os.fsdecode(one.path))
    check_once((str(own) for _, own in files), "Nothing was copied.")
    for folder in folders:
        make_folder(folder)
    total = sum(one.size for one, _ in files)
    with log.progress(f"Pulling from {image.rom}", total) as advance:
        _copy(image, files, advance)
    return Pulled(len(files), len(folders), total, tuple(left_out))


def check_once(targets: Iterable[str], state: str) -> None:
    """Refuse two files that would be copied to one path: the second would replace the first.

    Raises:
        InputError: If there are such files.
    """
    twice = [path for path, count in Counter(targets).items() if count > 1]
    if twice:
        raise InputError(
            f"two files would be copied to {twice[0]}",
            state=state,
            fix="Copy them one after another, to different folders.",
        )


def _below(top: bytes, path: bytes) -> list[bytes]:
    """Return the parts of a path below `top`."""
    start = top.rstrip(b"/")
    assert path == top or path.startswith(start + b"/")
    return [part for part in path[len(start) :].split(b"/") if part]


def _safe(part: bytes) -> str:
    """Return a part of a path, as this computer has it."""
    name = os.fsdecode(part)
    problem = "it leads to another folder" if name in ("", ".", "..") else problem_of(name)
    if problem:
        raise InputError(
            f"no file of this computer can be called {name!r}: {problem}",
            state="Nothing was copied.",
            fix="Copy the other files by their names.",
        )
    return name


def read_file(image: MountedImage, path: bytes, *, limit: int) -> bytes:
    """Return the content of a file of an image; links lead to files of the image.

    Raises:
        InputError: If it is not there, no plain file, or larger than `limit` bytes.
        DeviceError: If it cannot be read.
    """
    (found,) = image.list([path], below=False)
    if found.kind != "file" or found.size > limit:
        problem = f"{human_size(found.size)}, more than {human_size(limit)}"
        raise InputError(
            f"{image.title} has no usable {os.fsdecode(path)}: it is "
            f"{problem if found.kind == 'file' else f'a {found.kind}'}",
            state="Nothing was copied.",
            fix="Look at the ROM in its own system.",
        )
    parts = _parts(found)
    return b"".join(_content(image, parts))


def _parts(one: FileInfo) -> list[Part]:
    return [Part(one.path, at, min(_BATCH, one.size - at)) for at in range(0, one.size, _BATCH)]


def _copy(image: MountedImage, files: Sequence[tuple[FileInfo, Path]], advance: log.Advance) -> None:
    parts = {one.path: _parts(one) for one, _ in files}
    content = _content(image, [part for one, _ in files for part in parts[one.path]])
    for one, target in files:
        with atomic_file(target, durable=False) as stream:
            for _ in parts[one.path]:
                piece = next(content)
                stream.write(piece)
                advance(len(piece))


def _content(image: MountedImage, parts: Sequence[Part]) -> Iterator[bytes]:
    """Yield the content of each part; several are read at once."""
    batch: list[Part] = []
    for part in (*parts, None):
        size = sum(one.size for one in batch)
        if part is None or len(batch) == _BATCH_PARTS or size + part.size > _BATCH:
            data = _read(image, batch, size) if batch else b""
            for one in batch:
                yield data[: one.size]
                data = data[one.size :]
            batch = []
        if part is not None:
            batch.append(part)


def _read(image: MountedImage, parts: Sequence[Part], size: int) -> bytes:
    phone = image.phone
    with temporary_folder() as folder:
        wanted = folder / "wanted"
        wanted.write_bytes(image_files.build_wanted(parts))
        staged = phone.stage(wanted, wanted.name)
    copy = Copy("content", PROGRAM, size, image.command(image_files.read_words(staged)))
    made, output = phone.roots(phone.staging_query(), copy.query, timeout_s=QUICK_S + time_for(size))
    phone.take_staging(made)
    image.check(output)
    return phone.fetch(copy, output) or b""

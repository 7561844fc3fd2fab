"""Extract a ramdisk into a folder."""

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hardboot.base.errors import InputError
from hardboot.base.files import atomic_folder, naming
from hardboot.formats.archives.compression import MAX_UNPACKED
from hardboot.formats.archives.cpio import Entry
from hardboot.formats.archives.cpio_changes import SEE_NAMES
from hardboot.formats.archives.cpio_paths import relative_parts, to_extract
from hardboot.images.ramdisk.opening import permissions, read

_Name = tuple[str, ...]  # its parts
_Entries = list[tuple[_Name, Entry]]


@dataclass(frozen=True)
class Extracted:
    """Result of an extraction.

    Attributes:
        written: Number of files, folders and links written.
        left_out: Names of devices, pipes and sockets, which are not written.
    """

    folder: Path
    written: int
    left_out: tuple[str, ...]


def extract(path: Path, folder: Path, names: Sequence[str] = ()) -> Extracted:
    """Extract the ramdisk at `path` into `folder`: all of it, or nothing.

    Permissions are kept, with read and write for the owner added; owners are not. A file with several names
    becomes several files.

    Args:
        path: The ramdisk.
        folder: Must not exist or be empty.
        names: Files and folders to extract, with everything below them; none means all.

    Raises:
        InputError: If a name is not in the ramdisk or would leave the folder, or it cannot be written.
    """
    ramdisk = read(path)
    with naming(path):
        entries = _chosen(list(to_extract(ramdisk.archives)), names)
    size = sum(len(entry.data) for _, entry in entries)
    if size > MAX_UNPACKED:
        raise InputError(
            f"{size} bytes with every name of a file counted, the limit is {MAX_UNPACKED}",
            file=str(path),
            state="Nothing was written.",
            fix="Give the names of the files you need.",
        )
    with atomic_folder(folder) as made, naming(path):
        written = _write(made, entries)
    return Extracted(folder, len(written), tuple(entry.name for _, entry in entries if _is_special(entry)))


def _chosen(entries: _Entries, names: Sequence[str]) -> _Entries:
    """Return the entries with one of `names`, or below one; all if there are no names."""
    wanted = [relative_parts(name) for name in names]
    for name, parts in zip(names, wanted, strict=True):
        if not any(found[: len(parts)] == parts for found, _ in entries):
            raise InputError(
                f"{name[:80]!r} is not in the ramdisk", state="Nothing was written.", fix=SEE_NAMES
            )
    if not wanted:
        return entries
    return [
        (found, entry) for found, entry in entries if any(found[: len(parts)] == parts for parts in wanted)
    ]


def _is_special(entry: Entry) -> bool:
    return not (entry.is_folder or entry.is_file or entry.is_link)


def _write(root: Path, entries: _Entries) -> set[_Name]:
    """Write `entries` below `root` as Linux does (init/initramfs.c): the last entry of a name wins.

    Returns:
        The names that were written.
    """
    written: dict[_Name, Entry] = {}
    for name, entry in entries:
        if not name or _is_special(entry):
            continue
        _make_parents(root, name)
        path = root.joinpath(*name)
        if os.path.lexists(path):
            _remove_existing(path, entry, known=name in written)
        _write_entry(path, entry)
        written[name] = entry
    for name, entry in written.items():
        if not entry.is_link:
            root.joinpath(*name).chmod(permissions(entry))
    return set(written)


def _make_parents(root: Path, name: _Name) -> None:
    """Make the folders above an entry, following no link: one may have the name if case is ignored."""
    path = root
    for part in name[:-1]:
        path /= part
        if not os.path.lexists(path):
            path.mkdir()
        elif not _is_folder(path):
            raise _refused("/".join(name), "lies below a file or link, not a folder")


def _is_folder(path: Path) -> bool:
    return stat.S_ISDIR(path.lstat().st_mode)


def _remove_existing(path: Path, entry: Entry, *, known: bool) -> None:
    """Remove what has the name of `entry`; `known` if an entry of exactly that name was written."""
    if _is_folder(path):
        if entry.is_folder:
            return
        if any(path.iterdir()):
            raise _refused(entry.name, "is first a folder with files in it, then something else")
        path.rmdir()
    elif known:
        path.unlink()
    else:
        raise _refused(entry.name, "and another name are the same here: this file system ignores case")


def _write_entry(path: Path, entry: Entry) -> None:
    if entry.is_folder:
        path.mkdir(exist_ok=True)
    elif entry.is_file:
        with path.open("xb") as stream:
            stream.write(entry.data)
    else:
        target = bytes(entry.data)
        if not target or b"\0" in target:
            raise _refused(entry.name, f"is a link to {target[:80]!r}")
        path.symlink_to(os.fsdecode(target))


def _refused(name: str, problem: str) -> InputError:
    return InputError(
        f"{name[:80]!r} {problem}",
        state="Nothing was written.",
        fix="Give the names of the files you need.",
    )

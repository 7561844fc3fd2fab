"""A ramdisk becomes a folder."""

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hardboot.base.errors import InputError
from hardboot.base.files import make_folder
from hardboot.formats.archives.compression import MAX_UNPACKED
from hardboot.formats.archives.cpio import SEE_NAMES, Entry, relative_parts, to_extract
from hardboot.images.ramdisk.opening import about, permissions, read

_Name = tuple[str, ...]  # its parts
_Entries = list[tuple[_Name, Entry]]


@dataclass(frozen=True)
class Extracted:
    """What was written into a folder.

    Attributes:
        written: How many files, folders and links.
        left_out: Names of devices, pipes and sockets, which are not written.
    """

    folder: Path
    written: int
    left_out: tuple[str, ...]


def extract(path: Path, folder: Path, names: Sequence[str] = ()) -> Extracted:
    """Write the content of the ramdisk at `path` into `folder`, which must not exist or be empty.

    Permissions come along, owners do not; who extracts may read and write all of it. A file with several
    names becomes several files.

    Args:
        path: The ramdisk.
        folder: All is written, or nothing.
        names: Only these files and folders, with what is below them; none means all.

    Raises:
        InputError: If a name is not in the ramdisk or would leave the folder, or that cannot be written.
    """
    ramdisk = read(path)
    try:
        entries = _chosen(list(to_extract(ramdisk.archives)), names)
    except InputError as error:
        raise about(path, error) from error
    size = sum(len(entry.data) for _, entry in entries)
    if size > MAX_UNPACKED:
        raise InputError(
            f"{path}: {size} bytes with every name of a file counted, the limit is {MAX_UNPACKED}",
            state="Nothing was written.",
            fix="Give the names of the files you need.",
        )
    written: set[_Name] = set()

    def fill(made: str) -> None:
        try:
            written.update(_write(Path(made), entries))
        except InputError as error:
            raise about(path, error) from error

    make_folder(folder, fill)
    return Extracted(folder, len(written), tuple(entry.name for _, entry in entries if _is_special(entry)))


def _chosen(entries: _Entries, names: Sequence[str]) -> _Entries:
    """The entries that are called by one of `names`, or lie below one; all if there are no names."""
    wanted = [relative_parts(name) for name in names]
    for name, parts in zip(names, wanted, strict=True):
        if not any(found[: len(parts)] == parts for found, _ in entries):
            raise InputError(f"{name[:80]!r} is not in it", state="Nothing was written.", fix=SEE_NAMES)
    if not wanted:
        return entries
    return [
        (found, entry) for found, entry in entries if any(found[: len(parts)] == parts for parts in wanted)
    ]


def _is_special(entry: Entry) -> bool:
    return not (entry.is_folder or entry.is_file or entry.is_link)


def _write(root: Path, entries: _Entries) -> set[_Name]:
    """Write `entries` below `root` as Linux does (init/initramfs.c): of one name the last one stays.

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
            _make_way(path, entry, known=name in written)
        _write_entry(path, entry)
        written[name] = entry
    for name, entry in written.items():
        if not entry.is_link:
            root.joinpath(*name).chmod(permissions(entry))
    return set(written)


def _make_parents(root: Path, name: _Name) -> None:
    """The folders above an entry. Each is looked at: where case does not count, a link may stand there."""
    path = root
    for part in name[:-1]:
        path /= part
        if not os.path.lexists(path):
            path.mkdir()
        elif not _is_folder(path):
            raise _refused("/".join(name), "lies below what is no folder")


def _is_folder(path: Path) -> bool:
    return stat.S_ISDIR(path.lstat().st_mode)


def _make_way(path: Path, entry: Entry, *, known: bool) -> None:
    """Remove what stands where `entry` goes; `known` if it has that very name."""
    if _is_folder(path):
        if entry.is_folder:
            return
        if any(path.iterdir()):
            raise _refused(entry.name, "is first a folder with files in it, and then none")
        path.rmdir()
    elif known:
        path.unlink()
    else:
        raise _refused(entry.name, "and another name are one here: this file system ignores case")


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

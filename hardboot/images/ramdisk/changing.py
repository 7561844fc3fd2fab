"""A ramdisk becomes another one."""

import dataclasses
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hardboot.base.errors import InputError
from hardboot.base.files import read_bytes, unreadable, write_atomic
from hardboot.formats.archives import ramdisk
from hardboot.formats.archives.compression import MAX_UNPACKED
from hardboot.formats.archives.cpio import MAX_ENTRIES, SEE_NAMES, Entry, to_extract
from hardboot.formats.archives.ramdisk import Segment
from hardboot.images.ramdisk.opening import Ramdisk, about, permissions, read


@dataclass(frozen=True)
class Changed:
    """A ramdisk that was written.

    Attributes:
        size: Of the new ramdisk, in bytes; `old_size` of the one that was read.
        names: The entries that were replaced or appended.
    """

    path: Path
    size: int
    old_size: int
    names: tuple[str, ...]


def replace(path: Path, name: str, file: Path, output: Path) -> Changed:
    """Write the ramdisk at `path` to `output`, with the content of `file` in its file `name`.

    Owner and permissions stay. Only the segment the file lies in is packed anew.

    Raises:
        InputError: If there is no such file in the ramdisk, or something cannot be read or written.
    """
    old = read(path)
    data = read_bytes(file, limit=MAX_UNPACKED)
    try:
        segments = ramdisk.replaced(old.segments, name, data)
    except InputError as error:
        raise about(path, error) from error
    return _write(old, segments, output, (name,))


def append(path: Path, folder: Path, output: Path) -> Changed:
    """Write the ramdisk at `path` to `output`, with an archive of what `folder` has else behind it.

    Linux unpacks it over the others. Folders of the ramdisk stay as they are, and so do files that differ in
    nothing from what `extract` writes. A file that differs keeps its owner, and its mode if its permissions
    are the ones `extract` gave it. What is new belongs to root.

    Raises:
        InputError: If `folder` has nothing to add, something that is neither file, folder nor link, or a
            folder where the ramdisk has none, or the reverse; or something cannot be read or written.
    """
    old = read(path)
    there = _files(old)
    new: list[Entry] = []
    size = 0
    for entry in _entries_below(folder):
        size += len(entry.data)
        if size > MAX_UNPACKED or len(new) == MAX_ENTRIES:
            raise InputError(
                f"{folder}: more than {MAX_UNPACKED} bytes or {MAX_ENTRIES} files",
                state="Nothing was written.",
                fix="Check that this is the right folder.",
            )
        known = there.get(entry.name)
        if known and known.is_folder != entry.is_folder:
            this, that = (f"{'a' if one.is_folder else 'no'} folder" for one in (entry, known))
            raise InputError(
                f"{folder / entry.name}: this is {this}, in the ramdisk it is {that}",
                state="Nothing was written.",
                fix=SEE_NAMES,
            )
        added = _as_known(entry, known) if known else entry
        if not (known and (known.is_folder or _is_same(added, known))):
            new.append(dataclasses.replace(added, ino=len(new) + 1))
    if not new:
        raise InputError(
            f"{folder}: all in it is in the ramdisk",
            state="Nothing was written.",
            fix="Put files into it as they are to lie below the ramdisk's root.",
        )
    segments = ramdisk.appended(old.segments, new)
    return _write(old, segments, output, tuple(entry.name for entry in new))


def _as_known(entry: Entry, known: Entry) -> Entry:
    same = entry.is_file and known.is_file and stat.S_IMODE(entry.mode) == permissions(known)
    return dataclasses.replace(entry, uid=known.uid, gid=known.gid, mode=known.mode if same else entry.mode)


def _is_same(entry: Entry, known: Entry) -> bool:
    return entry.data == known.data and (entry.mode == known.mode or (entry.is_link and known.is_link))


def _files(old: Ramdisk) -> dict[str, Entry]:
    """The entry that stays of each name; also of folders that are there by what lies below them only."""
    try:
        entries = list(to_extract(old.archives))
    except InputError as error:
        raise about(old.path, error) from error
    above = {"/".join(parts[:depth]) for parts, _ in entries for depth in range(1, len(parts))}
    folders = {name: Entry(name, stat.S_IFDIR | 0o755) for name in above}
    return folders | {"/".join(parts): entry for parts, entry in entries}


def _entries_below(folder: Path) -> Iterator[Entry]:
    """All that is below `folder`, by name, each folder before what it holds; links are not followed."""
    left = _children(folder, "")
    while left:
        path, name = left.pop()
        try:
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                target = os.readlink(path)  # noqa: PTH115  # pathlib drops what it thinks does not matter
                yield Entry(name, mode, os.fsencode(target))
            elif stat.S_ISREG(mode):
                yield Entry(name, mode, read_bytes(path, limit=MAX_UNPACKED))
            elif stat.S_ISDIR(mode):
                yield Entry(name, mode, nlink=2)
                left += _children(path, f"{name}/")
            else:
                raise InputError(
                    f"{path}: neither a file nor a folder nor a link",
                    state="Nothing was written.",
                    fix="Take it out of the folder.",
                )
        except OSError as error:
            raise unreadable(path, error) from error


def _children(folder: Path, above: str) -> list[tuple[Path, str]]:
    """The last one first, with their names below the root."""
    try:
        return [(path, above + path.name) for path in sorted(folder.iterdir(), reverse=True)]
    except OSError as error:
        raise unreadable(folder, error) from error


def _write(old: Ramdisk, segments: tuple[Segment, ...], output: Path, names: tuple[str, ...]) -> Changed:
    chunks = [*ramdisk.build(segments), bytes(old.rest)]
    write_atomic(output, chunks, durable=False)  # it can be made again
    return Changed(output, sum(map(len, chunks)), old.size, names)

"""Replace and add files in a ramdisk."""

import dataclasses
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hardboot.base.errors import InputError
from hardboot.base.files import naming, read_bytes, unreadable, write_atomic
from hardboot.formats.archives import ramdisk, rootfs
from hardboot.formats.archives.compression import MAX_UNPACKED
from hardboot.formats.archives.cpio import MAX_ENTRIES, Entry
from hardboot.formats.archives.cpio_changes import SEE_NAMES
from hardboot.formats.archives.ramdisk import Fragment
from hardboot.formats.archives.rootfs import Node, Rootfs
from hardboot.images.ramdisk.opening import Ramdisk, permissions, read


@dataclass(frozen=True)
class Changed:
    """A ramdisk that was written.

    Attributes:
        size: Bytes of the new ramdisk.
        old_size: Bytes of the ramdisk that was read.
        names: Entries that were replaced or appended.
    """

    path: Path
    size: int
    old_size: int
    names: tuple[str, ...]


def replace(path: Path, name: str, file: Path, output: Path) -> Changed:
    """Replace the content of file `name` in the ramdisk at `path` with that of `file`; write it to `output`.

    Owner and permissions stay. Only the fragment that holds the file is packed again.

    Raises:
        InputError: If there is no such file in the ramdisk, or something cannot be read or written.
    """
    old = read(path)
    data = read_bytes(file, limit=MAX_UNPACKED)
    with naming(path):
        fragments = ramdisk.replaced(old.fragments, name, data)
    return _write(old, fragments, output, (name,))


def append(path: Path, folder: Path, output: Path) -> Changed:
    """Append an archive of what is new or changed in `folder` to the ramdisk at `path`; write it to `output`.

    Linux unpacks it over the others, into the folder that a link of the ramdisk leads to. Folders of the
    ramdisk are left out, and so are files that are as `extract` writes them. A changed file keeps its owner,
    and its mode if its permissions are those that `extract` gave it. New files belong to root.

    Raises:
        InputError: If `folder` has nothing to add, has something other than files, folders and links, or a
            folder where the ramdisk has a file, or the reverse; or something cannot be read or written.
    """
    old = read(path)
    with naming(path):
        tree = rootfs.unpack(old.archives)
    new: list[Entry] = []
    size = 0
    for entry in _entries_below(folder):
        size += len(entry.data)
        if size > MAX_UNPACKED or len(new) == MAX_ENTRIES:
            raise InputError(
                f"more than {MAX_UNPACKED} bytes or {MAX_ENTRIES} files",
                file=str(folder),
                state="Nothing was written.",
                fix="Check that this is the right folder.",
            )
        known = _known(tree, entry)
        if known and known.is_folder != entry.is_folder:
            this, that = ("a folder" if one.is_folder else "not a folder" for one in (entry, known))
            raise InputError(
                f"this is {this}; in the ramdisk it is {that}",
                file=str(folder / entry.name),
                state="Nothing was written.",
                fix=SEE_NAMES,
            )
        added = _as_known(entry, known) if known else entry
        if not (known and (known.is_folder or _is_same(added, known))):
            new.append(dataclasses.replace(added, ino=len(new) + 1))
    if not new:
        raise InputError(
            "the ramdisk has all of it already",
            file=str(folder),
            state="Nothing was written.",
            fix="Put the files to add into the folder, at their paths below the ramdisk's root.",
        )
    fragments = ramdisk.appended(old.fragments, new)
    return _write(old, fragments, output, tuple(entry.name for entry in new))


def _known(tree: Rootfs, entry: Entry) -> Node | None:
    """Return what the ramdisk has at the name of `entry`; for a folder also where a link there leads."""
    found = (tree.find(entry.name, follow=True) if entry.is_folder else None) or tree.find(entry.name)
    return found.node if found else None


def _as_known(entry: Entry, known: Node) -> Entry:
    there = known.entry
    if there is None:
        return entry
    same = entry.is_file and there.is_file and stat.S_IMODE(entry.mode) == permissions(there)
    return dataclasses.replace(entry, uid=there.uid, gid=there.gid, mode=there.mode if same else entry.mode)


def _is_same(entry: Entry, known: Node) -> bool:
    there = known.entry
    if there is None or entry.data != known.data:
        return False
    return entry.mode == there.mode or (entry.is_link and there.is_link)


def _entries_below(folder: Path) -> Iterator[Entry]:
    """Yield everything below `folder` by name, each folder before its content; links are not followed."""
    left = _children(folder, "")
    while left:
        path, name = left.pop()
        try:
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                target = os.readlink(path)  # noqa: PTH115  # pathlib normalises the target
                yield Entry(name, mode, os.fsencode(target))
            elif stat.S_ISREG(mode):
                yield Entry(name, mode, read_bytes(path, limit=MAX_UNPACKED))
            elif stat.S_ISDIR(mode):
                yield Entry(name, mode, nlink=2)
                left += _children(path, f"{name}/")
            else:
                raise InputError(
                    "not a file, folder or link",
                    file=str(path),
                    state="Nothing was written.",
                    fix="Remove it from the folder.",
                )
        except OSError as error:
            raise unreadable(path, error) from error


def _children(folder: Path, above: str) -> list[tuple[Path, str]]:
    """Return what is in `folder`, the last name first, with names that begin with `above`."""
    try:
        return [(path, above + path.name) for path in sorted(folder.iterdir(), reverse=True)]
    except OSError as error:
        raise unreadable(folder, error) from error


def _write(old: Ramdisk, fragments: tuple[Fragment, ...], output: Path, names: tuple[str, ...]) -> Changed:
    chunks = [*ramdisk.build(fragments), bytes(old.rest)]
    write_atomic(output, chunks, durable=False)  # it can be made again
    return Changed(output, sum(map(len, chunks)), old.size, names)

"""Changes to cpio archives: another content of a file, more entries."""

from collections.abc import Iterable
from dataclasses import replace

from hardboot.base.errors import InputError
from hardboot.base.sizes import align_up
from hardboot.formats.archives import cpio
from hardboot.formats.archives.cpio import Archive, Entry
from hardboot.formats.reading import Data

SEE_NAMES = "List the names in it: hardboot ramdisk list."


def replaced(archive: Archive, name: str, data: Data) -> Archive:
    """Return `archive` with new content in its file `name` and the hard links to it.

    Writers store the content of hard links with the last one, or with all: that does not change.

    Raises:
        InputError: If there is no such file.
    """
    old = archive.find(name)
    if old is None or not old.is_file:
        problem = f"{name[:80]!r} is not a file of the archive"
        raise InputError(problem, state="Nothing was changed.", fix=SEE_NAMES)
    links = [entry for entry in archive.entries if entry is old or _are_linked(entry, old)]
    holders = [entry for entry in links[:-1] if len(entry.data)] + links[-1:]
    check = sum(bytes(data)) & 0xFFFFFFFF if archive.kind == "crc" else old.check
    entries = (
        replace(entry, data=data, check=check) if any(entry is one for one in holders) else entry
        for entry in archive.entries
    )
    return replace(archive, entries=tuple(entries))


def _are_linked(one: Entry, other: Entry) -> bool:
    """Return True if both are names of one file for Linux (init/initramfs.c, find_link)."""
    return file_identity(one) == file_identity(other) and one.is_file and min(one.nlink, other.nlink) > 1


def file_identity(entry: Entry) -> tuple[int, ...]:
    """Return what the names of one file have in common."""
    return entry.mode & cpio.S_IFMT, entry.ino, entry.dev_major, entry.dev_minor


def appended(archives: tuple[Archive, ...], entries: Iterable[Entry]) -> tuple[Archive, ...]:
    """Return `archives` and one more with `entries`, which Linux unpacks over the others.

    It is aligned to 4 bytes; the bytes of the others do not change.
    """
    size = sum(map(len, cpio.build(archives)))
    *others, last = archives
    last = replace(last, tail=bytes(last.tail) + bytes(-size % 4))
    return (*others, last, Archive("newc", tuple(entries), offset=align_up(size, 4)))

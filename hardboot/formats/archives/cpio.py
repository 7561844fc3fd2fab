"""cpio archives of ramdisks, newc, crc and odc: read, and written back byte for byte.

Headers are text and are read with int(): 10,000 of them take 0.06 s that way, 0.35 s with construct.
Sources: Linux Documentation/driver-api/early-userspace/buffer-format.rst and init/initramfs.c (newc, crc),
POSIX pax, "cpio Interchange Format" (odc).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, TypeAlias

from hardboot.formats.reading import Data, leading_zeros, malformed, too_large, truncated, view

Kind: TypeAlias = Literal["newc", "crc", "odc"]

TRAILER = "TRAILER!!!"
MAX_ENTRIES = 65536  # of all archives in a row; a phone's ramdisk has a few hundred, Debian's initrd 2000
MAX_ARCHIVES = 1024  # in a row
MAX_NAME = 4096  # bytes with the NUL; Linux init/initramfs.c, PATH_MAX

S_IFMT, S_IFDIR, S_IFREG, S_IFLNK = 0o170000, 0o040000, 0o100000, 0o120000

WHAT = "cpio archive"


class _Layout(NamedTuple):
    """The header of one kind of archive: numbers as text, one behind the other."""

    kind: Kind
    base: int
    fields: tuple[tuple[str, int], ...]  # name, digits
    alignment: int  # of name and content, in bytes from the start of the archive

    @property
    def header_size(self) -> int:
        return 6 + sum(digits for _, digits in self.fields)


_NEW_FIELDS = tuple(
    (name, 8)
    for name in (
        *("ino", "mode", "uid", "gid", "nlink", "mtime", "size"),
        *("dev_major", "dev_minor", "rdev_major", "rdev_minor", "name_size", "check"),
    )
)
_ODC_FIELDS = (
    *(("dev_minor", 6), ("ino", 6), ("mode", 6), ("uid", 6), ("gid", 6), ("nlink", 6), ("rdev_minor", 6)),
    *(("mtime", 11), ("name_size", 6), ("size", 11)),
)
_LAYOUTS = {
    b"070701": _Layout("newc", 16, _NEW_FIELDS, 4),
    b"070702": _Layout("crc", 16, _NEW_FIELDS, 4),
    b"070707": _Layout("odc", 8, _ODC_FIELDS, 1),
}
_MAGICS = {layout.kind: magic for magic, layout in _LAYOUTS.items()}


@dataclass(frozen=True)
class Entry:
    """A file, folder, link or device of an archive.

    Attributes:
        name: As stored, which may not be safe: see rootfs. Bytes that are not UTF-8 are surrogates.
        mode: Type and permissions, as in `stat`.
        data: Content of a file, target of a symbolic link; a view into the archive.
        mtime: Seconds since 1970.
        dev_minor: Of odc archives, the whole device number; `rdev_minor` likewise.
        check: Sum of the content's bytes in a crc archive.
        stored: Header, name and padding as they were read; `build` keeps them if the entry is unchanged.
        padding: The bytes read between the content and the next header.
    """

    name: str
    mode: int
    data: Data = field(repr=False, default=b"")
    ino: int = 0
    uid: int = 0
    gid: int = 0
    nlink: int = 1
    mtime: int = 0
    dev_major: int = 0
    dev_minor: int = 0
    rdev_major: int = 0
    rdev_minor: int = 0
    check: int = 0
    stored: bytes = field(repr=False, compare=False, default=b"")
    padding: bytes = field(repr=False, compare=False, default=b"")

    @property
    def is_folder(self) -> bool:
        """True for a directory."""
        return self.mode & S_IFMT == S_IFDIR

    @property
    def is_file(self) -> bool:
        """True for a regular file."""
        return self.mode & S_IFMT == S_IFREG

    @property
    def is_link(self) -> bool:
        """True for a symbolic link; its target is `data`."""
        return self.mode & S_IFMT == S_IFLNK


@dataclass(frozen=True)
class Archive:
    """One archive, up to its trailer.

    Attributes:
        offset: Of its first byte in the data that was read.
        entries: Without the trailer.
        trailer: The entry that ends it; None if the data ended without one.
        tail: Zero padding up to the next archive, as a view.
    """

    kind: Kind
    entries: tuple[Entry, ...] = field(repr=False)
    trailer: Entry | None = field(repr=False, default=Entry(TRAILER, 0))
    tail: Data = field(repr=False, default=b"")
    offset: int = 0

    def find(self, name: str) -> Entry | None:
        """Return the last entry called `name`, which wins in Linux; "./" and "/" in front are ignored."""
        wanted = _plain(name)
        return next((entry for entry in reversed(self.entries) if _plain(entry.name) == wanted), None)


def _plain(name: str) -> str:
    return "/".join(part for part in name.split("/") if part not in ("", "."))


def parse(data: Data) -> tuple[tuple[Archive, ...], memoryview]:
    """Return the archives that `data` begins with, with zeros between them, and the rest.

    The rest begins behind the last archive's zeros: it is empty, or for example a compressed archive.

    Raises:
        InputError: If `data` does not begin with an archive, or one is damaged or truncated.
    """
    content = view(data)
    if bytes(content[:6]) not in _LAYOUTS:
        raise malformed(WHAT, "magic", 0, f"{bytes(content[:6])!r} is not the magic of a cpio archive")
    archives: list[Archive] = []
    at = 0
    left = MAX_ENTRIES
    while bytes(content[at : at + 6]) in _LAYOUTS:
        if len(archives) == MAX_ARCHIVES:
            raise too_large(WHAT, "archives", at, f"more than {MAX_ARCHIVES} in a row")
        archive, end = _archive(content, at, left)
        left -= len(archive.entries)
        at = end + leading_zeros(content[end:])
        archives.append(replace(archive, tail=content[end:at]))
    return tuple(archives), content[at:]


def _archive(data: memoryview, start: int, limit: int) -> tuple[Archive, int]:
    layout = _LAYOUTS[bytes(data[start : start + 6])]
    entries: list[Entry] = []
    at = start
    while at < len(data):
        entry, at = _entry(data, at, start, layout)
        if entry.name == TRAILER:
            return Archive(layout.kind, tuple(entries), entry, offset=start), at
        if len(entries) == limit:
            raise too_large(WHAT, "entries", at, f"more than {MAX_ENTRIES} in all archives")
        entries.append(entry)
    return Archive(layout.kind, tuple(entries), None, offset=start), at


def _entry(data: memoryview, at: int, start: int, layout: _Layout) -> tuple[Entry, int]:
    """Return the entry at `at`, and the offset of the next one."""
    magic = _MAGICS[layout.kind]
    head = bytes(data[at : at + layout.header_size])
    if head[:6] != magic:
        raise malformed(WHAT, "magic", at, f"{head[:6]!r}, not {magic!r}: the entry before it is damaged")
    if len(head) < layout.header_size:
        raise truncated(WHAT, "header", at, len(head), layout.header_size)
    numbers = _numbers(head, at, layout)
    name_size, size = numbers.pop("name_size"), numbers.pop("size")
    name_at = at + layout.header_size
    if not 0 < name_size <= MAX_NAME or name_at + name_size > len(data):
        raise malformed(WHAT, "name size", at, f"{name_size} bytes, from 1 to {MAX_NAME} are allowed")
    name, _, behind = bytes(data[name_at : name_at + name_size]).partition(b"\0")
    if behind.strip(b"\0") or name_size == len(name):
        raise malformed(WHAT, "name", name_at, f"{name[:40]!r} does not end where its size says")
    content_at = _aligned(name_at + name_size, start, layout)
    if not size:
        content_at = min(content_at, len(data))  # some writers leave the last padding out
    end = content_at + size
    if end > len(data):
        problem = f"{size} bytes of {name[:40]!r} from {content_at:#x}, the data ends at {len(data):#x}"
        raise malformed(WHAT, "size", at, problem)
    following = min(_aligned(end, start, layout), len(data))
    entry = Entry(
        name=name.decode("utf-8", "surrogateescape"),
        data=data[content_at:end],
        stored=bytes(data[at:content_at]),
        padding=bytes(data[end:following]),
        **numbers,
    )
    return entry, following


def _aligned(at: int, start: int, layout: _Layout) -> int:
    return at + -(at - start) % layout.alignment


def _numbers(head: bytes, at: int, layout: _Layout) -> dict[str, int]:
    numbers = {}
    position = 6
    for name, digits in layout.fields:
        text = head[position : position + digits]
        if not text.isalnum():  # int() would take signs, spaces and underscores
            raise malformed(WHAT, name, at + position, f"{text!r} is not a number")
        try:
            numbers[name] = int(text, layout.base)
        except ValueError as error:
            raise malformed(WHAT, name, at + position, f"{text!r} is not a number") from error
        position += digits
    return numbers


def build(archives: Iterable[Archive]) -> Iterator[bytes]:
    """Yield archives, one behind the other; entries that are unchanged since `parse` keep their bytes.

    Raises:
        InputError: If a name or number does not fit into the format.
    """
    for archive in archives:
        layout = _LAYOUTS[_MAGICS[archive.kind]]
        position = 0
        entries = (*archive.entries, *([archive.trailer] if archive.trailer else []))
        for index, entry in enumerate(entries):
            ends = index == len(entries) - 1 and not len(archive.tail)
            head = _head(entry, layout, position, ends=ends)
            position += len(head) + len(entry.data)
            size = -position % layout.alignment
            kept = entry.stored and (len(entry.padding) == size or (ends and len(entry.padding) < size))
            padding = entry.padding if kept else bytes(size)
            position += len(padding)
            yield head
            yield bytes(entry.data)
            yield padding
        yield bytes(archive.tail)


def _head(entry: Entry, layout: _Layout, position: int, *, ends: bool) -> bytes:
    """Return header, name and padding of an entry.

    Args:
        entry: The entry.
        layout: Of its archive.
        position: Offset of the entry in its archive.
        ends: True if nothing follows the entry.
    """
    name = entry.name.encode("utf-8", "surrogateescape") + b"\0"
    if b"\0" in name[:-1] or len(name) > MAX_NAME:
        raise malformed(WHAT, "name", 0, f"{entry.name[:40]!r} does not fit", fix="Choose another name.")
    numbers = {field_name: getattr(entry, field_name, 0) for field_name, _ in layout.fields}
    numbers |= {"size": len(entry.data), "name_size": len(name)}
    aligned = (position + len(entry.stored)) % layout.alignment == 0
    if (aligned or (ends and not len(entry.data))) and _is_kept(entry, layout, numbers, name):
        return entry.stored
    text = _MAGICS[layout.kind].decode()
    for field_name, digits in layout.fields:
        value = numbers[field_name]
        if not 0 <= value < layout.base**digits:
            problem = f"{value} of {entry.name[:40]!r} does not fit into {digits} digits"
            raise malformed(WHAT, field_name, 0, problem, fix="Use newc, and make the file smaller.")
        text += f"{value:0{digits}{'X' if layout.base == 16 else 'o'}}"
    head = text.encode() + name
    return head + bytes(-(position + len(head)) % layout.alignment)


def _is_kept(entry: Entry, layout: _Layout, numbers: dict[str, int], name: bytes) -> bool:
    """Return True if the stored head has the numbers and the name of the entry.

    Writers differ: upper and lower case, several NULs behind the name.
    """
    stored = entry.stored
    if stored[:6] != _MAGICS[layout.kind]:
        return False
    known = _numbers(stored, 0, layout)
    held = stored[layout.header_size : layout.header_size + known["name_size"]]
    return held.rstrip(b"\0") == name[:-1] and known == numbers | {"name_size": known["name_size"]}

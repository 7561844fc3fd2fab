"""Ramdisks: cpio archives, compressed or not, one behind the other as Linux unpacks them.

Source: Linux init/initramfs.c, unpack_to_rootfs, and driver-api/early-userspace/buffer-format.rst.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from hardboot.base.errors import InputError
from hardboot.base.sizes import align_up
from hardboot.formats.archives import compression, cpio
from hardboot.formats.archives.compression import Compression
from hardboot.formats.archives.cpio import Archive, Entry
from hardboot.formats.reading import Data, malformed, view
from hardboot.formats.sniff import described

MAX_SEGMENTS = 64  # vendor ramdisks are concatenated: a handful

_WHAT = "ramdisk"


@dataclass(frozen=True)
class Segment:
    """Archives in one compressed stream, or uncompressed ones in a row.

    Attributes:
        compression: None if the archives are not compressed.
        packed: The segment as it was read, without padding; empty if it is to be packed anew.
        padding: Zeros behind it.
    """

    compression: Compression | None
    archives: tuple[Archive, ...]
    packed: Data = field(repr=False, compare=False, default=b"")
    padding: Data = field(repr=False, default=b"")


def parse(data: Data, *, limit: int = compression.MAX_UNPACKED) -> tuple[tuple[Segment, ...], memoryview]:
    """The segments of a ramdisk, and what follows them, such as a boot configuration.

    Args:
        data: The ramdisk.
        limit: Bytes all segments together may have unpacked.

    Raises:
        InputError: If it begins with no archive and no stream hardboot unpacks, or a segment is damaged.
    """
    rest = view(data)
    segments: list[Segment] = []
    count = 0
    while len(rest):
        found = _segment(rest, limit, offset=len(data) - len(rest), first=not segments)
        if found is None:
            break
        if len(segments) == MAX_SEGMENTS:
            raise malformed(_WHAT, "segments", len(data) - len(rest), f"more than {MAX_SEGMENTS}")
        segment, rest = found
        limit -= sum(len(entry.data) for entry in entries([segment]))
        count += sum(len(archive.entries) for archive in segment.archives)
        if count > cpio.MAX_ENTRIES:
            raise malformed(_WHAT, "entries", len(data) - len(rest), f"more than {cpio.MAX_ENTRIES}")
        segments.append(segment)
    if not segments:
        raise malformed(
            _WHAT,
            "magic",
            0,
            f"this is {described(rest)}",
            fix="Give a ramdisk (cpio): hardboot unpack takes it out of an image.",
        )
    return tuple(segments), rest


def _segment(data: memoryview, limit: int, *, offset: int, first: bool) -> tuple[Segment, memoryview] | None:
    """The segment `data` begins with, and what follows; None if it begins with none."""
    if bytes(data[:5]) == b"07070":
        archives, rest = cpio.parse(data)
        packed = data[: len(data) - len(rest)]
        return Segment(None, archives, packed), rest
    kind = compression.detect(data)
    if kind is None:
        return None
    if kind == "lzop":
        raise compression.unreadable(data)
    content, end = compression.unpack(kind, data, limit=max(limit, 0))
    if not first and content[:5] != b"07070":
        return None  # what follows the ramdisk happens to look compressed
    archives, inside = cpio.parse(content)
    if len(inside):
        problem = f"{len(inside)} bytes inside of it follow the archive"
        raise malformed(_WHAT, f"{kind} segment", offset, problem)
    behind = data[end:]
    zeros = _leading_zeros(behind)
    return Segment(kind, archives, data[:end], behind[:zeros]), behind[zeros:]


def _leading_zeros(data: memoryview) -> int:
    for start in range(0, len(data), 4096):
        piece = bytes(data[start : start + 4096])
        left = piece.lstrip(b"\0")
        if left:
            return start + len(piece) - len(left)
    return len(data)


def entries(segments: Iterable[Segment]) -> Iterator[Entry]:
    """All entries, in the order Linux unpacks them: of two with one name the last one stays."""
    for segment in segments:
        for archive in segment.archives:
            yield from archive.entries


def build(segments: Iterable[Segment]) -> Iterator[bytes]:
    """The ramdisk; segments that did not change are written as they were read.

    Raises:
        InputError: If a name or number does not fit into an archive.
    """
    for segment in segments:
        if len(segment.packed):
            yield bytes(segment.packed)
        elif segment.compression:
            yield from compression.compress(segment.compression, cpio.build(segment.archives))
        else:
            yield from cpio.build(segment.archives)
        yield bytes(segment.padding)


def replaced(segments: tuple[Segment, ...], name: str, data: Data) -> tuple[Segment, ...]:
    """`segments` with other content in the file `name`; only the segment it lies in is packed anew.

    Raises:
        InputError: If there is no such file.
    """
    for index in reversed(range(len(segments))):
        archives = segments[index].archives
        for number in reversed(range(len(archives))):
            if archives[number].find(name):
                changed = cpio.replaced(archives[number], name, data)
                now = (*archives[:number], changed, *archives[number + 1 :])
                segment = replace(segments[index], archives=now, packed=b"")
                return (*segments[:index], segment, *segments[index + 1 :])
    raise InputError(f"{name[:80]!r} is not in it", state="Nothing was changed.", fix=cpio.SEE_NAMES)


def appended(segments: tuple[Segment, ...], new: Iterable[Entry]) -> tuple[Segment, ...]:
    """`segments` and an archive with `new` entries behind them, compressed as the last one is.

    The bytes of the others do not change, but for LG's lz4, of which there can be one stream only.
    """
    *others, last = segments
    if last.compression in (None, "lz4-lg"):
        return (*others, replace(last, archives=cpio.appended(last.archives, new), packed=b""))
    if last.compression != "lz4-legacy":  # whose streams Linux reads in a row, without padding
        size = sum(map(len, build(segments)))
        last = replace(last, padding=bytes(last.padding) + bytes(align_up(size, 4) - size))
    return (*others, last, Segment(last.compression, (Archive("newc", tuple(new)),)))

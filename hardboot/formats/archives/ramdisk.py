"""Ramdisks: fragments of cpio archives, compressed or not, in the order Linux unpacks them.

Source: Linux init/initramfs.c, unpack_to_rootfs, and driver-api/early-userspace/buffer-format.rst.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from hardboot.base.errors import InputError
from hardboot.base.sizes import align_up
from hardboot.formats.archives import compression, cpio, cpio_changes, rootfs
from hardboot.formats.archives.compression import Compression
from hardboot.formats.archives.cpio import Archive, Entry
from hardboot.formats.reading import Data, leading_zeros, malformed, too_large, view
from hardboot.formats.sniff import described

MAX_FRAGMENTS = 64  # vendor ramdisks are concatenated: a handful

_WHAT = "ramdisk"


@dataclass(frozen=True)
class Fragment:
    """A part of a ramdisk: archives in one compressed stream, or uncompressed ones in a row.

    Attributes:
        compression: None if the archives are not compressed.
        packed: The fragment as it was read, without padding; empty if it has to be compressed again.
        padding: Zeros behind it.
    """

    compression: Compression | None
    archives: tuple[Archive, ...]
    packed: Data = field(repr=False, compare=False, default=b"")
    padding: Data = field(repr=False, default=b"")


def parse(data: Data, *, limit: int = compression.MAX_UNPACKED) -> tuple[tuple[Fragment, ...], memoryview]:
    """Return the fragments of a ramdisk, and the rest, such as a bootconfig.

    Args:
        data: The ramdisk.
        limit: Most bytes that all fragments together decompress to.

    Raises:
        InputError: If it begins with neither an archive nor a known stream, or a fragment is damaged.
    """
    rest = view(data)
    fragments: list[Fragment] = []
    count = 0
    while len(rest):
        parsed = _fragment(rest, limit, offset=len(data) - len(rest), first=not fragments)
        if parsed is None:
            break
        if len(fragments) == MAX_FRAGMENTS:
            raise too_large(_WHAT, "fragments", len(data) - len(rest), f"more than {MAX_FRAGMENTS}")
        fragment, rest = parsed
        limit -= sum(len(entry.data) for entry in entries([fragment]))
        count += sum(len(archive.entries) for archive in fragment.archives)
        if count > cpio.MAX_ENTRIES:
            raise too_large(_WHAT, "entries", len(data) - len(rest), f"more than {cpio.MAX_ENTRIES}")
        fragments.append(fragment)
    if not fragments:
        raise malformed(
            _WHAT,
            "magic",
            0,
            f"this is {described(rest)}",
            fix="Give a ramdisk (cpio); hardboot unpack extracts it from an image.",
        )
    return tuple(fragments), rest


def _fragment(
    data: memoryview, limit: int, *, offset: int, first: bool
) -> tuple[Fragment, memoryview] | None:
    """Return the fragment that `data` begins with, and the rest; None if it does not begin with one."""
    if bytes(data[:5]) == b"07070":
        archives, rest = cpio.parse(data)
        packed = data[: len(data) - len(rest)]
        return Fragment(None, archives, packed), rest
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
        problem = f"{len(inside)} bytes follow the archive inside of it"
        raise malformed(_WHAT, f"{kind} fragment", offset, problem)
    behind = data[end:]
    zeros = leading_zeros(behind)
    return Fragment(kind, archives, data[:end], behind[:zeros]), behind[zeros:]


def entries(fragments: Iterable[Fragment]) -> Iterator[Entry]:
    """Yield all entries in the order Linux unpacks them: if a name occurs twice, the last one wins."""
    for fragment in fragments:
        for archive in fragment.archives:
            yield from archive.entries


def build(fragments: Iterable[Fragment]) -> Iterator[bytes]:
    """Yield the ramdisk; fragments that are unchanged keep their bytes.

    Raises:
        InputError: If a name or number does not fit into an archive.
    """
    for fragment in fragments:
        if len(fragment.packed):
            yield bytes(fragment.packed)
        elif fragment.compression:
            yield from compression.compress(fragment.compression, cpio.build(fragment.archives))
        else:
            yield from cpio.build(fragment.archives)
        yield bytes(fragment.padding)


def replaced(fragments: tuple[Fragment, ...], name: str, data: Data) -> tuple[Fragment, ...]:
    """Return `fragments` with new content in the file that Linux knows as `name`.

    Only the fragment with it is compressed again.

    Raises:
        InputError: If there is no such file.
    """
    found = rootfs.unpack(archive for fragment in fragments for archive in fragment.archives).find(name)
    for index, fragment in enumerate(fragments):
        for number, archive in enumerate(fragment.archives):
            entry = next((one for one in archive.entries if found and one is found.node.entry), None)
            if entry is not None:
                changed = cpio_changes.replaced(archive, entry.name, data)
                archives = (*fragment.archives[:number], changed, *fragment.archives[number + 1 :])
                now = replace(fragment, archives=archives, packed=b"")
                return (*fragments[:index], now, *fragments[index + 1 :])
    raise InputError(
        f"{name[:80]!r} is not in the ramdisk", state="Nothing was changed.", fix=cpio_changes.SEE_NAMES
    )


def appended(fragments: tuple[Fragment, ...], new: Iterable[Entry]) -> tuple[Fragment, ...]:
    """Return `fragments` and an archive with `new` entries behind them, compressed as the last one.

    The bytes of the others do not change, except for LG's lz4, which allows only one stream.
    """
    *others, last = fragments
    if last.compression in (None, "lz4-lg"):
        return (*others, replace(last, archives=cpio_changes.appended(last.archives, new), packed=b""))
    if last.compression != "lz4-legacy":  # whose streams Linux reads in a row, without padding
        size = sum(map(len, build(fragments)))
        last = replace(last, padding=bytes(last.padding) + bytes(align_up(size, 4) - size))
    return (*others, last, Fragment(last.compression, (Archive("newc", tuple(new)),)))

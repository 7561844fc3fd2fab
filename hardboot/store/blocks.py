"""Whether the blocks of an image may be handed to a ROM as a block device of its own.

A ROM writes to these blocks of the raw partition without asking the file system that they belong to. So all
that FIEMAP tells is checked (Documentation/filesystems/fiemap.rst): blocks of somebody else, or that will
move, would cost the phone's own data.
"""

import hashlib
import itertools
from collections.abc import Iterable, Mapping

from hardboot.base.errors import RefusedError
from hardboot.base.sizes import human_size
from hardboot.payload.extents import RUNS_MAX, SECTOR, Extent, build_table

BLOCK = 4096  # bytes; images are whole blocks of ext4 and f2fs

# What a flag means for a write to the raw device; FIEMAP_EXTENT_* of include/uapi/linux/fiemap.h. LAST (0x1)
# and MERGED (0x1000) say nothing about it.
_UNFIT = {
    0x0002: "whose place is unknown",
    0x0004: "that are not on the disk yet",
    0x0008: "that are compressed or encoded otherwise",
    0x0080: "that the file system encrypts",
    0x0100: "that do not begin at a block",
    0x0200: "that lie within the file system's own structures",
    0x0400: "that share a block with another file",
    0x0800: "that are allocated but not written: they hold old data of other files",
    0x2000: "that are shared with another file",
}
_HARMLESS = 0x1001


def check(name: str, extents: Iterable[Extent], *, size: int, partition_size: int) -> tuple[Extent, ...]:
    """Return the runs of an image on the raw partition, adjoining ones joined.

    Args:
        name: Of the image, for the error.
        extents: As the phone tells them now.
        size: Bytes of the image.
        partition_size: Bytes of the block device.

    Raises:
        RefusedError: If they are not the image's own for good, in full.
    """
    joined: list[Extent] = []
    end = 0
    for one in extents:
        unfit = [words for flag, words in _UNFIT.items() if one.flags & flag]
        if unfit or one.flags & ~(sum(_UNFIT) | _HARMLESS):
            raise _refused(name, f"it has blocks {unfit[0] if unfit else f'with the flags {one.flags:#x}'}")
        if one.logical != end:
            raise _refused(name, f"{human_size(abs(one.logical - end))} at {end:#x} have no blocks")
        if one.length == 0 or any(value % SECTOR for value in (one.logical, one.physical, one.length)):
            raise _refused(name, f"the blocks at {one.logical:#x} are no whole sectors")
        if one.physical + one.length > partition_size:
            raise _refused(name, f"the blocks at {one.logical:#x} lie behind the end of the partition")
        end = one.logical + one.length
        length = min(one.length, size - one.logical)  # a file system may reserve blocks behind the end
        if length <= 0:
            continue
        before = joined[-1] if joined else None
        if before and before.physical + before.length == one.physical:
            joined[-1] = Extent(before.logical, before.physical, before.length + length)
        else:
            joined.append(Extent(one.logical, one.physical, length))
    if end < size:
        raise _refused(name, f"{human_size(size - end)} at its end have no blocks")
    if len(joined) > RUNS_MAX:
        raise _refused(name, f"it lies in {len(joined)} pieces, more than {RUNS_MAX}")
    return tuple(joined)


def check_disjoint(images: Mapping[str, Iterable[Extent]]) -> None:
    """Refuse images that share a block.

    Args:
        images: The runs of each, by its name.

    Raises:
        RefusedError: If two of them do, or one does with itself.
    """
    runs = sorted((one.physical, one.physical + one.length, name) for name in images for one in images[name])
    for (_, end, name), (start, _, other) in itertools.pairwise(runs):
        if start < end:
            raise _refused(other, f"it shares blocks with {name}, at {start:#x} of the partition")


def digest(runs: Iterable[Extent]) -> str:
    """Return the SHA-256 of a table, in hex: two of one digest map the same blocks in the same order."""
    return hashlib.sha256(build_table(runs)).hexdigest()


def _refused(name: str, reason: str) -> RefusedError:
    return RefusedError(
        f"the image {name} cannot be given to a ROM: {reason}",
        state="Nothing was started or written.",
        fix="Back the ROM up (hardboot rom backup), remove it, and restore it: its images are written anew.",
    )

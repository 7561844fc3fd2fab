"""A file becomes a ramdisk, or a refusal that names the file."""

import stat
from dataclasses import dataclass
from pathlib import Path

from hardboot.base.errors import InputError
from hardboot.base.files import read_bytes
from hardboot.formats.archives import ramdisk
from hardboot.formats.archives.compression import MAX_UNPACKED
from hardboot.formats.archives.cpio import Archive, Entry
from hardboot.formats.archives.ramdisk import Segment


@dataclass(frozen=True)
class Ramdisk:
    """A ramdisk that was read.

    Attributes:
        rest: What follows the last segment, such as a boot configuration.
        size: Of the file, in bytes.
    """

    path: Path
    segments: tuple[Segment, ...]
    rest: memoryview
    size: int

    @property
    def archives(self) -> tuple[Archive, ...]:
        """Of all segments, in the order Linux unpacks them."""
        return tuple(archive for segment in self.segments for archive in segment.archives)


def read(path: Path) -> Ramdisk:
    """The ramdisk in the file `path`.

    Raises:
        InputError: If it is none, is damaged, or has more than MAX_UNPACKED bytes, packed or unpacked.
    """
    data = read_bytes(path, limit=MAX_UNPACKED)
    try:
        segments, rest = ramdisk.parse(data)
    except InputError as error:
        raise about(path, error) from error
    return Ramdisk(path, segments, rest, len(data))


def about(path: Path, error: InputError) -> InputError:
    """`error`, which came up in the file `path`."""
    return InputError(f"{path}: {error.what}", state=error.state, fix=error.fix)


def permissions(entry: Entry) -> int:
    """The permission bits `entry` has in a folder: those in the archive, and who extracted it may change it.

    Set-user-ID and its like stay in the archive: a file here belongs to somebody else.
    """
    return entry.mode & 0o777 | (stat.S_IRWXU if entry.is_folder else stat.S_IRUSR | stat.S_IWUSR)

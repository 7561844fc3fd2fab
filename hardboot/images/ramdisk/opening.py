"""Read a ramdisk from a file."""

import stat
from dataclasses import dataclass
from pathlib import Path

from hardboot.base.files import naming, read_bytes
from hardboot.formats.archives import ramdisk
from hardboot.formats.archives.compression import MAX_UNPACKED
from hardboot.formats.archives.cpio import Archive, Entry
from hardboot.formats.archives.ramdisk import Fragment


@dataclass(frozen=True)
class Ramdisk:
    """A ramdisk that was read.

    Attributes:
        rest: The bytes behind the last fragment, such as a bootconfig.
        size: Bytes of the file.
    """

    path: Path
    fragments: tuple[Fragment, ...]
    rest: memoryview
    size: int

    @property
    def archives(self) -> tuple[Archive, ...]:
        """The archives of all fragments, in the order Linux unpacks them."""
        return tuple(archive for fragment in self.fragments for archive in fragment.archives)


def read(path: Path) -> Ramdisk:
    """Read the ramdisk in the file `path`.

    Raises:
        InputError: If it is no ramdisk, is damaged, or has more than MAX_UNPACKED bytes, packed or unpacked.
    """
    data = read_bytes(path, limit=MAX_UNPACKED)
    with naming(path):
        fragments, rest = ramdisk.parse(data)
    return Ramdisk(path, fragments, rest, len(data))


def permissions(entry: Entry) -> int:
    """Return the permission bits that `entry` gets in a folder: its own, and read and write for the owner.

    Set-user-ID and the like stay in the archive: a file in the folder has another owner.
    """
    return entry.mode & 0o777 | (stat.S_IRWXU if entry.is_folder else stat.S_IRUSR | stat.S_IWUSR)

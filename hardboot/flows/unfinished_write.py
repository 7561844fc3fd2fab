"""A note on this computer of each write to a partition, from before its first byte until it is verified.

What finds a note finds a write that was cut off: the next command can say so, and check what is there.
"""

import shlex
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from hardboot.base.files import make_folder, read_bytes, write_atomic
from hardboot.device.phone import safe_serial
from hardboot.flows.backup import Time, folder

_LIMIT = 64 << 10  # bytes; a note has less than one KiB


@dataclass(frozen=True)
class UnfinishedWrite:
    """A write that was begun.

    Attributes:
        serial: ro.serialno of the phone.
        partition: Name of the partition.
        image: The file that was written, as the user named it.
        size: Bytes of the image.
        sha256: Of the image, in hex.
        backup: The file to restore if the write left a mix: the backup of what the partition held, or the
            backup that was being restored.
        old_sha256: Of what the whole partition held, in hex; None if that was not a complete boot image.
        begun: Seconds since 1970 (UTC).
    """

    serial: str
    partition: str
    image: str
    size: int
    sha256: str
    backup: str
    old_sha256: str | None
    begun: Time

    @property
    def began(self) -> str:
        """The time of the write on this computer's clock."""
        return datetime.fromtimestamp(self.begun).strftime("%Y-%m-%d %H:%M")

    @property
    def restore_command(self) -> str:
        """The command that writes a complete image over a mix."""
        return f"hardboot restore {shlex.quote(self.backup)}"


def _path(serial: str, partition: str) -> Path:
    return folder(serial) / f"unfinished-{safe_serial(partition)}.note"


def begin(write: UnfinishedWrite) -> None:
    """Keep the note, safe from a power failure, before the first byte is written."""
    path = _path(write.serial, write.partition)
    make_folder(path.parent)
    write_atomic(path, [msgspec.json.encode(asdict(write))])


def end(serial: str, partition: str) -> None:
    """Drop the note: what the partition holds is known again."""
    _path(serial, partition).unlink(missing_ok=True)


def find(serial: str, partition: str) -> UnfinishedWrite | None:
    """Return the note of a write to a partition that was not finished; None if there is none."""
    path = _path(serial, partition)
    if not path.exists():
        return None
    try:
        return msgspec.json.decode(read_bytes(path, limit=_LIMIT), type=UnfinishedWrite)
    except msgspec.DecodeError:
        return None

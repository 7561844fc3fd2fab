"""Backups of partitions on this computer, each bound to phone, partition and content."""

import json
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from hardboot.base import documents
from hardboot.base.documents import Time
from hardboot.base.errors import InputError
from hardboot.base.files import read_bytes, sha256_file, state_dir, write_atomic
from hardboot.device.phone import safe_serial
from hardboot.flows.partition_content import Content

_LIMIT = 64 << 10  # bytes of a description, which has less than one KiB


@dataclass(frozen=True)
class Backup:
    """A saved partition.

    Attributes:
        serial: ro.serialno of the phone.
        device: Name of the profile.
        partition: Name of the partition.
        size: Bytes.
        sha256: Of the whole content, in hex.
        taken: Time of the backup, seconds since 1970 (UTC); that of the last one with this content.
        release: Of the kernel in it; None if it is not known.
        host: Whether that kernel has hardboot support; None if it is not known.
        problem: Why it is not a complete boot image, saved by request; None if it is one.
    """

    serial: str
    device: str
    partition: str
    size: int
    sha256: str
    taken: Time
    release: str | None = None
    host: bool | None = None
    problem: str | None = None

    @property
    def path(self) -> Path:
        """The image file; its description is the file beside it that ends in .json."""
        return folder(self.serial) / f"{self.partition}-{self.sha256[:16]}.img"


def folder(serial: str) -> Path:
    """Return the folder with the backups of a phone."""
    return state_dir() / "backups" / safe_serial(serial)


def save(serial: str, device: str, partition: str, image: Path, content: Content) -> Backup:
    """Rename `image`, a file in the phone's backup folder, to its final name; return its description."""
    backup = Backup(
        serial=serial,
        device=device,
        partition=partition,
        size=image.stat().st_size,
        sha256=sha256_file(image),
        taken=time.time(),
        release=content.release,
        host=content.host,
        problem=content.problem,
    )
    image.replace(backup.path)
    _describe_on_disk(backup)
    return backup


def renew(backup: Backup) -> Backup:
    """Note that the partition holds the content of `backup` again, now; return its new description."""
    renewed = replace(backup, taken=time.time())
    _describe_on_disk(renewed)
    return renewed


def _describe_on_disk(backup: Backup) -> None:
    text = json.dumps(asdict(backup), indent=2) + "\n"
    write_atomic(backup.path.with_suffix(".json"), [text.encode()])


def find(serial: str, partition: str) -> list[Backup]:
    """Return the backups of one partition of one phone, newest first, without damaged descriptions."""
    return [one for one in find_all() if (one.serial, one.partition) == (serial, partition)]


def find_all() -> list[Backup]:
    """Return the backups of all phones, newest first, without damaged descriptions."""
    backups = []
    for path in (state_dir() / "backups").glob("*/*.json"):
        backup = _parse(read_bytes(path, limit=_LIMIT))
        if backup and backup.path.with_suffix(".json") == path and backup.path.is_file():
            backups.append(backup)
    return sorted(backups, key=lambda backup: backup.taken, reverse=True)


def read(path: Path) -> Backup:
    """Return the backup whose image file is `path`.

    Raises:
        InputError: If there is no description beside it, or it describes another file.
    """
    description = path.with_suffix(".json")
    if not description.exists():
        raise _no_backup(path, f"{description.name} is missing")
    backup = _parse(read_bytes(description, limit=_LIMIT))
    if backup is None or backup.path.resolve() != path.resolve():
        raise _no_backup(path, f"{description.name} does not describe it")
    return backup


def _no_backup(path: Path, reason: str) -> InputError:
    return InputError(
        f"{path} is not a hardboot backup ({reason})",
        state="Nothing was written.",
        fix="Use a backup that hardboot made: flash-host-kernel prints its path.",
    )


def _parse(text: bytes) -> Backup | None:
    try:
        return documents.decode(text, Backup)
    except documents.DecodeError:
        return None


def describe(backup: Backup) -> dict[str, Any]:
    """Return the backup as JSON has it."""
    return {**asdict(backup), "path": str(backup.path)}

"""Backups of partitions on this computer, each bound to the phone, partition and content it came from."""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from hardboot.base.errors import InputError
from hardboot.base.files import sha256_file, state_dir, unreadable, write_atomic
from hardboot.device.phone import safe_serial


@dataclass(frozen=True)
class Backup:
    """One saved partition.

    Attributes:
        serial: ro.serialno of the phone it came from.
        device: Name of the profile.
        partition: Name of the partition.
        size: Bytes.
        sha256: Of the whole content, in hex.
        taken: When, in seconds since 1970 (UTC).
    """

    serial: str
    device: str
    partition: str
    size: int
    sha256: str
    taken: float

    @property
    def path(self) -> Path:
        """The image file; its description lies beside it, ending in .json."""
        return folder(self.serial) / f"{self.partition}-{self.sha256[:16]}.img"


def folder(serial: str) -> Path:
    """Where the backups of a phone lie."""
    return state_dir() / "backups" / safe_serial(serial)


def save(serial: str, device: str, partition: str, image: Path) -> Backup:
    """Keep `image`, a file in the phone's backup folder, under its final name; returns its description."""
    backup = Backup(serial, device, partition, image.stat().st_size, sha256_file(image), time.time())
    image.replace(backup.path)
    text = json.dumps(asdict(backup), indent=2) + "\n"
    write_atomic(backup.path.with_suffix(".json"), [text.encode()])
    return backup


def find(serial: str, partition: str) -> list[Backup]:
    """The backups of one partition of one phone, newest first; damaged descriptions are left out."""
    found = []
    for path in folder(serial).glob(f"{partition}-*.json"):
        backup = _parse(path.read_text(errors="replace"))
        if backup and (backup.serial, backup.partition) == (serial, partition) and backup.path.is_file():
            found.append(backup)
    return sorted(found, key=lambda backup: backup.taken, reverse=True)


def read(path: Path) -> Backup:
    """The backup in the image file `path`, by the description beside it.

    Raises:
        InputError: If there is no description, or it is not one of this image.
    """
    try:
        backup = _parse(path.with_suffix(".json").read_text())
    except OSError as error:
        raise unreadable(path.with_suffix(".json"), error) from error
    if backup is None or backup.path.resolve() != path.resolve():
        raise InputError(
            f"{path} has no description that fits it",
            state="Nothing was written.",
            fix="Name a backup that hardboot made; they lie in the folder that flash-host-kernel prints.",
        )
    return backup


def _parse(text: str) -> Backup | None:
    try:
        return msgspec.json.decode(text, type=Backup)
    except msgspec.DecodeError:
        return None


def verify(backup: Backup) -> None:
    """Check that the file still holds what was saved.

    Raises:
        InputError: If it was changed since.
    """
    if sha256_file(backup.path) != backup.sha256:
        raise InputError(
            f"the backup {backup.path} is not what was saved: its SHA-256 differs",
            state="Nothing was written to the phone.",
            fix="Choose another backup, or flash the maker's boot image.",
        )


def describe(backup: Backup) -> dict[str, Any]:
    """For --json."""
    return {**asdict(backup), "path": str(backup.path)}

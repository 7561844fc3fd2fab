"""Backups of partitions on this computer, each bound to phone, partition and content."""

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
    """A saved partition.

    Attributes:
        serial: ro.serialno of the phone.
        device: Name of the profile.
        partition: Name of the partition.
        size: Bytes.
        sha256: Of the whole content, in hex.
        taken: Time of the backup, seconds since 1970 (UTC).
    """

    serial: str
    device: str
    partition: str
    size: int
    sha256: str
    taken: float

    @property
    def path(self) -> Path:
        """The image file; its description is the file beside it that ends in .json."""
        return folder(self.serial) / f"{self.partition}-{self.sha256[:16]}.img"


def folder(serial: str) -> Path:
    """Return the folder with the backups of a phone."""
    return state_dir() / "backups" / safe_serial(serial)


def save(serial: str, device: str, partition: str, image: Path) -> Backup:
    """Rename `image`, a file in the phone's backup folder, to its final name; return its description."""
    backup = Backup(serial, device, partition, image.stat().st_size, sha256_file(image), time.time())
    image.replace(backup.path)
    text = json.dumps(asdict(backup), indent=2) + "\n"
    write_atomic(backup.path.with_suffix(".json"), [text.encode()])
    return backup


def find(serial: str, partition: str) -> list[Backup]:
    """Return the backups of one partition of one phone, newest first, without damaged descriptions."""
    backups = []
    for path in folder(serial).glob(f"{partition}-*.json"):
        backup = _parse(path.read_text(errors="replace"))
        if backup and (backup.serial, backup.partition) == (serial, partition) and backup.path.is_file():
            backups.append(backup)
    return sorted(backups, key=lambda backup: backup.taken, reverse=True)


def read(path: Path) -> Backup:
    """Return the backup whose image file is `path`.

    Raises:
        InputError: If there is no description beside it, or it describes another file.
    """
    description = path.with_suffix(".json")
    try:
        backup = _parse(description.read_text(errors="replace"))
    except FileNotFoundError as error:
        raise _no_backup(path, f"{description.name} is missing") from error
    except OSError as error:
        raise unreadable(description, error) from error
    if backup is None or backup.path.resolve() != path.resolve():
        raise _no_backup(path, f"{description.name} does not describe it")
    return backup


def _no_backup(path: Path, reason: str) -> InputError:
    return InputError(
        f"{path} is not a hardboot backup ({reason})",
        state="Nothing was written.",
        fix="Use a backup that hardboot made: flash-host-kernel prints its path.",
    )


def _parse(text: str) -> Backup | None:
    try:
        return msgspec.json.decode(text, type=Backup)
    except msgspec.DecodeError:
        return None


def verify(backup: Backup) -> None:
    """Check that the file still has the content that was saved.

    Raises:
        InputError: If it has not.
    """
    if sha256_file(backup.path) != backup.sha256:
        raise InputError(
            f"the backup {backup.path} is damaged: its SHA-256 is not that of the content saved",
            state="Nothing was written to the phone.",
            fix="Use another backup, or flash the manufacturer's boot image with fastboot.",
        )


def describe(backup: Backup) -> dict[str, Any]:
    """Return the backup as JSON has it."""
    return {**asdict(backup), "path": str(backup.path)}

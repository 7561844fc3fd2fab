"""The backups of a phone on this computer, and writes to it that were cut off."""

from datetime import datetime

from hardboot.base.errors import HardbootError
from hardboot.doctor.line import Line, missing, ok
from hardboot.flows import backup
from hardboot.flows.backup import Backup


def of_phone(serialno: str) -> list[Backup]:
    """Return the backups of a phone, newest first; none if they cannot be read."""
    try:
        return [one for one in backup.find_all() if one.serial == serialno]
    except HardbootError:
        return []


def has_own_boot(backups: list[Backup]) -> bool:
    """Return whether a backup is the boot image of the phone's own system, not of a host."""
    return any(one.partition.partition("_")[0] == "boot" and one.host is not True for one in backups)


def lines(backups: list[Backup], change: str | None) -> list[Line]:
    """Return the lines of the backups, and of a change to partitions that is not settled, in words."""
    found = [_backups(backups)]
    if change:
        found.append(missing("unsettled", change, "hardboot home"))
    return found


def _backups(backups: list[Backup]) -> Line:
    name = "backups"
    if not backups:
        return missing(name, "none of this phone on this computer", "hardboot backup")
    newest = backups[0]
    day = datetime.fromtimestamp(newest.taken).strftime("%Y-%m-%d")
    value = f"{len(backups)}, the newest of {newest.partition} on {day}"
    if not has_own_boot(backups):
        return missing(name, f"{value}; none is of the phone's own boot image", "hardboot backup")
    return ok(name, value)

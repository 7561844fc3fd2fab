"""Read a partition of the phone into a file or a backup, compared by its SHA-256."""

import shlex
from pathlib import Path

from hardboot.base import log
from hardboot.base.errors import DeviceError, RefusedError
from hardboot.base.files import make_folder, sha256_file, write_atomic
from hardboot.base.mapping import map_own_file
from hardboot.base.temporary import temporary_folder
from hardboot.device.copies import Copy
from hardboot.device.phone import BlockDevice, Phone
from hardboot.device.staging import STAGING
from hardboot.flows import backup as backups
from hardboot.flows import partition_content
from hardboot.flows.backup import Backup
from hardboot.formats.reading import windows

SLOW_BYTES_PER_S = 1 << 20
BACKUP_NAME = "backup.img"  # in the staging folder
NOTHING_WRITTEN = "Nothing was written to a partition."  # for `if_cut_off`


def time_for(size: int) -> float:
    """Return the seconds that reading or writing `size` bytes may take on the slowest phone."""
    return 60 + size / SLOW_BYTES_PER_S


def flush_command(device: BlockDevice) -> str:
    """Return the command after which a read shows what the flash memory holds, not what is cached."""
    target = shlex.quote(device.path)
    return f"sync; blockdev --flushbufs {target}; echo 3 > /proc/sys/vm/drop_caches"


def read_range(phone: Phone, device: BlockDevice, offset: int, size: int) -> bytes:
    """Return a few bytes of a partition, MOST_BYTES at most.

    Raises:
        DeviceError: If they cannot be read.
    """
    command = f"dd if={shlex.quote(device.path)} bs=1 skip={offset} count={size} 2>/dev/null"
    held = phone.pull_copy(Copy("range", device.path, size, command)) or b""
    if len(held) == size:
        return held
    raise DeviceError(
        f"{device.path} cannot be read at offset {offset:#x}: {len(held)} of {size} bytes came",
        state="Nothing was written to it now.",
        fix="Read the kernel log: adb shell su -c dmesg",
    )


def back_up(phone: Phone, partition: str, device: BlockDevice, *, allow_broken: bool = False) -> Backup:
    """Copy a whole partition to this computer; once for the same content.

    Args:
        phone: The phone.
        partition: Name of the partition.
        device: Its block device.
        allow_broken: Also if it does not hold a complete boot image.

    Raises:
        RefusedError: If it does not hold a complete boot image.
        DeviceError: If it cannot be read, or arrives damaged.
    """
    digest = phone.sha256(device.path, device.size)
    for known in backups.find(phone.serialno, partition):
        usable = allow_broken or not known.problem
        if usable and known.sha256 == digest and sha256_file(known.path) == digest:
            log.say(f"Backup of {partition}: {known.path}")
            return backups.renew(known)
    folder = backups.folder(phone.serialno)
    make_folder(folder)
    target = folder / f".{partition}.part"
    try:
        pull(phone, partition, device, digest, target)
        content = partition_content.inspect(map_own_file(target))
        if content.problem and not allow_broken:
            raise _incomplete(device, content.problem)
        saved = backups.save(phone.serialno, phone.profile.name, partition, target, content)
    finally:
        target.unlink(missing_ok=True)
    log.say(f"Backup of {partition}: {saved.path}")
    return saved


def _incomplete(device: BlockDevice, reason: str) -> RefusedError:
    """Return the error for a partition that is not worth a backup."""
    return RefusedError(
        f"{device.path} does not hold a complete boot image: {reason}",
        state="Nothing was written; no backup was made of it.",
        fix="Write a backup first: hardboot restore. Or back it up as it is: --allow-broken",
    )


def save(phone: Phone, partition: str, device: BlockDevice, output: Path) -> str:
    """Write a whole partition to the file `output`; return its SHA-256 in hex.

    Raises:
        DeviceError: If it cannot be read, or arrives damaged.
        InputError: If `output` cannot be written.
    """
    digest = phone.sha256(device.path, device.size)
    with temporary_folder() as folder:
        target = folder / "partition"
        pull(phone, partition, device, digest, target)
        write_atomic(output, windows(map_own_file(target)))
    return digest


def pull(phone: Phone, partition: str, device: BlockDevice, digest: str, target: Path) -> None:
    """Copy a whole partition to the file `target`.

    Args:
        phone: The phone.
        partition: Name of the partition, for people.
        device: Its block device.
        digest: The SHA-256 of its content, as the phone computed it, in hex.
        target: Replaced if it exists.

    Raises:
        DeviceError: If it cannot be read, or arrives damaged.
    """
    copy = f"{STAGING}/{BACKUP_NAME}"
    phone.make_staging(device.size)
    with log.step(f"Reading {device.path}"):
        command = f"dd if={shlex.quote(device.path)} of={copy} bs=1048576 && chmod 644 {copy}"
        phone.read(command, timeout_s=time_for(device.size))
    with log.progress(f"Backing up {partition}", device.size) as advance:
        name = f"the backup of {device.path}"
        phone.pull_proven(copy, target, digest, name=name, progress=advance)

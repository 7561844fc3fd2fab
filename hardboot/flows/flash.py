"""Write a partition of the phone: back it up, write, read back and compare; on a mismatch write the backup.

All checks come before the first byte is written. There is no way to leave out the backup.
"""

import shlex
from dataclasses import dataclass
from pathlib import Path

from hardboot.base import log
from hardboot.base.errors import DeviceError, DeviceStateError, HardbootError, InputError, RefusedError
from hardboot.base.files import sha256_file
from hardboot.device.phone import Phone
from hardboot.device.staging import STAGING
from hardboot.flows import backup as backups
from hardboot.flows.backup import Backup
from hardboot.formats.boot.bootimg import BOOT_MAGIC

PARTITION = "boot"
_SLOW_BYTES_PER_S = 1 << 20


@dataclass(frozen=True)
class Flashed:
    """The result of `write_image`.

    Attributes:
        device: Name of the profile.
        size: Bytes of the image.
        sha256: Of the image, as read back from the partition.
        written: False if the partition held the image already.
        backup: Of what the partition held before.
    """

    device: str
    serial: str
    partition: str
    block_device: str
    size: int
    sha256: str
    written: bool
    backup: Backup


def write_image(phone: Phone, path: Path, partition: str) -> Flashed:
    """Write the file `path` to the start of a partition: back up, write, flush, read back, compare.

    The rest of the partition stays as it is.

    Raises:
        RefusedError: If it does not fit, or the partition is not as the profile says.
        DeviceError: If the phone failed before anything was written.
        DeviceStateError: If writing failed or the content differs; the backup was written if possible.
    """
    block_device = phone.partition(partition)
    device, capacity = block_device.path, block_device.size
    size, digest = path.stat().st_size, sha256_file(path)
    if size > capacity:
        raise RefusedError(
            f"{path} has {size} bytes, {device} holds {capacity}",
            state="Nothing was written.",
            fix="Make the image smaller: compress the ramdisk more, build less into the kernel.",
        )
    saved = _back_up(phone, device, partition, capacity)
    current = saved.sha256 if size == capacity else phone.sha256(device, size, first=size)
    written = current != digest
    if written:
        staged = phone.stage(path, "new.img")
        try:
            _write(phone, staged, device, size, digest)
        except DeviceError as error:
            _put_back(phone, device, saved, error)
    else:
        log.say(f"{device} holds this image already.")
    phone.clean()
    return Flashed(
        device=phone.profile.name,
        serial=phone.serialno,
        partition=partition,
        block_device=device,
        size=size,
        sha256=digest,
        written=written,
        backup=saved,
    )


def restore(phone: Phone, chosen: Backup | None) -> Flashed:
    """Write a backup of the boot partition; see `newest_backup` if none is chosen.

    Raises:
        InputError: If there is none, or its file is damaged.
        RefusedError: If it is from another phone.
    """
    if chosen is None:
        chosen = newest_backup(phone)
    if chosen.serial != phone.serialno or chosen.device != phone.profile.name:
        raise RefusedError(
            f"this backup is from {chosen.device} {chosen.serial}, the phone is {phone.profile.name} "
            f"{phone.serialno}",
            state="Nothing was written.",
            fix="Use a backup of this phone, or name none to restore the newest: hardboot restore",
        )
    backups.verify(chosen)
    return write_image(phone, chosen.path, chosen.partition)


def newest_backup(phone: Phone) -> Backup:
    """Return the newest backup of this phone's boot partition that differs from what the partition holds.

    Raises:
        InputError: If there is none.
    """
    known = backups.find(phone.serialno, PARTITION)
    if not known:
        raise InputError(
            f"there is no backup of the {PARTITION} partition of {phone.profile.name} {phone.serialno}",
            state="Nothing was written.",
            fix="Flash the manufacturer's boot image with fastboot.",
        )
    device = phone.partition(PARTITION)
    current = phone.sha256(device.path, device.size)
    return next((backup for backup in known if backup.sha256 != current), known[0])


def _back_up(phone: Phone, device: str, partition: str, size: int) -> Backup:
    """Copy the whole partition to this computer, compared by SHA-256; once for the same content."""
    digest = phone.sha256(device, size)
    for known in backups.find(phone.serialno, partition):
        if known.sha256 == digest and sha256_file(known.path) == digest:
            log.say(f"Backup of {partition}: {known.path}")
            return known
    magic = phone.read(f"head -c {len(BOOT_MAGIC)} < {shlex.quote(device)} | od -An -tx1")
    if bytes.fromhex(magic) != BOOT_MAGIC:
        raise RefusedError(
            f"{device} does not hold an Android boot image",
            state="Nothing was written.",
            fix="Check the profile: this may not be the boot partition of this phone.",
        )
    folder = backups.folder(phone.serialno)
    folder.mkdir(parents=True, exist_ok=True)
    copy = f"{STAGING}/backup.img"
    phone.make_staging(size)
    command = f"dd if={shlex.quote(device)} of={copy} bs=1048576 && chmod 644 {copy}"
    with log.step(f"Reading {device}"):
        phone.read(command, timeout_s=60 + size / _SLOW_BYTES_PER_S)
    target = folder / f".{partition}.part"
    with log.progress(f"Backing up {partition}", size) as advance:
        phone.transport.pull(copy, target, progress=advance)
    if sha256_file(target) != digest:
        target.unlink()
        raise DeviceError(
            f"the backup of {device} arrived damaged",
            state="Nothing was written to the phone.",
            fix="Try again; check cable and port.",
        )
    saved = backups.save(phone.serialno, phone.profile.name, partition, target)
    log.say(f"Backup of {partition}: {saved.path}")
    return saved


def _write(phone: Phone, source: str, device: str, size: int, digest: str) -> None:
    """Copy a file of the phone to a block device, flush, and compare what the flash memory holds."""
    target = shlex.quote(device)
    limit_s = 60 + size / _SLOW_BYTES_PER_S
    with log.step(f"Writing {device}"):
        copy = f"dd if={shlex.quote(source)} of={target} bs=1048576 conv=notrunc,fsync"
        flush = f"sync; blockdev --flushbufs {target}; echo 3 > /proc/sys/vm/drop_caches"
        phone.read(f"{copy} && {{ {flush}; }}", timeout_s=limit_s)
    with log.step(f"Reading back {device}"):
        current = phone.sha256(device, size, first=size)
    if current != digest:
        raise DeviceError(
            f"{device} does not hold what was written: its SHA-256 is {current}, not {digest}",
            state="The partition is damaged.",
            fix="Restore the backup.",
        )


def _put_back(phone: Phone, device: str, saved: Backup, cause: HardbootError) -> None:
    """Write the backup after a failed write; always raises, and says what the partition holds now."""
    log.warn(f"{cause.what}; writing the backup")
    try:
        copy = f"{STAGING}/backup.img"
        if phone.root(f"test -f {copy}").code or phone.sha256(copy, saved.size) != saved.sha256:
            copy = phone.stage(saved.path, "backup.img")
        _write(phone, copy, device, saved.size, saved.sha256)
    except DeviceError as error:
        raise DeviceStateError(
            f"{cause.what}; writing the backup failed too: {error.what}",
            state=f"{device} holds neither the old nor the new image.",
            fix=f"Do not restart the phone. Write the backup by hand: {saved.path} to {device}",
        ) from error
    raise DeviceStateError(
        cause.what,
        state=f"The backup was written: {device} holds what it held before, read back and compared.",
        fix="The flash memory may be failing. Read the kernel log first: adb shell su -c dmesg",
    ) from cause

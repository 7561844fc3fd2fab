"""Write a partition of the phone, safely: back up, write, read back, compare, put back what was there.

Every check comes before the first byte is written. The backup is made and proven first; it is not optional.
"""

import shlex
from dataclasses import dataclass
from pathlib import Path

from hardboot.base import log
from hardboot.base.errors import DeviceError, DeviceStateError, HardbootError, InputError, RefusedError
from hardboot.base.files import read_bytes, sha256_file
from hardboot.device.phone import STAGING, Phone
from hardboot.flows import backup as backups
from hardboot.flows.backup import Backup
from hardboot.formats.boot import bootimg, wrappers
from hardboot.formats.boot.bootimg import BOOT_MAGIC
from hardboot.formats.kernels import zimage
from hardboot.formats.kernels.kernel import identify
from hardboot.profile import Profile

PARTITION = "boot"
_IMAGE_LIMIT = 256 << 20  # bytes; far above every boot partition known
_HARDBOOT_OPTION = "CONFIG_KEXEC_HARDBOOT"  # in every port of the kexec-hardboot patch
_SLOW_BYTES_PER_S = 1 << 20


@dataclass(frozen=True)
class Flashed:
    """What `write_image` did.

    Attributes:
        written: False if the partition held the image already.
        sha256: Of the image, as read back from the partition.
    """

    device: str
    serial: str
    partition: str
    block_device: str
    size: int
    sha256: str
    written: bool
    backup: Backup


def check_host_image(path: Path, profile: Profile) -> None:
    """See that an image may become the host of this phone.

    A kernel with hardboot support that is not this project's carries no tag with its page; that it was
    built with CONFIG_KEXEC_HARDBOOT is then enough, and said as a warning.

    Raises:
        InputError: If it is no boot image with an ARM kernel, or damaged.
        RefusedError: If its kernel has no hardboot support, or another page than the profile's.
    """
    image = bootimg.parse(read_bytes(path, limit=_IMAGE_LIMIT))
    if bootimg.check_id(image) is None and any(image.id):
        raise InputError(
            f"{path}: the id in its header does not fit its parts: it is damaged or was edited",
            state="Nothing was sent.",
            fix="Make it again: hardboot host-image BOOT.IMG --kernel ZIMAGE -o OUT",
        )
    data = wrappers.without_mtk(image.kernel)
    kernel = zimage.parse(data)
    if kernel.hardboot_page is None:
        config = identify(data).config or {}
        if config.get(_HARDBOOT_OPTION) == "y":
            log.warn(
                f"{path}: its kernel was built with {_HARDBOOT_OPTION}, but does not say where its hardboot "
                f"page is: it cannot be compared with the profile's, {profile.page.start:#x}"
            )
            return
        raise RefusedError(
            f"{path}: its kernel carries no hardboot support",
            state="Nothing was sent.",
            fix="Patch and build the kernel (hardboot patch apply), then hardboot host-image.",
        )
    if kernel.hardboot_page != profile.page.start:
        raise RefusedError(
            f"{path}: its kernel looks for the hardboot page at {kernel.hardboot_page:#x}, "
            f"the profile {profile.name} has it at {profile.page.start:#x}",
            state="Nothing was sent.",
            fix=f"Build the kernel for this phone: hardboot patch apply TREE --device {profile.name}",
        )


def write_image(phone: Phone, path: Path, partition: str) -> Flashed:
    """Write the file `path` to a partition: back up, write, flush, read back, compare.

    What lies in the partition behind the image stays as it was.

    Raises:
        RefusedError: If it does not fit, or the partition is not what the profile says.
        DeviceError: If the phone failed before anything was written.
        DeviceStateError: If the read-back differs; the backup was put back if that was possible.
    """
    found = phone.partition(partition)
    device, capacity = found.path, found.size
    size, digest = path.stat().st_size, sha256_file(path)
    if size > capacity:
        raise RefusedError(
            f"{path} has {size} bytes, {device} holds {capacity}",
            state="Nothing was written.",
            fix="Make the image smaller: a stronger ramdisk compression, a kernel with less built in.",
        )
    saved = _back_up(phone, device, partition, capacity)
    holds = saved.sha256 if size == capacity else phone.sha256(device, size, first=size)
    already = holds == digest
    if already:
        log.say(f"{device} holds this image already.")
    else:
        staged = phone.stage(path, "new.img")
        try:
            _write(phone, staged, device, size, digest)
        except DeviceError as error:
            _put_back(phone, device, saved, error)
    phone.clean()
    return Flashed(
        device=phone.profile.name,
        serial=phone.serialno,
        partition=partition,
        block_device=device,
        size=size,
        sha256=digest,
        written=not already,
        backup=saved,
    )


def restore(phone: Phone, chosen: Backup | None) -> Flashed:
    """Write a backup of the boot partition back; the newest of this phone if none is chosen.

    Raises:
        InputError: If there is none, or its file was changed.
        RefusedError: If it is another phone's.
    """
    if chosen is None:
        chosen = newest_backup(phone)
    if chosen.serial != phone.serialno or chosen.device != phone.profile.name:
        raise RefusedError(
            f"this backup is of {chosen.device} {chosen.serial}, the phone is {phone.profile.name} "
            f"{phone.serialno}",
            state="Nothing was written.",
            fix="Choose a backup of this phone, or none to take the newest: hardboot restore",
        )
    backups.verify(chosen)
    return write_image(phone, chosen.path, chosen.partition)


def newest_backup(phone: Phone) -> Backup:
    """The newest backup of this phone's boot partition that differs from what the partition holds.

    Raises:
        InputError: If there is none.
    """
    found = backups.find(phone.serialno, PARTITION)
    if not found:
        raise InputError(
            f"there is no backup of the {PARTITION} partition of {phone.profile.name} {phone.serialno}",
            state="Nothing was written.",
            fix="Flash the boot image of the phone's maker with fastboot.",
        )
    device = phone.partition(PARTITION)
    now = phone.sha256(device.path, device.size)
    return next((backup for backup in found if backup.sha256 != now), found[0])


def _back_up(phone: Phone, device: str, partition: str, size: int) -> Backup:
    """Copy the whole partition to this computer, proven by its SHA-256; once for the same content."""
    digest = phone.sha256(device, size)
    for known in backups.find(phone.serialno, partition):
        if known.sha256 == digest and sha256_file(known.path) == digest:
            log.say(f"Backup of {partition}: {known.path}")
            return known
    head = phone.read(f"head -c {len(BOOT_MAGIC)} < {shlex.quote(device)} | od -An -tx1")
    if bytes.fromhex(head.replace(" ", "")) != BOOT_MAGIC:
        raise RefusedError(
            f"{device} holds no Android boot image",
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
    """Copy a file of the phone to a block device, flush, and compare what the flash really holds."""
    target = shlex.quote(device)
    limit_s = 60 + size / _SLOW_BYTES_PER_S
    with log.step(f"Writing {device}"):
        copy = f"dd if={shlex.quote(source)} of={target} bs=1048576 conv=notrunc,fsync"
        flush = f"sync; blockdev --flushbufs {target}; echo 3 > /proc/sys/vm/drop_caches"
        phone.read(f"{copy} && {{ {flush}; }}", timeout_s=limit_s)
    with log.step(f"Reading {device} back"):
        found = phone.sha256(device, size, first=size)
    if found != digest:
        raise DeviceError(
            f"{device} does not hold what was written: SHA-256 {found}, not {digest}",
            state="The partition is damaged.",
            fix="Restore the backup.",
        )


def _put_back(phone: Phone, device: str, saved: Backup, cause: HardbootError) -> None:
    """Write the backup over a failed write; always raises, saying what the partition holds now."""
    log.warn(f"{cause.what}; putting the backup back")
    by_hand = f"Do not restart the phone. Write the backup by hand: {saved.path} to {device}"
    try:
        copy = f"{STAGING}/backup.img"
        if phone.root(f"test -f {copy}").code or phone.sha256(copy, saved.size) != saved.sha256:
            copy = phone.stage(saved.path, "backup.img")
        _write(phone, copy, device, saved.size, saved.sha256)
    except DeviceError as error:
        raise DeviceStateError(
            f"{cause.what}; putting the backup back failed too: {error.what}",
            state=f"{device} holds neither the old nor the new image.",
            fix=by_hand,
        ) from error
    raise DeviceStateError(
        cause.what,
        state=f"The backup was put back: {device} holds what it held before, read back and compared.",
        fix="The flash memory may be failing: look at the kernel log first (adb shell su -c dmesg).",
    ) from cause

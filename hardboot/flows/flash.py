"""Flash a host image, or write a backup back. All checks come before the first byte is written."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from hardboot.base import log
from hardboot.base.errors import InputError, RefusedError
from hardboot.base.files import PrivateCopy
from hardboot.base.interrupts import if_cut_off
from hardboot.base.mapping import map_own_file
from hardboot.device import unlocked
from hardboot.device.phone import BlockDevice, Phone
from hardboot.flows import backup as backups
from hardboot.flows import partition_content, root_loss, transaction
from hardboot.flows.backup import Backup
from hardboot.flows.partition_read import NOTHING_WRITTEN, back_up
from hardboot.flows.ways import bootloader_checks
from hardboot.images.rooted import Root

PARTITION = "boot"
_LOCKED = "the bootloader is locked: it does not start a boot image that its maker has not signed"

AgreeToLose = Callable[[tuple[Root, ...]], None]  # called before a write that takes root; may refuse it


@dataclass(frozen=True)
class Flashed:
    """The result of a write.

    Attributes:
        device: Name of the profile.
        image: The file that was written, as the user named it.
        size: Bytes of the image.
        sha256: Of the image, as read back from the partition.
        written: False if the partition held the image already.
        backup: Of what the partition held before; None if that was not a complete boot image.
        root_lost: Root solutions that the partition held before, and the image does not.
    """

    device: str
    serial: str
    partition: str
    block_device: str
    image: str
    size: int
    sha256: str
    written: bool
    backup: Backup | None
    root_lost: tuple[Root, ...] = ()


def check_unlocked(phone: Phone) -> None:
    """Refuse a phone whose bootloader is locked: it would not start what is flashed.

    Raises:
        RefusedError: If it is.
    """
    bootloader_checks.check_unlocked(phone.root(unlocked.QUERY).text, _LOCKED)


def flash(
    phone: Phone,
    image: PrivateCopy,
    partition: str,
    *,
    agree: AgreeToLose,
    allow_broken: bool = False,
) -> Flashed:
    """Write an image to the start of a partition, after a backup of the whole partition.

    Args:
        phone: The phone.
        image: The checked copy of a file.
        partition: Name of the partition, with its slot if it has any.
        agree: Asks whether root may be lost.
        allow_broken: Also if the partition does not hold a complete boot image; it is saved as it is.

    Raises:
        RefusedError: If it does not fit, the partition is not as the profile says, or holds a broken image.
        DeviceError: If it failed and the partition holds what it held before.
        DeviceStateError: If the backup had to be put back, or it is not known what the partition holds.
    """
    with _cleaned(phone):
        with if_cut_off(NOTHING_WRITTEN):
            transaction.check(phone, over={partition} if allow_broken else ())
            device = transaction.device_of(phone, partition, image)
            saved = back_up(phone, partition, device, allow_broken=allow_broken)
            held = _roots_held(phone, partition, saved)
            lost = _ask_about_root(held, image, agree, host=True)
        return _write(phone, "flash-host-kernel", partition, device, image, saved, lost)


def restore(
    phone: Phone, image: PrivateCopy, chosen: Backup, *, agree: AgreeToLose, allow_broken: bool = False
) -> Flashed:
    """Write a backup back; what the partition holds is saved first, if it is a complete boot image.

    Args:
        phone: The phone.
        image: A copy of the backup's file.
        chosen: The backup.
        agree: See `flash`.
        allow_broken: Also if the backup is not a complete boot image.

    Raises:
        InputError: If the backup's file is damaged.
        RefusedError: If it is from another phone, or is not a complete boot image.
        DeviceError: See `flash`.
        DeviceStateError: See `flash`.
    """
    if chosen.serial != phone.serialno:
        raise RefusedError(
            f"this backup is from {chosen.device} {chosen.serial}, the phone is {phone.profile.name} "
            f"{phone.serialno}",
            state="Nothing was written.",
            fix="List the backups of this phone: hardboot backups",
        )
    if image.sha256 != chosen.sha256:
        raise InputError(
            f"the backup {chosen.path} is damaged: its SHA-256 is not that of the content saved",
            state="Nothing was written to the phone.",
            fix="Use another backup (hardboot backups), or flash the manufacturer's image with fastboot.",
        )
    problem = partition_content.inspect(map_own_file(image.path)).problem
    if problem and not allow_broken:
        raise RefusedError(
            f"the backup {chosen.path} is not a complete boot image: {problem}",
            state="Nothing was written.",
            fix="Use another backup (hardboot backups), or write this one as it is: --allow-broken",
        )
    saved = None
    with _cleaned(phone):
        with if_cut_off(NOTHING_WRITTEN):
            transaction.check(phone, over={chosen.partition})
            device = transaction.device_of(phone, chosen.partition, image)
            try:
                saved = back_up(phone, chosen.partition, device)
            except RefusedError as error:
                log.warn(f"{error.what}; it is not saved")
            held = _roots_held(phone, chosen.partition, saved)
            lost = _ask_about_root(held, image, agree, host=False)
        return _write(phone, "restore", chosen.partition, device, image, saved, lost)


def _roots_held(phone: Phone, partition: str, saved: Backup | None) -> tuple[Root, ...]:
    """Return the root solutions in a partition; if it has none, those of the running slot, if it is another.

    Args:
        phone: The phone.
        partition: Name of the partition.
        saved: What it holds, if that is known.
    """
    held = root_loss.roots_of(map_own_file(saved.path)) if saved else ()
    slots = {f"{PARTITION}_a", f"{PARTITION}_b"}
    if held or partition not in slots:
        return held
    try:
        running = phone.partition_name(PARTITION)
        return () if running == partition else root_loss.roots_of(phone.pull_partition(running))
    except RefusedError as error:  # it does not say which slot it runs from
        log.detail(error.what)
        return ()


def _ask_about_root(
    held: tuple[Root, ...], image: PrivateCopy, agree: AgreeToLose, *, host: bool
) -> tuple[Root, ...]:
    """Return the root solutions that are held and that the image does not have, if that is agreed to.

    Args:
        held: What the phone has.
        image: What will be written.
        agree: See `flash`.
        host: Say how a host image keeps them.
    """
    if not held:
        return ()
    new = root_loss.roots_of(map_own_file(image.path))
    lost = root_loss.lost(held, new)
    for one in lost:
        log.warn(root_loss.warning(one, image.name.name, others=bool(new)))
        if host:
            log.warn(f"to keep {one.name}, {root_loss.how_to_keep(one, image.name.name)}")
    if lost:
        agree(lost)
    return lost


@contextmanager
def _cleaned(phone: Phone) -> Iterator[None]:
    """Remove what the block, which writes an image, left in the staging folder."""
    try:
        yield
    except BaseException:
        phone.clean()
        raise
    with if_cut_off("The image is in the partition, read back and compared."):
        phone.clean()


def default_backup(phone: Phone, partition: str = PARTITION) -> Backup:
    """Return the backup to restore: the newest of this phone's boot partition that is not in it.

    One whose kernel is not a host goes first: that is the phone's own system before it was changed.

    Args:
        phone: The phone.
        partition: The boot partition, of one slot if there are two.

    Raises:
        InputError: If there is none.
    """
    known = backups.find(phone.serialno, partition)
    if not known:
        raise InputError(
            f"there is no backup of the {partition} partition of {phone.profile.name} {phone.serialno}",
            state="Nothing was written.",
            fix="Flash the manufacturer's boot image with fastboot.",
        )
    device = phone.partition(partition)
    current = phone.sha256(device.path, device.size)
    complete = [backup for backup in known if not backup.problem] or known
    others = [backup for backup in complete if backup.sha256 != current] or complete
    return next((backup for backup in others if backup.host is False), others[0])


def _write(
    phone: Phone,
    way: str,
    partition: str,
    device: BlockDevice,
    image: PrivateCopy,
    saved: Backup | None,
    lost: tuple[Root, ...],
) -> Flashed:
    """Write an image unless the partition holds it already."""
    with if_cut_off(NOTHING_WRITTEN):
        held = "" if saved else phone.sha256(device.path, device.size)
    piece = transaction.piece(partition, device, image, saved, old_sha256=held)
    written = transaction.make(phone, way, [piece], put_back=False)
    return Flashed(
        device=phone.profile.name,
        serial=phone.serialno,
        partition=partition,
        block_device=device.path,
        image=str(image.name),
        size=image.size,
        sha256=image.sha256,
        written=written is not None,
        backup=saved,
        root_lost=lost,
    )

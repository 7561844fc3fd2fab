"""What tests of flashing share: the partition, the image, and the commands that write."""

import hashlib
from pathlib import Path

import scripted_setup as setup

from hardboot.base.files import private_copy
from hardboot.device.phone import Phone
from hardboot.flows import backup, flash, host_image
from hardboot.flows.transaction_record import KEPT
from hardboot.images.rooted import Root

BOOT = "/dev/block/vda1"
NEW = setup.STOCK_IMAGE
DIGEST = hashlib.sha256(NEW).hexdigest()
WRITE = f"dd if=*new.img of={BOOT} bs=1048576 conv=notrunc,fsync"
WRITE_BACKUP = f"dd if={KEPT}/boot.img of={BOOT} *"  # from the phone's own backup
PUT_BACK = (
    f"The backup was written: {BOOT} holds what it held before, read back and compared.",
    "The flash memory may be failing. Read the kernel log first: adb shell su -c dmesg",
)


def never(lost: tuple[Root, ...]) -> None:
    raise AssertionError(f"nothing is lost, yet {lost}")


def flashed(
    phone: Phone, path: Path, *, agree: flash.AgreeToLose = never, allow_broken: bool = False
) -> flash.Flashed:
    """Do what is done with a file by `hardboot flash-host-kernel`, once it is checked."""
    with private_copy(path, limit=host_image.LIMIT) as copy:
        return flash.flash(phone, copy, "boot", agree=agree, allow_broken=allow_broken)


def restored(
    phone: Phone,
    chosen: backup.Backup | None = None,
    *,
    agree: flash.AgreeToLose = never,
    allow_broken: bool = False,
) -> flash.Flashed:
    """Do what `hardboot restore` does."""
    chosen = chosen or flash.default_backup(phone)
    with private_copy(chosen.path, limit=host_image.LIMIT) as copy:
        return flash.restore(phone, copy, chosen, agree=agree, allow_broken=allow_broken)


def old_backup() -> backup.Backup:
    (found,) = backup.find("HBSCRIPT", "boot")
    return found

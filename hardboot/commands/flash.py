"""hardboot flash-host-kernel and restore: write the boot partition, with a backup and verification."""

from pathlib import Path
from typing import Any

import click

from hardboot.attempts import aftermath
from hardboot.base.errors import DeviceError, RefusedError
from hardboot.base.files import private_copy
from hardboot.base.interrupts import if_cut_off
from hardboot.base.mapping import map_own_file
from hardboot.commands import completion
from hardboot.commands.backups import shown_date, shown_kernel
from hardboot.commands.command import Command
from hardboot.commands.common import Settings, confirm, echo, pass_settings, slot_option
from hardboot.device.phone import Phone, connected
from hardboot.flows import backup as backups
from hardboot.flows import flash, host_image, partition_content
from hardboot.flows.backup import Backup
from hardboot.flows.partition_read import NOTHING_WRITTEN
from hardboot.flows.restart import Restarted, restart
from hardboot.images.rooted import Root

_ALLOW_BROKEN = "--allow-broken"
_SUPPORT = {True: "yes", False: "no", None: "not known: hardboot status"}


@click.command(name="flash-host-kernel", cls=Command, example="hardboot flash-host-kernel host.img --reboot")
@click.argument("image", metavar="BOOT.IMG", type=click.Path(path_type=Path))
@click.option("--reboot", is_flag=True, help="Restart the phone and check the new kernel.")
@click.option(
    _ALLOW_BROKEN,
    is_flag=True,
    help="Go on if the partition does not hold a complete boot image; back it up as it is.",
)
@slot_option("Choose the slot. Default: the one that is running.")
@pass_settings
def flash_host_kernel(
    settings: Settings, image: Path, reboot: bool, allow_broken: bool, slot: str | None
) -> None:
    """Write BOOT.IMG, with a host kernel, to the boot partition.

    The partition is backed up first, and read back and compared after writing; if that fails, the backup is
    restored.
    """
    with (
        private_copy(image, limit=host_image.LIMIT) as copy,
        connected(settings.serial, settings.chosen(), exclusive=True) as phone,
    ):
        aftermath.collect(phone, alone=True)
        with if_cut_off(NOTHING_WRITTEN):
            flash.check_unlocked(phone)
            host_image.check(copy.path, phone.profile, name=image)
            release = partition_content.inspect(map_own_file(copy.path)).release
            partition = phone.partition_name(flash.PARTITION, slot)
            place = _place(phone, partition, reboot=reboot)
            confirm(
                settings,
                f"This writes {image} (kernel {release or 'unknown'}) to {place} of "
                f"{_running(phone)}. The backup of the partition is in {backups.folder(phone.serialno)}.",
            )
            copy.check_original()
        done = flash.flash(phone, copy, partition, agree=_agree(settings), allow_broken=allow_broken)
        restarted = restart(phone) if reboot else None
    if restarted and restarted.hardboot is False:
        raise _no_host(done, restarted)
    settings.emit(_document(done, restarted), lambda: _print(done, restarted))


@click.command(cls=Command, example="hardboot restore --reboot")
@click.argument("backup", required=False, type=click.Path(path_type=Path), shell_complete=completion.backups)
@click.option("--reboot", is_flag=True, help="Restart the phone afterwards.")
@click.option(_ALLOW_BROKEN, is_flag=True, help="Write BACKUP even if it is not a complete boot image.")
@slot_option("Take a backup of this slot. Default: of the one that is running.")
@pass_settings
def restore(
    settings: Settings, backup: Path | None, reboot: bool, allow_broken: bool, slot: str | None
) -> None:
    """Write BACKUP back to the boot partition, in the slot that it was read from.

    Without BACKUP it is the newest one of this phone whose kernel is not a host: its own system. List them:
    hardboot backups.
    """
    if allow_broken and backup is None:
        raise click.UsageError(f"{_ALLOW_BROKEN} needs BACKUP")
    if slot and backup:
        raise click.UsageError("--slot chooses a backup; BACKUP says its own slot")
    named = backups.read(backup) if backup else None
    with connected(settings.serial, settings.chosen(), exclusive=True) as phone:
        aftermath.collect(phone, alone=True)
        with if_cut_off(NOTHING_WRITTEN):
            chosen = named or flash.default_backup(phone, phone.partition_name(flash.PARTITION, slot))
        with private_copy(chosen.path, limit=host_image.LIMIT) as copy:
            with if_cut_off(NOTHING_WRITTEN):
                confirm(settings, _effect(phone, chosen, reboot=reboot))
            done = flash.restore(phone, copy, chosen, agree=_agree(settings), allow_broken=allow_broken)
        restarted = restart(phone) if reboot else None
    settings.emit(_document(done, restarted), lambda: _print(done, restarted))


def _agree(settings: Settings) -> flash.AgreeToLose:
    """Return a function that asks whether root solutions may be lost."""

    def agree(lost: tuple[Root, ...]) -> None:
        names = " and ".join(one.name for one in lost)
        confirm(settings, f"The phone will lose {names}.", state="Nothing was written.")

    return agree


def _effect(phone: Phone, chosen: Backup, *, reboot: bool) -> str:
    """Return what restoring a backup does, for a prompt."""
    return (
        f"This writes the backup {chosen.path.name} of {shown_date(chosen)} ({shown_kernel(chosen)}) to "
        f"{_place(phone, chosen.partition, reboot=reboot)} of {_running(phone)}."
    )


def _no_host(done: flash.Flashed, restarted: Restarted) -> DeviceError:
    error = DeviceError(
        f"the kernel that came up, {restarted.kernel.release}, has no hardboot support",
        state=f"{done.image} is in partition {done.partition}, read back and verified.",
        fix="Did the bootloader boot another partition or slot? hardboot status. To write the backup back: "
        "hardboot restore",
    )
    error.result = _document(done, restarted)
    return error


def _place(phone: Phone, partition: str, *, reboot: bool) -> str:
    """Return which partition is written, in words; with slots, whether it is that of the running one.

    Raises:
        RefusedError: If the phone is to restart into what is written, and it would start the other slot.
    """
    if partition in phone.profile.partitions:
        return f"partition {partition}"
    try:
        running = phone.slot()
    except RefusedError:
        return f"partition {partition} (which slot is running is not known)"
    if partition.endswith(f"_{running}"):
        return f"partition {partition} (of the running slot)"
    if reboot:
        raise RefusedError(
            f"slot {running} is running: a restart does not start {partition}",
            state="Nothing was written.",
            fix="Leave out --reboot. Then change the slot (fastboot set_active) and restart the phone.",
        )
    return f"partition {partition} (slot {running} is running)"


def _running(phone: Phone) -> str:
    return f"{phone.profile.name} {phone.serialno}, which runs kernel {phone.kernel().release}"


def _document(done: flash.Flashed, restarted: Restarted | None) -> dict[str, Any]:
    return {
        "device": done.device,
        "serial": done.serial,
        "partition": done.partition,
        "block_device": done.block_device,
        "image": done.image,
        "size": done.size,
        "sha256": done.sha256,
        "written": done.written,
        "backup": backups.describe(done.backup) if done.backup else None,
        "root_lost": [str(one) for one in done.root_lost],
        "host": restarted.document() if restarted else None,
    }


def _print(done: flash.Flashed, restarted: Restarted | None) -> None:
    rows = [
        ("phone", f"{done.device} {done.serial}"),
        ("partition", f"{done.partition} ({done.block_device})"),
        ("image", f"{done.image}, {done.size} bytes, sha256 {done.sha256[:16]}…"),
        ("written", "yes, read back and verified" if done.written else "no, it was there already"),
        (
            "backup",
            str(done.backup.path) if done.backup else "none: the partition did not hold a complete image",
        ),
    ]
    if restarted:
        rows.append(("kernel", f"{restarted.kernel.release}, hardboot {_SUPPORT[restarted.hardboot]}"))
    for name, value in rows:
        echo(f"  {name:<10} {value}")
    if not restarted:
        echo("Restart the phone to boot it: hardboot reboot")
    elif restarted.hardboot:
        echo("Boot an image from RAM, at first without loading it: hardboot boot IMAGE --dry-run")

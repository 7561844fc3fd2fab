"""hardboot flash-host-kernel and restore: write the boot partition, with a backup and proof."""

from pathlib import Path
from typing import Any

import click

from hardboot.commands.common import Command, Settings, confirm, pass_settings
from hardboot.device.phone import connected
from hardboot.flows import backup as backups
from hardboot.flows import flash, host_image
from hardboot.flows.restart import Restarted, restart


@click.command(name="flash-host-kernel", cls=Command)
@click.argument("image", metavar="BOOT.IMG", type=click.Path(path_type=Path))
@click.option("--reboot", is_flag=True, help="Restart the phone into it and check that it has hardboot.")
@pass_settings
def flash_host_kernel(settings: Settings, image: Path, reboot: bool) -> None:
    """Put a host kernel on the phone: write BOOT.IMG to its boot partition.

    Saves what is there, writes, reads back and compares; if they differ, what was there is put back.
    """
    with connected(settings.serial, settings.device) as phone:
        host_image.check(image, phone.profile)
        target = f"{flash.PARTITION} of {phone.profile.name} {phone.serialno}"
        confirm(settings, f"Write {image} to {target}?")
        done = flash.write_image(phone, image, flash.PARTITION)
        restarted = restart(phone) if reboot else None
    settings.emit(_document(done, restarted), lambda: _print(done, restarted))


@click.command(cls=Command)
@click.argument("backup", required=False, type=click.Path(path_type=Path))
@click.option("--reboot", is_flag=True, help="Restart the phone afterwards.")
@pass_settings
def restore(settings: Settings, backup: Path | None, reboot: bool) -> None:
    """Write a backup of the boot partition back: BACKUP, or the newest one of this phone."""
    chosen = backups.read(backup) if backup else None
    with connected(settings.serial, settings.device) as phone:
        chosen = chosen or flash.newest_backup(phone)
        confirm(settings, f"Write {chosen.path} to {chosen.partition} of {phone.profile.name}?")
        done = flash.restore(phone, chosen)
        restarted = restart(phone) if reboot else None
    settings.emit(_document(done, restarted), lambda: _print(done, restarted))


def _document(done: flash.Flashed, restarted: Restarted | None) -> dict[str, Any]:
    return {
        "device": done.device,
        "serial": done.serial,
        "partition": done.partition,
        "block_device": done.block_device,
        "size": done.size,
        "sha256": done.sha256,
        "written": done.written,
        "backup": backups.describe(done.backup),
        "host": None
        if restarted is None
        else {
            "release": restarted.kernel.release,
            "boot_id": restarted.kernel.boot_id,
            "hardboot": restarted.hardboot,
        },
    }


def _print(done: flash.Flashed, restarted: Restarted | None) -> None:
    rows = [
        ("phone", f"{done.device} {done.serial}"),
        ("partition", f"{done.partition} ({done.block_device})"),
        ("image", f"{done.size} bytes, sha256 {done.sha256[:16]}…"),
        ("written", "yes, read back and equal" if done.written else "no, it was there already"),
        ("backup", str(done.backup.path)),
    ]
    if restarted:
        rows.append(
            ("kernel", f"{restarted.kernel.release}, hardboot {'yes' if restarted.hardboot else 'no'}")
        )
    for name, value in rows:
        click.echo(f"  {name:<10} {value}")
    if not restarted:
        click.echo("Restart the phone to run it: adb reboot")

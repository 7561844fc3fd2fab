"""hardboot flash-host-kernel and restore: write the boot partition, with a backup and verification."""

from pathlib import Path
from typing import Any

import click

from hardboot.base.errors import InputError
from hardboot.base.files import map_file
from hardboot.commands.common import Command, Settings, confirm, pass_settings
from hardboot.device.phone import Phone, connected
from hardboot.flows import backup as backups
from hardboot.flows import flash, host_image
from hardboot.flows.restart import Restarted, restart
from hardboot.formats.boot import bootimg, wrappers
from hardboot.formats.kernels.kernel import identify


@click.command(name="flash-host-kernel", cls=Command)
@click.argument("image", metavar="BOOT.IMG", type=click.Path(path_type=Path))
@click.option("--reboot", is_flag=True, help="Restart the phone and check the new kernel.")
@pass_settings
def flash_host_kernel(settings: Settings, image: Path, reboot: bool) -> None:
    """Write BOOT.IMG, with a host kernel, to the boot partition.

    The partition is backed up first, and read back and compared after writing; if that fails, the backup is
    restored.
    """
    with connected(settings.serial, settings.device) as phone:
        host_image.check(image, phone.profile)
        confirm(settings, _effect(phone, image, flash.PARTITION))
        done = flash.write_image(phone, image, flash.PARTITION)
        restarted = restart(phone) if reboot else None
    settings.emit(_document(done, restarted), lambda: _print(done, restarted))


@click.command(cls=Command)
@click.argument("backup", required=False, type=click.Path(path_type=Path))
@click.option("--reboot", is_flag=True, help="Restart the phone afterwards.")
@pass_settings
def restore(settings: Settings, backup: Path | None, reboot: bool) -> None:
    """Write BACKUP, or the newest backup of this phone, back to the boot partition."""
    chosen = backups.read(backup) if backup else None
    with connected(settings.serial, settings.device) as phone:
        chosen = chosen or flash.newest_backup(phone)
        confirm(settings, _effect(phone, chosen.path, chosen.partition))
        done = flash.restore(phone, chosen)
        restarted = restart(phone) if reboot else None
    settings.emit(_document(done, restarted), lambda: _print(done, restarted))


def _effect(phone: Phone, image: Path, partition: str) -> str:
    """Return what writing `image` does, for a prompt."""
    return (
        f"This writes {image} (kernel {_release(image) or 'unknown'}) to partition {partition} of "
        f"{phone.profile.name} {phone.serialno}, which runs kernel {phone.kernel().release}. "
        f"The backup of the partition is in {backups.folder(phone.serialno)}."
    )


def _release(image: Path) -> str | None:
    """Return the kernel release of a boot image; None if it is not found."""
    try:
        kernel = bootimg.parse(map_file(image)).kernel
        return identify(wrappers.without_mtk(kernel), config=False).release
    except InputError:
        return None


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
        ("written", "yes, read back and verified" if done.written else "no, it was there already"),
        ("backup", str(done.backup.path)),
    ]
    if restarted:
        rows.append(
            ("kernel", f"{restarted.kernel.release}, hardboot {'yes' if restarted.hardboot else 'no'}")
        )
    for name, value in rows:
        click.echo(f"  {name:<10} {value}")
    if not restarted:
        click.echo("Restart the phone to boot it: adb reboot")

"""hardboot backups and backup: list the backups on this computer, and read a partition."""

from datetime import datetime
from pathlib import Path

import click

from hardboot.base.errors import HardbootError
from hardboot.base.interrupts import if_cut_off
from hardboot.commands import completion
from hardboot.commands.command import Command
from hardboot.commands.common import Settings, connected, echo, pass_settings, slot_option
from hardboot.device.phone import Phone
from hardboot.flows import backup as store
from hardboot.flows import flash, partition_read
from hardboot.flows.backup import Backup


def shown_date(backup: Backup) -> str:
    """Return when a backup was taken, on this computer's clock."""
    return datetime.fromtimestamp(backup.taken).strftime("%Y-%m-%d %H:%M")


def shown_kernel(backup: Backup) -> str:
    """Return which kernel a backup holds, and whether it is a host."""
    kind = {True: "host", False: "stock", None: "unknown kind"}[backup.host]
    return f"kernel {backup.release or 'unknown'}, {'broken' if backup.problem else kind}"


@click.command(cls=Command, example="hardboot backups")
@pass_settings
def backups(settings: Settings) -> None:
    """List the backups on this computer, newest first.

    If a phone is connected, its backups alone are listed, and the one that is in the partition now is marked.
    If none of them is, the last line says so.
    """
    try:
        with connected(settings, wait_s=0) as phone:
            found = [one for one in store.find_all() if one.serial == phone.serialno]
            current = _current(phone, {one.partition for one in found})
    except HardbootError:
        if settings.serial:
            raise
        found, current = store.find_all(), {}
    rows = [
        {**store.describe(one), "current": current.get(one.partition) == one.sha256 if current else None}
        for one in found
    ]

    def human() -> None:
        if not found:
            echo("No backups. flash-host-kernel makes one before it writes; so does: hardboot backup")
        for one, row in zip(found, rows, strict=True):
            now = ", on the phone now" if row["current"] else ""
            echo(f"{shown_date(one)}  {one.device} {one.serial}  {one.partition}  {shown_kernel(one)}{now}")
            echo(f"  {one.path}")
        for name, sha256 in current.items():
            if all((one.partition, one.sha256) != (name, sha256) for one in found):
                option = "" if name == flash.PARTITION else f" --partition {name}"
                echo(f"{name} on the phone now: none of these backups (to keep it: hardboot backup{option})")

    settings.emit({"backups": rows}, human)


def _current(phone: Phone, partitions: set[str]) -> dict[str, str]:
    """Return the SHA-256 of what each partition holds now."""
    devices = {name: phone.partition(name) for name in sorted(partitions)}
    return {name: phone.sha256(device.path, device.size) for name, device in devices.items()}


@click.command(cls=Command, example="hardboot backup\nhardboot backup --partition recovery -o recovery.img")
@click.option(
    "--partition",
    metavar="NAME",
    default=flash.PARTITION,
    show_default=True,
    shell_complete=completion.partitions,
    help="Read this partition.",
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the content to FILE instead of keeping it as a backup.",
)
@click.option("--allow-broken", is_flag=True, help="Keep it even if it is not a complete boot image.")
@slot_option("Choose the slot. Default: the one that is running.")
@pass_settings
def backup(
    settings: Settings, partition: str, output: Path | None, allow_broken: bool, slot: str | None
) -> None:
    """Read the boot partition and keep it as a backup on this computer.

    Nothing is written to the phone. hardboot restore writes the backup back.
    """
    with (
        connected(settings, exclusive=True) as phone,
        if_cut_off(partition_read.NOTHING_WRITTEN),
    ):
        partition = phone.partition_name(partition, slot)
        device = phone.partition(partition)
        if output is None:
            made = partition_read.back_up(phone, partition, device, allow_broken=allow_broken)
            path, size, sha256 = made.path, made.size, made.sha256
        else:
            path, size = output, device.size
            sha256 = partition_read.save(phone, partition, device, output)
    document = {"partition": partition, "path": str(path), "size": size, "sha256": sha256}
    settings.emit(document, lambda: echo(f"Wrote {path}: {size} bytes, sha256 {sha256[:16]}…"))

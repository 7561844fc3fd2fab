"""hardboot boot: `load` and `exec` in one command."""

import sys

import click

from hardboot.base.errors import RefusedError
from hardboot.commands.command import Command
from hardboot.commands.common import Settings, confirm, journaled, pass_settings
from hardboot.commands.exec import show, start_options
from hardboot.commands.load import Wanted, emit_plan, image_options
from hardboot.device import host, record
from hardboot.device.phone import Phone
from hardboot.flows.journal import Journal
from hardboot.flows.restart import RESTART_S, restart
from hardboot.flows.rom_source import RomSource
from hardboot.flows.ways import kexec
from hardboot.flows.ways.kexec import PlannedRom
from hardboot.flows.ways.way import HARDBOOT, SOFT


@click.command(
    cls=Command, example="hardboot boot rom.img --dry-run\nhardboot boot rom.img --append loglevel=7"
)
@image_options((HARDBOOT, SOFT), "Boot IMAGE through a hardware reset, or by plain kexec without one (soft).")
@click.option("--from-rom", is_flag=True, help="Restart the phone into its own system first, if a ROM runs.")
@start_options
@pass_settings
def boot(settings: Settings, wanted: Wanted, wait_s: float, quiesce: bool, from_rom: bool) -> None:
    """Boot IMAGE from RAM after a hardware reset.

    IMAGE is a boot image, or a folder or zip archive with the images of a ROM.

    Loads IMAGE, resets the phone, and checks that the kernel of IMAGE runs. Nothing is flashed; a restart
    brings the phone back to its own system.
    """
    if from_rom and wanted.dry_run:
        raise click.UsageError("--from-rom cannot be combined with --dry-run.")
    source = wanted.files.read()
    with journaled(settings, connect_s=min(wait_s, RESTART_S)) as (phone, journal):
        if from_rom and record.is_guest(phone.kernel()):
            restart(phone, wait_s=wait_s)
        planned = _prepare(settings, wanted, phone, source, journal, wait_s)
        if wanted.dry_run:
            phone.clean()
        else:
            planned.start(phone, journal, wait_s=wait_s, quiesce=quiesce)
    if wanted.dry_run:
        emit_plan(settings, wanted, phone.profile, planned.prepared, journal)
    else:
        settings.emit(journal.document(), lambda: show(journal))


def _prepare(
    settings: Settings, wanted: Wanted, phone: Phone, source: RomSource, journal: Journal, wait_s: float
) -> PlannedRom:
    """Prepare the boot; if a ROM runs that is no host, restart into the own system, after a question."""
    way = kexec.soft if wanted.via == SOFT else kexec.hardboot
    try:
        return way.prepare(phone, wanted.request(source), journal)
    except RefusedError as error:
        now = journal.host
        if wanted.dry_run or now is None or not record.is_guest(now):
            raise
        if record.is_panic_kernel(now) or host.has_hardboot(phone):
            raise  # a restart would lose the dump, or be no help
        if not (settings.yes or sys.stdin.isatty()):
            raise RefusedError(
                f"{error.what}: a ROM is running",
                state=error.state,
                fix="Restart the phone first (hardboot reboot), or let this command do it: --from-rom",
            ) from error
        name = f"{phone.profile.name} {phone.serialno}"
        confirm(settings, f"A ROM is running. This restarts {name} into its own system first.")
    restart(phone, wait_s=wait_s)
    return way.prepare(phone, wanted.request(source), journal)

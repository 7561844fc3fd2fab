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
from hardboot.flows import boot as flow
from hardboot.flows.journal import Journal
from hardboot.flows.load import PreparedRom
from hardboot.flows.restart import RESTART_S, restart
from hardboot.flows.rom_source import RomSource


@click.command(
    cls=Command, example="hardboot boot rom.img --dry-run\nhardboot boot rom.img --append loglevel=7"
)
@image_options
@click.option("--from-rom", is_flag=True, help="Restart the phone into its own system first, if a ROM runs.")
@start_options
@pass_settings
def boot(settings: Settings, wanted: Wanted, wait_s: float, quiesce: bool, from_rom: bool) -> None:
    """Boot IMAGE from RAM after a hardware reset.

    Loads IMAGE, resets the phone, and checks that the kernel of IMAGE runs. Nothing is flashed; a restart
    brings the phone back to its own system.
    """
    if from_rom and wanted.dry_run:
        raise click.UsageError("--from-rom cannot be combined with --dry-run.")
    source = wanted.files.read()
    with journaled(settings, connect_s=min(wait_s, RESTART_S)) as (phone, journal):
        if from_rom and record.is_guest(phone.kernel()):
            restart(phone, wait_s=wait_s)
        prepared = _prepare(settings, wanted, phone, source, journal, wait_s)
        if wanted.dry_run:
            phone.clean()
        else:
            flow.boot(phone, prepared, journal, wait_s=wait_s, quiesce=quiesce)
    if wanted.dry_run:
        emit_plan(settings, wanted, phone.profile, prepared, journal)
    else:
        settings.emit(journal.document(), lambda: show(journal))


def _prepare(
    settings: Settings, wanted: Wanted, phone: Phone, source: RomSource, journal: Journal, wait_s: float
) -> PreparedRom:
    """Prepare the boot; if a ROM runs that is no host, restart into the own system, after a question."""
    try:
        return wanted.prepare(phone, source, journal)
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
    return wanted.prepare(phone, source, journal)

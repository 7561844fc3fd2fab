"""hardboot boot: `load` and `exec` in one command."""

import click

from hardboot.commands.common import Command, Settings, journaled, pass_settings
from hardboot.commands.exec import show, start_options
from hardboot.commands.load import Wanted, emit_plan, image_options
from hardboot.flows import boot as flow
from hardboot.flows import rom as roms


@click.command(cls=Command)
@image_options
@start_options
@pass_settings
def boot(settings: Settings, wanted: Wanted, wait_s: float, quiesce: bool) -> None:
    """Boot IMAGE from RAM after a hardware reset.

    Loads IMAGE, resets the phone, and checks that the kernel of IMAGE runs. Nothing is flashed; a restart
    brings the phone back to its own system.
    """
    rom = roms.read(wanted.image)
    with journaled(settings) as (phone, journal):
        prepared = wanted.prepare(phone, rom, journal)
        if wanted.dry_run:
            phone.clean()
        else:
            flow.boot(phone, prepared, journal, wait_s=wait_s, quiesce=quiesce)
    if wanted.dry_run:
        emit_plan(settings, wanted, phone.profile, prepared, journal)
    else:
        settings.emit(journal.document(), lambda: show(journal))

"""hardboot unload: drop what is loaded."""

import click

from hardboot import load as flow
from hardboot.commands.common import Command, Settings, pass_settings
from hardboot.phone import connected


@click.command(cls=Command)
@pass_settings
def unload(settings: Settings) -> None:
    """Drop what is loaded, whoever loaded it. The phone runs on."""
    with connected(settings.serial, settings.device) as phone:
        found = flow.unload(phone)
    document = {
        "device": phone.profile.name,
        "serial": phone.serialno,
        "kexec_loaded": found.loaded,
        "dropped": found.record.document() if found.record else None,
    }
    settings.emit(
        document,
        lambda: click.echo("Nothing was loaded." if found.loaded is False else f"hardboot: dropped {found}"),
    )

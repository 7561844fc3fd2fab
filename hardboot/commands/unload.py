"""hardboot unload: drop what is loaded."""

import click

from hardboot.commands.common import Command, Settings, pass_settings
from hardboot.device.phone import connected
from hardboot.flows import load as flow


@click.command(cls=Command)
@click.option("--panic", is_flag=True, help="Drop the panic kernel instead.")
@pass_settings
def unload(settings: Settings, panic: bool) -> None:
    """Drop what is loaded, whoever loaded it. The phone runs on."""
    if panic:
        _unload_panic(settings)
        return
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


def _unload_panic(settings: Settings) -> None:
    from hardboot.crash import panic

    with connected(settings.serial, settings.device) as phone:
        was_loaded = panic.unload(phone)
    document = {
        "device": phone.profile.name,
        "serial": phone.serialno,
        "kexec_crash_loaded": was_loaded,
        "dropped": None,
    }
    text = "hardboot: dropped the panic kernel" if was_loaded else "No panic kernel was loaded."
    settings.emit(document, lambda: click.echo(text))

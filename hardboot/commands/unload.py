"""hardboot unload: unload the loaded image."""

import click

from hardboot.commands.command import Command
from hardboot.commands.common import Settings, connected, echo, pass_settings
from hardboot.crash import panic as panic_kernel
from hardboot.device.kept_files import FOLDER
from hardboot.flows import load as flow


@click.command(cls=Command, example="hardboot unload\nhardboot unload --clear-cache")
@click.option("--panic", is_flag=True, help="Unload the panic kernel instead.")
@click.option(
    "--clear-cache",
    is_flag=True,
    help=f"Remove the files that hardboot keeps on the phone for the next load, too ({FOLDER}).",
)
@pass_settings
def unload(settings: Settings, panic: bool, clear_cache: bool) -> None:
    """Unload the loaded image. The phone keeps running."""
    if panic:
        _unload_panic(settings, clear_cache)
        return
    with connected(settings, exclusive=True) as phone:
        found = flow.unload(phone)
        if clear_cache:
            phone.forget_kept()
    document = {
        "device": phone.profile.name,
        "serial": phone.serialno,
        "kexec_loaded": found.loaded,
        "dropped": found.record.document() if found.record else None,
    }
    text = "Nothing was loaded." if found.loaded is False else f"Unloaded {found}"
    settings.emit(document, lambda: echo(text))


def _unload_panic(settings: Settings, clear_cache: bool) -> None:
    with connected(settings, exclusive=True) as phone:
        was_loaded = panic_kernel.unload(phone)
        if clear_cache:
            phone.forget_kept()
    document = {
        "device": phone.profile.name,
        "serial": phone.serialno,
        "kexec_crash_loaded": was_loaded,
        "dropped": None,
    }
    text = "Unloaded the panic kernel" if was_loaded else "No panic kernel was loaded."
    settings.emit(document, lambda: echo(text))

"""hardboot log: what the kernel before this one said last."""

from dataclasses import asdict

import click

from hardboot.base.errors import DeviceError
from hardboot.commands.common import Command, Settings, pass_settings
from hardboot.crash import lastlog
from hardboot.device.phone import connected


@click.command(name="log", cls=Command)
@click.option("--all", "every", is_flag=True, help="All that was kept, not only the console.")
@pass_settings
def last_log(settings: Settings, every: bool) -> None:
    """Show what the phone's kernel said before the last restart: of a ROM that crashed, of a panic.

    It comes from RAM that keeps its content over a reset (pstore, or /proc/last_kmsg).
    """
    with connected(settings.serial, settings.device) as phone:
        found = lastlog.read(phone)
        document = {"device": phone.profile.name, "serial": phone.serialno}
    if not found:
        raise DeviceError(
            "the phone kept no log: nothing in /sys/fs/pstore, and no /proc/last_kmsg",
            state="The phone is as it was.",
            fix="Look whether its kernel has pstore and a place in RAM for it (ramoops in its device tree); "
            "after a cold start there is none.",
        )
    shown = found if every else found[:1]

    def show() -> None:
        for one in shown:
            if every:
                click.echo(f"==> {one.path} <==")
            click.echo(one.text, nl=not one.text.endswith("\n"))

    settings.emit({**document, "logs": [asdict(one) for one in shown]}, show)

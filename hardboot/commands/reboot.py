"""hardboot reboot: restart the phone through its bootloader."""

import click

from hardboot.commands.command import Command
from hardboot.commands.common import Settings, connected, echo, pass_settings, wait_option
from hardboot.flows.restart import restart


@click.command(cls=Command, example="hardboot reboot")
@wait_option("Wait at most SECONDS for the phone to answer over ADB; hardboot always waits.", bare=True)
@pass_settings
def reboot(settings: Settings, wait_s: float) -> None:
    """Restart the phone, and show which kernel came up.

    A ROM that hardboot booted ends, and the phone boots its own system; a loaded image is lost.
    """
    with connected(settings, exclusive=True, restarts=True) as phone:
        done = restart(phone, wait_s=wait_s)
        name = f"{phone.profile.name} {phone.serialno}"
        document = {
            "device": phone.profile.name,
            "serial": phone.serialno,
            "host": done.document(),
        }
    known = {
        True: "with hardboot support",
        False: "without hardboot support",
        None: "hardboot support unknown (hardboot status)",
    }
    release, support = done.kernel.release, known[done.hardboot]
    settings.emit(document, lambda: echo(f"{name} runs kernel {release}, {support}."))

"""hardboot log: show the previous kernel's log."""

from dataclasses import asdict

import click

from hardboot.attempts import aftermath
from hardboot.base.errors import DeviceError
from hardboot.commands.command import Command
from hardboot.commands.common import Settings, connected, echo, echo_lines, pass_settings
from hardboot.crash import lastlog


@click.command(name="log", cls=Command, example="hardboot log --all")
@click.option("--all", "every", is_flag=True, help="Show every log that was kept, not only the console.")
@pass_settings
def last_log(settings: Settings, every: bool) -> None:
    """Show the previous kernel's log.

    It is kept in RAM over a reset (pstore or /proc/last_kmsg), and tells why a ROM or a panic kernel failed.
    """
    with connected(settings) as phone:
        found = lastlog.read(phone)
        aftermath.collect(phone, found)
        document = {"device": phone.profile.name, "serial": phone.serialno}
    if not found:
        raise DeviceError(
            "the phone kept no log: /sys/fs/pstore is empty, and there is no /proc/last_kmsg",
            state="The phone is as it was.",
            fix="Check that its kernel has pstore and RAM reserved for it (ramoops in its device tree); "
            "after a cold start there is no log.",
        )
    shown = found if every else found[:1]

    def show() -> None:
        for one in shown:
            if every:
                echo(f"==> {one.path} <==")
            echo_lines(one.text)

    settings.emit({**document, "logs": [asdict(one) for one in shown]}, show)

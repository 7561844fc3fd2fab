"""hardboot home: return the phone to its own system."""

import click

from hardboot.attempts import aftermath
from hardboot.base.interrupts import if_cut_off
from hardboot.commands.command import Command
from hardboot.commands.common import Settings, ask_to_put_back, echo, pass_settings, wait_option
from hardboot.device import record
from hardboot.device.phone import connected
from hardboot.flows import home as flow
from hardboot.flows.home import Returned

_CONTENT = {
    "old": "what it held before",
    "new": "what was written",
    "neither": "neither the old nor the new content",
}


@click.command(cls=Command, example="hardboot home --dry-run\nhardboot home")
@click.option("--dry-run", is_flag=True, help="Show what would be done; change nothing.")
@wait_option("Wait at most SECONDS for the phone after a restart.")
@pass_settings
def home(settings: Settings, dry_run: bool, wait_s: float) -> None:
    """Return the phone to its own system, and put back what its partitions held.

    Restarts the phone if a ROM runs, undoes what `boot` wrote to partitions, and settles a write that was cut
    off. Each partition is read back and compared. It may be repeated at any time.
    """
    with connected(settings.serial, settings.chosen(), exclusive=True) as phone:
        with if_cut_off("Nothing was changed."):
            aftermath.collect(phone, alone=True)
        agree = ask_to_put_back(settings)
        done = flow.look(phone) if dry_run else flow.go(phone, wait_s=wait_s, agree=agree)
        name = f"{phone.profile.name} {phone.serialno}"
        document = {
            "device": phone.profile.name,
            "serial": phone.serialno,
            "dry_run": dry_run,
            **done.document(),
        }
    settings.emit(document, lambda: _print(name, done, dry_run=dry_run))


def _print(name: str, done: Returned, *, dry_run: bool) -> None:
    if done.touched:
        width = max(len(one.partition) for one in done.touched)
        for one in done.touched:
            held, holds = _CONTENT[one.held], _CONTENT[one.holds]
            what = f"holds {holds}" if one.held == one.holds else f"held {held}, now holds {holds}"
            echo(f"  {one.partition:<{width}}  {what}  (sha256 {one.sha256[:16]}…)")
    runs_rom = record.is_guest(done.kernel)
    system = "a ROM" if runs_rom else "its recovery" if done.recovery else "its own system"
    echo(f"{name} runs {system} (kernel {done.kernel.release}).")
    if dry_run and done.change:
        echo(f"{done.change.summary[:1].upper()}{done.change.summary[1:]}.")
    if dry_run and (runs_rom or done.change):
        steps = [*(["puts that back"] if done.change else []), *(["restarts the phone"] if runs_rom else [])]
        echo(f"hardboot home {' and '.join(steps)}.")
    elif not (done.restarted or done.change):
        echo("Nothing to do.")

"""hardboot exec: boot the loaded image."""

from collections.abc import Callable
from typing import Any

import click

from hardboot.attempts.recording import recorded
from hardboot.commands.command import Command
from hardboot.commands.common import Settings, echo, journaled, pass_settings, wait_option
from hardboot.device.record import FASTBOOT, FLASH, HARD, RECOVERY, SLOT, SOFT
from hardboot.flows import execute as flow
from hardboot.flows.journal import Journal
from hardboot.flows.restart import RESTART_S

_HOW = {
    HARD: "",
    SOFT: ", started without a reset",
    FASTBOOT: ", started by fastboot boot",
    RECOVERY: ", started from the recovery partition",
    SLOT: ", started from the other slot",
    FLASH: ", started from the boot partition",
}


def start_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that control how an image is started."""
    quiesce = click.option(
        "--no-quiesce",
        "quiesce",
        flag_value=False,
        default=True,
        help="Do not stop Android and flush the disks first (for experts).",
    )
    wait = wait_option("Wait at most SECONDS for the ROM to answer over ADB.")
    return wait(quiesce(function))


@click.command(name="exec", cls=Command, example="hardboot load rom.img\nhardboot exec")
@start_options
@pass_settings
def execute(settings: Settings, wait_s: float, quiesce: bool) -> None:
    """Boot the image that `hardboot load` loaded, from this computer or another.

    Checks that the kernel of the image runs.
    """
    with (
        journaled(settings, connect_s=min(wait_s, RESTART_S), restarts=True) as (phone, journal),
        recorded(phone, journal, command=settings.words),
    ):
        flow.execute(phone, journal, wait_s=wait_s, quiesce=quiesce)
    settings.emit(journal.document(), lambda: show(journal))


def show(journal: Journal) -> None:
    """Print the phases of a start and its result."""
    assert journal.host is not None
    assert journal.guest is not None
    assert journal.loaded is not None
    names = [phase.name for phase in journal.phases] + [f"  {one.step}" for one in journal.quiesce]
    width = max(map(len, names))
    for phase in journal.phases:
        echo(f"  {phase.name:<{width}} {phase.seconds:6.1f} s")
        if phase.name == "quiesce":
            for one in journal.quiesce:
                echo(f"    {one.step:<{width - 2}} {one.seconds:6.1f} s  {one.result}")
    echo(f"  {'total':<{width}} {sum(phase.seconds for phase in journal.phases):6.1f} s")
    echo(f"  host  {journal.host.release}, boot id {journal.host.boot_id}")
    echo(f"  guest {journal.guest.release}, boot id {journal.guest.boot_id}")
    how = _HOW[journal.loaded.start]
    echo(f"{journal.loaded.image} is running (kernel {journal.guest.release}{how}).")
    if journal.loaded.start == FLASH:
        echo("Every restart starts it again. Return to the phone's own system: hardboot home")
    else:
        echo("Restart the phone to return to its own system.")

"""hardboot boot: the main job."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from hardboot import boot as flow
from hardboot import log, memorymap
from hardboot import rom as roms
from hardboot.commands.common import Command, Settings, pass_settings
from hardboot.commands.plan import describe, show
from hardboot.errors import HardbootError, RefusedError
from hardboot.phone import KernelIdentity, connected
from hardboot.profile import Profile
from hardboot.restart import WAIT_S


@click.command(cls=Command)
@click.argument("image", type=click.Path(path_type=Path))
@click.option("--cmdline", help="Kernel command line instead of the image's own.")
@click.option("--append", help="Words behind the kernel command line.")
@click.option(
    "--dry-run", is_flag=True, help="Check and plan with the connected phone; push and load nothing."
)
@click.option("--untested", is_flag=True, help="Boot a phone on which nobody has seen hardboot work yet.")
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(1, 3600),
    default=WAIT_S,
    show_default=True,
    help="Seconds the ROM may take to answer over ADB.",
)
@pass_settings
def boot(
    settings: Settings,
    image: Path,
    cmdline: str | None,
    append: str | None,
    dry_run: bool,
    untested: bool,
    wait_s: float,
) -> None:
    """Boot IMAGE from RAM: load it, reset the hardware, and prove that its kernel came up.

    Nothing is flashed. A restart brings the phone back to its own system.
    """
    rom = roms.read(image)
    with connected(settings.serial, settings.device) as phone:
        journal = flow.Journal(phone.profile.name, phone.serialno)
        try:
            check_tried(phone.profile, allowed=untested or dry_run)
            prepared = flow.prepare(phone, rom, journal, cmdline=cmdline, append=append)
            if dry_run:
                phone.clean()
            else:
                flow.boot(phone, prepared, journal, wait_s=wait_s)
        except HardbootError as error:
            error.result = _document(journal)
            raise
    if dry_run:
        picture = memorymap.draw(
            prepared.plan,
            banks=prepared.live.banks,
            host=prepared.live.kernel,
            mem_min=phone.profile.mem_min,
        )
        title = f"{image.name} on {journal.device}"
        settings.emit(
            {**_document(journal), "plan": describe(prepared.plan, prepared.cmdline)},
            lambda: show(prepared.plan, picture, prepared.cmdline, title, prepared.tree_reason),
        )
    else:
        settings.emit(_document(journal), lambda: _print(journal))


def check_tried(profile: Profile, *, allowed: bool) -> None:
    """See that hardboot was seen to work on such a phone, or that the user wants to be the first.

    Raises:
        RefusedError: If the profile is untested and that is not `allowed`.
    """
    if profile.status != "untested":
        return
    what = f"nobody has reported yet that hardboot works on {profile.title}"
    if not allowed:
        raise RefusedError(
            f"{what}: addresses in its profile may be wrong",
            unchanged="Nothing was sent.",
            fix=f"Read hardboot devices show {profile.name}, have a way back to a working boot partition, "
            "and add --untested.",
        )
    log.warn(what)


def _document(journal: flow.Journal) -> dict[str, Any]:
    return {
        "outcome": journal.outcome,
        "device": journal.device,
        "serial": journal.serial,
        "host": _kernel(journal.host),
        "guest": _kernel(journal.guest),
        "pushed_bytes": journal.pushed_bytes,
        "phases": [{"name": phase.name, "seconds": round(phase.seconds, 3)} for phase in journal.phases],
    }


def _kernel(found: KernelIdentity | None) -> dict[str, str] | None:
    return asdict(found) if found else None


def _print(journal: flow.Journal) -> None:
    assert journal.host is not None
    assert journal.guest is not None
    width = max(len(phase.name) for phase in journal.phases)
    for phase in journal.phases:
        click.echo(f"  {phase.name:<{width}} {phase.seconds:6.1f} s")
    click.echo(f"  {'total':<{width}} {sum(phase.seconds for phase in journal.phases):6.1f} s")
    click.echo(f"  host  {journal.host.release}, boot id {journal.host.boot_id}")
    click.echo(f"  guest {journal.guest.release}, boot id {journal.guest.boot_id}")
    click.echo(f"hardboot: guest {journal.guest.release} is up after a hardware reset")

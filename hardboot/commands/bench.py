"""hardboot bench: how long each way to restart the phone takes."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hardboot.commands.common import Command, Settings, confirm, pass_settings, wait_option

if TYPE_CHECKING:
    from hardboot.flows.bench import Bench

_TITLES = {"reboot": "full reboot", "hardboot": "hardboot", "soft": "soft kexec"}


@click.command(cls=Command)
@click.argument("image", required=False, type=click.Path(path_type=Path))
@click.option(
    "-n", "rounds", type=click.IntRange(1, 1000), default=5, show_default=True, help="Restarts by each way."
)
@click.option("--svg", type=click.Path(path_type=Path), metavar="FILE", help="Write a bar chart to FILE.")
@click.option("--untested", is_flag=True, help="Also where nobody has seen it work yet.")
@wait_option("Seconds a system may take to answer over ADB.")
@pass_settings
def bench(
    settings: Settings, image: Path | None, rounds: int, svg: Path | None, untested: bool, wait_s: float
) -> None:
    """Restart the phone by every way it supports and compare the times, from command to root shell.

    A full reboot goes through the bootloader into the phone's own system; hardboot and soft kexec start
    IMAGE, loaded beforehand. Without IMAGE they start the phone's own boot image: all ways end in the same
    kernel then, and the ratio says what the way itself costs.
    """
    from hardboot.base.files import write_atomic
    from hardboot.commands import barchart
    from hardboot.commands.load import check_tried
    from hardboot.device.phone import connected
    from hardboot.flows import bench as flow
    from hardboot.flows import rom

    guest = rom.read(image) if image else None
    with connected(settings.serial, settings.device) as phone:
        check_tried(phone.profile, allowed=untested)
        ways = flow.ways(phone, untested=untested)
        confirm(
            settings, f"Restart {phone.profile.name} {phone.serialno} {rounds} times by {', '.join(ways)}?"
        )
        if guest:
            found = flow.bench(phone, guest, ways, rounds=rounds, wait_s=wait_s)
        else:
            found = flow.own_bench(phone, ways, rounds=rounds, wait_s=wait_s)
    if svg is not None:
        bars = [
            (
                _TITLES[way],
                f"{found.median(way):.2f} s, ratio {found.ratio(way):.2f}",
                list(found.typical(way).phases.items()),
            )
            for way in found.ways
        ]
        title = f"{phone.profile.title}: from the command to a root shell"
        write_atomic(svg, [barchart.svg(title, bars, "s").encode()])
    settings.emit(found.document(), lambda: _print(found))


def _print(found: "Bench") -> None:
    names = list(dict.fromkeys(name for way in found.ways for name in found.typical(way).phases))
    click.echo(f"  {'way':<12}{'median':>8}{'least':>8}{'most':>8}{'ratio':>7}")
    for way in found.ways:
        runs = found.of(way)
        click.echo(
            f"  {_TITLES[way]:<12}{found.median(way):>6.2f} s{runs[0].seconds:>6.2f} s"
            f"{runs[-1].seconds:>6.2f} s{found.ratio(way):>7.2f}"
        )
    click.echo("  phases of the run in the middle, seconds:")
    for way in found.ways:
        phases = found.typical(way).phases
        told = ", ".join(f"{name} {phases[name]:.2f}" for name in names if name in phases)
        click.echo(f"  {_TITLES[way]:<12}{told}")
    click.echo(f"  full reboot starts {found.host.release} from the boot partition")
    if found.guest:
        click.echo(f"  the others start {found.guest.release} from {found.image}, loaded beforehand")

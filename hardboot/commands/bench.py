"""hardboot bench: measure how long each restart method of the phone takes."""

from functools import partial
from pathlib import Path

import click

from hardboot.attempts.recording import recorded
from hardboot.commands.command import Command
from hardboot.commands.common import Settings, confirm, connected, count, echo, pass_settings, wait_option
from hardboot.flows import bench as flow
from hardboot.flows import load, phone_images
from hardboot.flows.bench_runs import Bench
from hardboot.flows.rom_source import RomFiles

_TITLES = {"reboot": "full reboot", "hardboot": "hardboot", "soft": "soft kexec"}


@click.command(cls=Command, example="hardboot bench -n 10")
@click.argument("image", required=False, type=click.Path(path_type=Path))
@click.option(
    "-n",
    "rounds",
    metavar="N",
    type=click.IntRange(1, 1000),
    default=5,
    show_default=True,
    help="Restart N times by each method.",
)
@click.option("--untested", is_flag=True, help="Allow phones on which hardboot has never been tested.")
@wait_option("Wait at most SECONDS for a system to answer over ADB.")
@pass_settings
def bench(settings: Settings, image: Path | None, rounds: int, untested: bool, wait_s: float) -> None:
    """Measure how long each restart method takes, from the command to a root shell.

    A full reboot goes through the bootloader into the phone's own system; hardboot and soft kexec boot IMAGE,
    which is loaded before the measurement. Without IMAGE they boot the phone's own images: all methods
    then end in the same kernel, and the ratio compares the methods themselves.
    """
    source = RomFiles(image).read() if image else None
    with connected(settings, exclusive=True, restarts=True) as phone:
        load.check_tested(phone.profile, allowed=untested)
        methods = flow.supported_methods(phone, untested=untested)
        titles = ", ".join(_TITLES[method] for method in methods)
        times = count(rounds * len(methods), "time")
        confirm(settings, f"This restarts {phone.profile.name} {phone.serialno} {times} ({titles}).")
        guest = source.complete(phone) if source else phone_images.own(phone)
        kept = partial(recorded, phone, command=settings.words, only_failed=True)
        found = flow.bench(phone, guest, methods, rounds=rounds, wait_s=wait_s, recorded=kept)
    settings.emit(found.document(), lambda: _print(found))


def _print(found: Bench) -> None:
    names = list(dict.fromkeys(name for method in found.methods for name in found.typical(method).phases))
    echo(f"  {'method':<12}{'median':>8}{'least':>8}{'most':>8}{'ratio':>7}")
    for method in found.methods:
        runs = found.of(method)
        echo(
            f"  {_TITLES[method]:<12}{found.median(method):>6.2f} s{runs[0].seconds:>6.2f} s"
            f"{runs[-1].seconds:>6.2f} s{found.ratio(method):>7.2f}"
        )
    echo("  phases of the median run, in seconds:")
    for method in found.methods:
        phases = found.typical(method).phases
        listed = ", ".join(f"{name} {phases[name]:.2f}" for name in names if name in phases)
        echo(f"  {_TITLES[method]:<12}{listed}")
    echo(f"  full reboot boots {found.host.release} from the boot partition")
    if found.guest:
        echo(f"  the others boot {found.guest.release} from {found.image}, loaded before")

"""`hardboot patch config`: the options of a patched tree into a kernel configuration, and a check of it."""

from dataclasses import asdict
from pathlib import Path

import click

from hardboot.commands.common import Command, Settings, pass_settings
from hardboot.commands.patch import series_of


@click.command(cls=Command)
@click.argument("tree", type=click.Path(path_type=Path))
@click.option(
    "--config",
    "path",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The configuration to change; default: .config in TREE.",
)
@pass_settings
def config(settings: Settings, tree: Path, path: Path | None) -> None:
    """Set the options of the patched kernel source TREE in its configuration.

    Merges hardboot.config, runs the tree's olddefconfig, and checks that all options are there and that none
    is on which keeps hardboot from working. FILE is only written then.
    """
    from hardboot.base import log
    from hardboot.base.errors import InputError
    from hardboot.patches.config import configure
    from hardboot.patches.series import CONFIG_NAME

    path = path or tree / ".config"
    series = series_of(settings, tree)
    with log.step(f"Configuring {tree}"):
        lost = configure(tree, series.arch, path)

    def show() -> None:
        said: set[str] = set()  # one option that is off takes others with it, for the same reason
        for one in lost:
            found, wanted = ("off" if value == "n" else value for value in (one.found, one.wanted))
            click.echo(f"CONFIG_{one.symbol} is {found}, not {wanted}:")
            for reason in one.reason.split("; "):
                if reason not in said:
                    click.echo(f"  {reason}")
                said.add(reason)
        if not lost:
            click.echo(f"{path}: all options are as {CONFIG_NAME} needs them")

    settings.emit({"config": str(path), "lost": [asdict(one) for one in lost]}, show)
    if lost:
        raise InputError(
            f"{len(lost)} option{'s are' if len(lost) > 1 else ' is'} not as hardboot needs: "
            f"{', '.join(x.symbol for x in lost)}",
            state=f"{path} is as it was.",
            fix="Change it as the reasons above say, and try again.",
        )

"""hardboot patch config: set the options of a patched tree in a kernel configuration."""

from dataclasses import asdict
from pathlib import Path

import click

from hardboot.base import log
from hardboot.base.errors import InputError
from hardboot.commands.command import Command
from hardboot.commands.common import Settings, count, echo, pass_settings
from hardboot.commands.patch import series_of
from hardboot.patches.config import configure
from hardboot.patches.series import CONFIG_NAME


@click.command(cls=Command, example="hardboot patch config linux")
@click.argument("tree", type=click.Path(path_type=Path))
@click.option(
    "--config",
    "path",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Change this configuration instead of TREE/.config.",
)
@pass_settings
def config(settings: Settings, tree: Path, path: Path | None) -> None:
    """Set and check the kernel options of the patched kernel source TREE.

    Merges hardboot.config into the configuration and runs the tree's olddefconfig. The configuration is
    written if all options are set and none is on that keeps hardboot from working.
    """
    path = path or tree / ".config"
    series = series_of(settings, tree)
    with log.step(f"Configuring {tree}"):
        lost = configure(tree, series.arch, path)

    def show() -> None:
        printed: set[str] = set()  # an option that is off turns others off, for the same reason
        for one in lost:
            found, wanted = ("off" if value == "n" else value for value in (one.found, one.wanted))
            echo(f"CONFIG_{one.symbol} is {found}, not {wanted}:")
            for reason in one.reason.split("; "):
                if reason not in printed:
                    echo(f"  {reason}")
                printed.add(reason)
        if not lost:
            echo(f"{path}: all options of {CONFIG_NAME} are set")
            echo("Build the kernel, then: hardboot host-image BOOT.IMG --kernel FILE -o HOST.IMG")

    settings.emit({"config": str(path), "lost": [asdict(one) for one in lost]}, show)
    if lost:
        raise InputError(
            f"{count(len(lost), 'option is', 'options are')} not as hardboot needs: "
            f"{', '.join(option.symbol for option in lost)}",
            state=f"{path} is as it was.",
            fix="Change the configuration for the reasons above, and try again.",
        )

"""hardboot host-image: the phone's boot image with a patched kernel in it."""

from dataclasses import asdict
from pathlib import Path

import click

from hardboot.base import log
from hardboot.commands.common import Command, Settings, pass_settings
from hardboot.flows import host_image as images


@click.command(name="host-image", cls=Command)
@click.argument("image", metavar="BOOT.IMG", type=click.Path(path_type=Path))
@click.option(
    "--kernel", type=click.Path(path_type=Path), required=True, help="The kernel to put in: a zImage."
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), required=True, help="File to write."
)
@pass_settings
def host_image(settings: Settings, image: Path, kernel: Path, output: Path) -> None:
    """Write the phone's own boot image BOOT.IMG with another kernel.

    Ramdisk, command line and addresses stay. Device trees appended to the old kernel are kept if the new
    one brings none.
    """
    made = images.make(image, kernel, output)
    if made.hardboot_page is None:
        log.warn("this kernel carries no hardboot support: hardboot patch apply TREE --device NAME")

    def human() -> None:
        click.echo(f"{made.path}: {made.size} bytes, kernel {made.kernel_size} bytes")
        if made.hardboot_page is not None:
            click.echo(f"  hardboot page  {made.hardboot_page:#x}")
        if made.dtbs_kept:
            click.echo(f"  kept           {made.dtbs_kept} device trees of the old kernel")

    settings.emit({**asdict(made), "path": str(made.path)}, human)

"""hardboot host-image: replace the kernel of a boot image."""

from dataclasses import asdict
from pathlib import Path

import click

from hardboot.base import log
from hardboot.commands.command import Command
from hardboot.commands.common import Settings, count, echo, pass_settings
from hardboot.flows import host_image as images


@click.command(
    name="host-image", cls=Command, example="hardboot host-image boot.img --kernel zImage -o host.img"
)
@click.argument("image", metavar="BOOT.IMG", type=click.Path(path_type=Path))
@click.option(
    "--kernel",
    metavar="FILE",
    type=click.Path(path_type=Path),
    required=True,
    help="Use this kernel: a zImage, on arm64 an Image, packed or not.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="Write the image to FILE.",
)
@pass_settings
def host_image(settings: Settings, image: Path, kernel: Path, output: Path) -> None:
    """Replace the kernel of BOOT.IMG, the phone's own boot image.

    Ramdisk, command line and addresses stay. Device trees appended to the old kernel are kept if the new
    kernel has none. An arm64 kernel is compressed as the old one is.
    """
    made = images.make(image, kernel, output)
    if made.hardboot_page is None:
        log.warn("this kernel has no hardboot support; add it: hardboot patch apply TREE --device NAME")

    def human() -> None:
        echo(f"Wrote {made.path}: {made.size} bytes, kernel {made.kernel_size} bytes")
        if made.hardboot_page is not None:
            echo(f"  hardboot page  {made.hardboot_page:#x}")
        if made.dtbs_kept:
            echo(f"  kept           {count(made.dtbs_kept, 'device tree')} of the old kernel")

    settings.emit({**asdict(made), "path": str(made.path)}, human)

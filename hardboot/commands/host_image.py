"""hardboot host-image: replace the kernel of a boot image."""

from dataclasses import asdict
from pathlib import Path

import click

from hardboot.base import log
from hardboot.base.errors import HardbootError
from hardboot.commands.command import Command
from hardboot.commands.common import Settings, connected, count, echo, pass_settings
from hardboot.flows import host_image as images
from hardboot.flows import root_loss
from hardboot.flows.flash import PARTITION
from hardboot.images.rooted import Root


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

    On a rooted phone, hardboot backup -o boot.img reads BOOT.IMG.

    Ramdisk, command line and addresses stay. Device trees appended to the old kernel are kept if the new
    kernel has none. An arm64 kernel is compressed as the old one is. If the image has no root solution, but
    the boot partition of the connected phone has one, a warning says how to keep it.
    """
    made = images.make(image, kernel, output)
    lost = made.root_lost or ([] if made.root else _only_on_phone(settings))
    for one in lost:
        log.warn(root_loss.warning(one, output.name, others=bool(made.root)))
        log.warn(f"to keep {one.name}, {root_loss.how_to_keep(one, output.name)}")
    if made.hardboot_page is None:
        log.warn("this kernel has no hardboot support; add it: hardboot patch apply TREE --device NAME")

    def human() -> None:
        echo(f"Wrote {made.path}: {made.size} bytes, kernel {made.kernel_size} bytes")
        if made.hardboot_page is not None:
            echo(f"  hardboot page  {made.hardboot_page:#x}")
        if made.dtbs_kept:
            echo(f"  kept           {count(made.dtbs_kept, 'device tree')} of the old kernel")
        echo(f"  root           {', '.join(map(str, made.root)) or 'none in this image'}")
        if made.hardboot_page is not None:
            echo(f"Write it to the phone: hardboot flash-host-kernel {made.path} --reboot")

    roots = {"root": [str(one) for one in made.root], "root_lost": [str(one) for one in lost]}
    settings.emit({**asdict(made), "path": str(made.path), **roots}, human)


def _only_on_phone(settings: Settings) -> tuple[Root, ...]:
    """Return the root solutions in the boot partition of the connected phone; none if none is connected."""
    settings.chosen()  # a profile that is wrong is told
    try:
        with connected(settings, wait_s=0) as phone:
            return root_loss.roots_of(phone.pull_partition(PARTITION))
    except HardbootError as error:
        log.detail(f"the image is not compared with the phone's: {error.what}")
        return ()

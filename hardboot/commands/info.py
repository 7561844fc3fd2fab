"""hardboot info: show what is inside an image."""

from pathlib import Path

import click

from hardboot.base.mapping import map_file
from hardboot.commands import infopage
from hardboot.commands.command import Command
from hardboot.commands.common import Settings, pass_settings
from hardboot.images.describe import describe


@click.command(cls=Command, example="hardboot info boot.img")
@click.argument("image", type=click.Path(path_type=Path))
@pass_settings
def info(settings: Settings, image: Path) -> None:
    """Show what is inside IMAGE.

    IMAGE is a boot, recovery, vendor_boot, dt, dtbo or vbmeta image, a kernel, or a ramdisk. With --json,
    sizes, offsets and addresses are integers.
    """
    document = describe(image, memoryview(map_file(image)))
    settings.emit(document, lambda: infopage.show(document))

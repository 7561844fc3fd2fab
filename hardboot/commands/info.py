"""`hardboot info`: what is inside an image."""

import click

from hardboot.commands import images
from hardboot.commands.common import Command, Settings, pass_settings


@click.command(cls=Command, short_help="What is inside an image.")
@click.argument("image", type=click.Path())
@pass_settings
def info(settings: Settings, image: str) -> None:
    """Show what is inside IMAGE: boot, recovery, vendor_boot, dt, dtbo and vbmeta images, kernels, ramdisks.

    With --json every size, offset and address is an integer.
    """
    images.info(settings, image)

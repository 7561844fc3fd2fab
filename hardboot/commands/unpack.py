"""`hardboot unpack` and `pack`: an image as a folder, and back."""

import click

from hardboot.commands import images
from hardboot.commands.common import Command, Settings, pass_settings


@click.command(cls=Command, short_help="Take an image apart into a folder.")
@click.argument("image", type=click.Path())
@click.argument("folder", type=click.Path())
@pass_settings
def unpack(settings: Settings, image: str, folder: str) -> None:
    """Write the parts of IMAGE into FOLDER, which must not exist or be empty.

    Change parts or image.toml there; hardboot pack makes an image of it again.
    """
    images.unpack(settings, image, folder)


@click.command(cls=Command, short_help="Make an image of a folder again.")
@click.argument("folder", type=click.Path())
@click.argument("image", type=click.Path())
@pass_settings
def pack(settings: Settings, folder: str, image: str) -> None:
    """Write IMAGE from a FOLDER of hardboot unpack.

    If nothing was changed there, IMAGE is what was unpacked, byte for byte. Else sizes, offsets and checksums
    follow, and what changed is told.
    """
    images.pack(settings, folder, image)

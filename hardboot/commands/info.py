"""`hardboot info`: what is inside an image."""

from pathlib import Path

import click

from hardboot.commands.common import Command, Settings, pass_settings


@click.command(cls=Command, short_help="What is inside an image.")
@click.argument("image", type=click.Path(path_type=Path))
@pass_settings
def info(settings: Settings, image: Path) -> None:
    """Show what is inside IMAGE: boot, recovery, vendor_boot, dt, dtbo and vbmeta images, kernels, ramdisks.

    With --json every size, offset and address is an integer.
    """
    from hardboot.describe import ahead

    document = ahead.document(image)

    def human() -> None:
        from hardboot.commands.infopage import show

        show(document)

    settings.emit(document, human)

"""hardboot info: show what is inside an image."""

from pathlib import Path

import click

from hardboot.base.errors import HardbootError
from hardboot.base.mapping import map_file
from hardboot.commands import infopage
from hardboot.commands.command import Command
from hardboot.commands.common import Settings, pass_settings
from hardboot.flows import image_set, rom
from hardboot.flows.image_set import ImageSet
from hardboot.formats.reading import view
from hardboot.images.describe import Document, describe


@click.command(cls=Command, example="hardboot info boot.img\nhardboot info factory.zip")
@click.argument("image", type=click.Path(path_type=Path))
@pass_settings
def info(settings: Settings, image: Path) -> None:
    """Show what is inside IMAGE.

    IMAGE is a boot, recovery, vendor_boot, dt, dtbo or vbmeta image, a kernel, or a ramdisk; or a folder or
    zip archive with the images of a ROM. With --json, sizes, offsets and addresses are integers.
    """
    if image_set.is_set(image):
        found = image_set.find(image, {})
        document = describe_set(found)
        settings.emit(document, lambda: infopage.show_set(document))
        return
    document = describe(image, memoryview(map_file(image)))
    settings.emit(document, lambda: infopage.show(document))


def describe_set(found: ImageSet) -> Document:
    """Describe the images of a ROM, and what its kernel gets."""
    images = {name: describe(found.files[name], view(data)) for name, data in found.images.items()}
    return {"path": str(found.path), "images": images, "rom": _joined(found)}


def _joined(found: ImageSet) -> Document:
    try:
        made = rom.assemble(found)
        return {
            "release": made.release,
            "cmdline": made.cmdline,
            "bootconfig": {key: list(values) for key, values in made.bootconfig.items()},
            "ramdisk_size": len(made.ramdisks()),
            "device_trees": len(made.trees),
            "overlays": None if made.overlays is None else len(made.overlays),
            "missing": list(made.lacks),
        }
    except HardbootError as error:
        return {"problem": error.what}

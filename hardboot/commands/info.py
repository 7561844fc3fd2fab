"""hardboot info: show what is inside an image, or in a download."""

from pathlib import Path

import click

from hardboot.base.errors import HardbootError, InputError
from hardboot.base.mapping import map_file
from hardboot.commands import downloadpage, infopage
from hardboot.commands.command import Command
from hardboot.commands.common import Settings, pass_settings
from hardboot.downloads import Download, is_collection, open_download
from hardboot.flows import image_set, rom
from hardboot.flows.image_set import ImageSet
from hardboot.formats.reading import view
from hardboot.images.describe import Document, describe


@click.command(
    cls=Command, example="hardboot info boot.img\nhardboot info factory.zip\nhardboot info ota.zip"
)
@click.argument("image", type=click.Path(path_type=Path))
@pass_settings
def info(settings: Settings, image: Path) -> None:
    """Show what is inside IMAGE.

    IMAGE is a boot, recovery, vendor_boot, dt, dtbo or vbmeta image, a kernel, or a ramdisk; or what holds
    the images of a ROM: a folder, a zip or tar archive, an OTA, a payload.bin. With --json, sizes, offsets
    and addresses are integers.
    """
    if is_collection(image):
        with open_download(image) as download:
            document = describe_download(download)
        settings.emit(document, lambda: downloadpage.show(document))
        return
    document = describe(image, memoryview(map_file(image)))
    settings.emit(document, lambda: infopage.show(document))


def describe_download(download: Download) -> Document:
    """Describe a download: all that is in it, its boot images in full, and what the kernel gets.

    Raises:
        InputError: If there is nothing in it that hardboot knows, or a boot image is damaged.
    """
    if not (download.images or download.refused or download.trees):
        raise InputError(
            f"this {download.kind} holds no images",
            file=str(download.path),
            state="Nothing was changed.",
            fix="Give a folder, archive or OTA with images of partitions, such as boot.img.",
        )
    document = {"path": str(download.path), **downloadpage.describe(download), "images": {}, "rom": None}
    if image_set.BOOT in download.images:
        found = image_set.read(download)
        images = {name: describe(found.files[name], view(data)) for name, data in found.images.items()}
        document |= {"images": images, "rom": _joined(found)}
    return document


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

"""hardboot unpack and pack: an image as a folder, and back."""

from dataclasses import asdict
from pathlib import Path

import click

from hardboot.base import log
from hardboot.base.sizes import human_size
from hardboot.commands.command import Command
from hardboot.commands.common import Settings, count, echo, pass_settings
from hardboot.images import unpack as images


@click.command(cls=Command, example="hardboot unpack boot.img boot")
@click.argument("image", type=click.Path(path_type=Path))
@click.argument("folder", type=click.Path(path_type=Path))
@pass_settings
def unpack(settings: Settings, image: Path, folder: Path) -> None:
    """Unpack IMAGE into FOLDER, which must not exist or be empty.

    Edit the parts or image.toml there, then make an image of it with `hardboot pack`.
    """
    unpacked = images.unpack(image, folder)
    for warning in unpacked.warnings:
        log.warn(f"{image}: {warning}")
    if unpacked.signed:
        log.warn("the image is signed; verification fails once it is changed")

    def human() -> None:
        echo(f"{folder}: {unpacked.kind}")
        for name, size in unpacked.parts:
            echo(f"  {name:<18}{human_size(size)}")

    document = {
        "folder": str(folder),
        "kind": unpacked.kind,
        "parts": [{"name": name, "size": size} for name, size in unpacked.parts],
        "signed": unpacked.signed,
        "warnings": list(unpacked.warnings),
    }
    settings.emit(document, human)


@click.command(cls=Command, example="hardboot pack boot new-boot.img")
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("image", type=click.Path(path_type=Path))
@click.option("--grow", is_flag=True, help="Let IMAGE become larger than the partition it was read from.")
@pass_settings
def pack(settings: Settings, folder: Path, image: Path, grow: bool) -> None:
    """Pack a FOLDER of `hardboot unpack` into IMAGE.

    If nothing was changed, IMAGE is the same as the image that was unpacked, byte for byte. Otherwise sizes,
    offsets and checksums are updated and the changes listed. An image read from a partition keeps its size:
    what follows the parts makes room for larger ones.
    """
    packed = images.pack(folder, image, grow=grow)
    if packed.overwritten:
        what = f"{count(packed.overwritten, 'byte')} of unknown data behind the image"
        log.warn(f"overwrote {what}: larger parts need their place")
    if packed.signed:
        log.warn("the signature no longer fits: only an unlocked bootloader accepts this image")

    def human() -> None:
        same = ", identical to the image that was unpacked" if packed.identical else ""
        echo(f"{image}: {packed.kind}, {packed.size} bytes{same}")
        for change in packed.changes:
            echo(f"  {change}")

    settings.emit({**asdict(packed), "path": str(image)}, human)

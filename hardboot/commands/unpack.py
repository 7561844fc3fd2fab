"""hardboot unpack and pack: an image as a folder, and back."""

from pathlib import Path

import click

from hardboot import log
from hardboot.commands.common import Command, Settings, pass_settings
from hardboot.commands.page import safe
from hardboot.records import asdict
from hardboot.sizes import human_size


@click.command(cls=Command, short_help="Take an image apart into a folder.")
@click.argument("image", type=click.Path(path_type=Path))
@click.argument("folder", type=click.Path(path_type=Path))
@pass_settings
def unpack(settings: Settings, image: Path, folder: Path) -> None:
    """Write the parts of IMAGE into FOLDER, which must not exist or be empty.

    Change parts or image.toml there; hardboot pack makes an image of it again.
    """
    from hardboot.unpack import unpack as run

    done = run(image, folder)

    def human() -> None:
        click.echo(f"{done.folder}: {done.kind}")
        for name, size in done.parts:
            click.echo(f"  {name:<18}{human_size(size)}")

    if done.signed:
        log.warn("the image is signed; once it is changed, verification fails")
    settings.emit(
        {
            "folder": str(done.folder),
            "kind": done.kind,
            "parts": [{"name": name, "size": size} for name, size in done.parts],
            "signed": done.signed,
        },
        human,
    )


@click.command(cls=Command, short_help="Make an image of a folder again.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("image", type=click.Path(path_type=Path, dir_okay=False))
@pass_settings
def pack(settings: Settings, folder: Path, image: Path) -> None:
    """Write IMAGE from a FOLDER of hardboot unpack.

    If nothing was changed there, IMAGE is what was unpacked, byte for byte. Else sizes, offsets and checksums
    follow, and what changed is told.
    """
    from hardboot.unpack import pack as run

    done = run(folder, image)

    def human() -> None:
        same = ", as it was unpacked" if done.identical else ""
        click.echo(f"{done.path}: {done.kind}, {done.size} bytes{same}")
        for change in done.changes:
            click.echo(f"  {safe(change)}")

    if done.signed:
        log.warn("the signature no longer fits: only an unlocked bootloader takes this image")
    settings.emit({**asdict(done), "path": str(done.path)}, human)

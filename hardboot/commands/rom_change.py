"""hardboot rom wipe, resize and clone: change and copy stored ROMs."""

import click

from hardboot.base.sizes import human_size
from hardboot.commands.command import Command
from hardboot.commands.common import Settings, confirm, echo, locked, pass_settings
from hardboot.commands.rom_names import check_name, check_new_name
from hardboot.commands.sizes import SIZE
from hardboot.flows.store import clone as cloning
from hardboot.flows.store import resize as resizing
from hardboot.flows.store import stored
from hardboot.flows.store import wipe as wiping
from hardboot.flows.store.refresh import make_startable


@click.command(cls=Command, example="hardboot rom wipe lineage\nhardboot rom wipe lineage cache")
@click.argument("name")
@click.argument("image", default=wiping.DATA)
@pass_settings
def wipe(settings: Settings, name: str, image: str) -> None:
    """Wipe the data of the ROM NAME: an empty file system comes in its place.

    IMAGE is data or cache; by default it is data.
    """
    check_name(name)
    with locked(settings) as phone:
        found = stored.find(phone, name)
        old = wiping.find_image(found, image)
        confirm(
            settings,
            f"This deletes all in {old.name} of {name} on {phone.profile.name} {phone.serialno}.",
            state="Nothing was written.",
        )
        made = wiping.wipe(phone, found, old)
        make_startable(phone, made)
    settings.emit(made.document(), lambda: echo(f"Wiped {old.name} of {name}."))


@click.command(cls=Command, example="hardboot rom resize lineage --data 12G")
@click.argument("name")
@click.option(
    "--data", "size", type=SIZE, metavar="SIZE", required=True, help="Give it so much room: 512M, 4G."
)
@pass_settings
def resize(settings: Settings, name: str, size: int) -> None:
    """Give the data of the ROM NAME more or less room, and keep what is in it.

    Of a Linux ROM, that is its root file system. The phone needs room for the old and the new one meanwhile.
    """
    check_name(name)
    with locked(settings) as phone:
        found = stored.find(phone, name)
        old = resizing.find_image(found)
        made = resizing.resize(phone, found, size)
        make_startable(phone, made)
    sizes = f"{human_size(size)} now, before {human_size(old.size)}"
    settings.emit(made.document(), lambda: echo(f"{old.name} of {name} has {sizes}."))


@click.command(cls=Command, example="hardboot rom clone debian trial")
@click.argument("name")
@click.argument("new")
@pass_settings
def clone(settings: Settings, name: str, new: str) -> None:
    """Copy the ROM NAME with its data, as NEW: both are independent of each other.

    The phone copies by itself; its images are not sent.
    """
    check_name(name)
    check_new_name(new)
    with locked(settings) as phone:
        made = cloning.clone(phone, stored.find(phone, name), new)
        make_startable(phone, made)
    settings.emit(made.document(), lambda: echo(f"Copied {name} to {new}: {human_size(made.size)} on /data."))

"""hardboot rom import: turn a ROM of MultiROM into one of the store."""

import re

import click

from hardboot.commands.command import Command
from hardboot.commands.common import Settings, locked, pass_settings
from hardboot.commands.rom_list import describe
from hardboot.commands.rom_names import check_new_name
from hardboot.commands.sizes import SIZE
from hardboot.flows.store import multirom_import
from hardboot.flows.store.refresh import make_startable
from hardboot.store.multirom import PREFIX

_NAME_MAX = 32  # characters of a name in the store


@click.command(
    name="import",
    cls=Command,
    example="hardboot rom import Debian\nhardboot rom import 'Lineage 14' --name lineage",
)
@click.argument("source", metavar="NAME")
@click.option("--name", metavar="NEW", help="Store it under this name. Default: the one it has.")
@click.option(
    "--data", type=SIZE, metavar="SIZE", help="Give so much room to a root file system that lies in a folder."
)
@pass_settings
def import_(settings: Settings, source: str, name: str | None, data: int | None) -> None:
    """Store a copy of MultiROM's ROM NAME.

    Its data is copied, too; the phone does that by itself. MultiROM's own files are only read; remove the old
    ROM in MultiROM when the copy boots.
    """
    source = source.removeprefix(PREFIX)
    new = name or re.sub(r"[^A-Za-z0-9_.+-]+", "-", source).strip("-")[:_NAME_MAX]
    check_new_name(new)
    with locked(settings) as phone:
        made = multirom_import.import_rom(phone, source, new, size=data)
        make_startable(phone, made)
    settings.emit(made.document(), lambda: describe(made))

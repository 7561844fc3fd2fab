"""hardboot rom: ROMs that are stored on the phone, each with its own data."""

from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import click

from hardboot.base.errors import RefusedError
from hardboot.base.sizes import human_size
from hardboot.base.temporary import temporary_folder
from hardboot.commands import boot as booting
from hardboot.commands.command import Command, Group
from hardboot.commands.common import Settings, confirm, connected, echo, journaled, locked, pass_settings
from hardboot.commands.exec import start_options
from hardboot.commands.load import Wanted
from hardboot.commands.rom_list import describe
from hardboot.commands.rom_names import check_name, check_new_name
from hardboot.commands.sizes import SIZE
from hardboot.downloads import open_download
from hardboot.flows import first_program, image_set
from hardboot.flows import rom as roms
from hardboot.flows.rom_source import RomFiles
from hardboot.flows.store import add as adding
from hardboot.flows.store import archive, checking, default, gsi, sources, stored
from hardboot.flows.store import initramfs as own_initramfs
from hardboot.flows.store import refresh as refreshing
from hardboot.flows.store.add import NewRom
from hardboot.flows.store.write_image import NewImage
from hardboot.flows.ways.way import HARDBOOT
from hardboot.store import multirom
from hardboot.store.manifest import Kind

_PATH = click.Path(path_type=Path)
_untested = click.option(
    "--untested", is_flag=True, help="Allow phones on which hardboot has never been tested."
)
_OTHERS = {
    "Commands": {
        "clone": ("hardboot.commands.rom_change:clone", "Copy the ROM NAME with its data, as NEW."),
        "import": ("hardboot.commands.rom_import:import_", "Store a copy of MultiROM's ROM NAME."),
        "list": ("hardboot.commands.rom_list:list_", "List the ROMs on the phone, and how userdata is used."),
        "pull": ("hardboot.commands.rom_files:pull", "Copy files out of the ROM NAME."),
        "push": ("hardboot.commands.rom_files:push", "Copy files into the ROM NAME."),
        "resize": (
            "hardboot.commands.rom_change:resize",
            "Give the data of the ROM NAME more or less room.",
        ),
        "shell": ("hardboot.commands.rom_files:shell", "Look into the ROM NAME with the phone's own shell."),
        "show": ("hardboot.commands.rom_list:show", "Show the ROM NAME: its images, and where they lie."),
        "wipe": ("hardboot.commands.rom_change:wipe", "Wipe the data of the ROM NAME."),
    }
}


@click.group(
    cls=Group,
    sections=_OTHERS,
    example="hardboot rom add debian boot.img --rootfs root.tar\nhardboot rom boot debian",
)
def rom() -> None:
    """Keep ROMs on the phone, each with its own data.

    A ROM lies in files on the phone's /data. When it runs, it has the blocks of these files as disks, and
    nothing of the phone's own system. A restart brings the phone back to its own system.
    """


@rom.command(
    cls=Command,
    example="hardboot rom add debian boot.img --rootfs root.img\n"
    "hardboot rom add lineage lineage.zip --data 8G\nhardboot rom add test boot.img",
)
@click.argument("name")
@click.argument("image", type=_PATH)
@click.option(
    "--rootfs",
    type=_PATH,
    metavar="PATH",
    help="Use this Linux root file system: an archive, folder or image.",
)
@click.option(
    "--initramfs",
    is_flag=True,
    help="Let IMAGE's own initial ramdisk mount the root file system, which is /dev/dm-0.",
)
@click.option("--system", type=_PATH, metavar="FILE", help="Use this system image of an Android ROM.")
@click.option("--vendor", type=_PATH, metavar="FILE", help="Use this vendor image of an Android ROM.")
@click.option("--data", type=SIZE, metavar="SIZE", help="Give it so much room for its own data: 512M, 4G.")
@click.option("--cache", type=SIZE, metavar="SIZE", help="Give an Android ROM so much room for its cache.")
@click.option("--append", default="", metavar="TEXT", help="Append TEXT to the kernel command line.")
@click.option("--description", default="", metavar="TEXT", help="Describe it in your own words.")
@click.option("--dry-run", is_flag=True, help="Check files and phone; write nothing.")
@pass_settings
def add(
    settings: Settings,
    name: str,
    image: Path,
    rootfs: Path | None,
    initramfs: bool,
    system: Path | None,
    vendor: Path | None,
    data: int | None,
    cache: int | None,
    append: str,
    description: str,
    dry_run: bool,
) -> None:
    """Store the ROM in IMAGE on the phone, as NAME.

    IMAGE is a boot image, or a folder, archive or OTA with the images of a ROM. With --rootfs the ROM is a
    Linux system in an image of its own. With --data alone it is an Android system: its system and vendor
    images come from IMAGE, its data is empty. With neither it is a kernel for the phone's own system.
    """
    check_new_name(name)
    if rootfs and (system or vendor or cache):
        raise click.UsageError("--rootfs cannot be combined with --system, --vendor or --cache.")
    if initramfs and not rootfs:
        raise click.UsageError("--initramfs needs --rootfs.")
    if rootfs and not initramfs and first_program.named_in(append):
        raise click.UsageError("rdinit= needs --initramfs; without it, hardboot starts /sbin/init.")
    if (system or vendor or cache) and data is None:
        raise click.UsageError("An Android ROM needs --data SIZE, the room for its own data.")
    with ExitStack() as stack:
        folder = stack.enter_context(temporary_folder())
        download = stack.enter_context(open_download(image))
        gsi.check_download(download, data)
        found = image_set.find(image, {})
        kind: Kind = "kernel"
        images: dict[str, NewImage] = {}
        if rootfs:
            kind, images = "linux", sources.linux(rootfs, data, folder, mounts_itself=initramfs)
        elif data is not None:
            given = {key: path for key, path in (("system", system), ("vendor", vendor)) if path}
            sizes = {"data": data, **({"cache": cache} if cache else {})}
            kind, images = "android", sources.android(download, given, sizes, folder)
        assembled = roms.assemble(found)
        new = NewRom(
            name=name,
            kind=kind,
            boot=found.images,
            images=images,
            root="root" if kind == "linux" else None,
            description=description,
            release=assembled.release,
            cmdline=own_initramfs.command_line(append) if initramfs else append,
            init=own_initramfs.program(assembled, append) if initramfs else None,
        )
        phone = stack.enter_context(connected(settings) if dry_run else locked(settings))
        gsi.check(phone, new)
        where = adding.check(phone, new, frees=not dry_run)
        if dry_run:
            document = {"name": name, "kind": kind, "size": new.room, "free": where.free}
            place = f"{where.filesystem} on {where.partition}"
            text = f"{name} would take {human_size(new.room)} of /data ({place})."
            settings.emit(document, lambda: echo(text))
            return
        made = adding.add(phone, new, where)
        refreshing.make_startable(phone, made)
    settings.emit(made.document(), lambda: describe(made))


@rom.command(cls=Command, example="hardboot rom rename debian bookworm")
@click.argument("name")
@click.argument("new")
@pass_settings
def rename(settings: Settings, name: str, new: str) -> None:
    """Give the ROM NAME the name NEW."""
    check_new_name(new)
    with locked(settings) as phone:
        stored.find(phone, name)
        stored.rename(phone, name, new)
    settings.emit({"name": new, "was": name}, lambda: echo(f"{name} is called {new} now."))


@rom.command(cls=Command, example="hardboot rom backup debian debian.tar.zst")
@click.argument("name")
@click.argument("file", type=_PATH)
@pass_settings
def backup(settings: Settings, name: str, file: Path) -> None:
    """Save the ROM NAME, with its data, into FILE on this computer.

    FILE is a tar archive, compressed with zstd.
    """
    with locked(settings) as phone:
        found = stored.find(phone, name)
        archive.save(phone, found, file)
    size = file.stat().st_size
    document = {"name": name, "file": str(file), "bytes": size}
    settings.emit(
        document, lambda: echo(f"Wrote {file}: {human_size(size)}, {human_size(found.size)} unpacked.")
    )


@rom.command(
    cls=Command,
    example="hardboot rom restore debian.tar.zst\nhardboot rom restore debian.tar.zst --name copy",
)
@click.argument("file", type=_PATH)
@click.option("--name", help="Store it under this name. Default: the one it had.")
@pass_settings
def restore(settings: Settings, file: Path, name: str | None) -> None:
    """Store the ROM in FILE, which `rom backup` wrote, on the phone again.

    With another name it is a second, independent copy.
    """
    if name is not None:
        check_new_name(name)
    with temporary_folder() as folder, archive.opened(file, folder, name=name) as new:
        check_new_name(new.name)
        with locked(settings) as phone:
            made = adding.add(phone, new, adding.check(phone, new))
            refreshing.make_startable(phone, made)
    settings.emit(made.document(), lambda: describe(made))


@rom.command(cls=Command, example="hardboot rom check")
@pass_settings
def check(settings: Settings) -> None:
    """Check the ROMs on the phone, and clear what a cut-off command left.

    Each image must lie where it was written, and its blocks must be nobody else's. The exit code is 4 if a
    ROM has a problem.
    """
    with locked(settings) as phone:
        found = checking.check(phone)

    def human() -> None:
        for name in found.cleared:
            echo(f"{name}  cleared")
        for name in found.foreign:
            echo(f"{name}  not hardboot's, left alone")
        for one in found.roms:
            wiped = f", wiping {' and '.join(one.wiped)} is finished" if one.wiped else ""
            echo(f"{one.name}  {one.problem or 'ok'}{wiped}")
        if not found.roms:
            echo("No ROMs.")

    settings.emit(asdict(found), human)
    if any(one.problem for one in found.roms):  # `boot` would refuse that one
        raise click.exceptions.Exit(RefusedError.exit_code)


@rom.command(cls=Command, example="hardboot rom remove debian")
@click.argument("name")
@pass_settings
def remove(settings: Settings, name: str) -> None:
    """Remove the ROM NAME and its data, which frees the space."""
    check_name(name)
    with locked(settings) as phone:
        found = stored.look(phone)
        if name in found.names:
            confirm(
                settings, f"This removes {name} and all its data from {phone.profile.name} {phone.serialno}."
            )
            stored.clear(phone, found)
            stored.remove(phone, name)
        elif stored.removed(name) in found.unfinished:  # the command was cut off
            stored.clear(phone, found)
        else:
            stored.find(phone, name)
    settings.emit({"removed": name}, lambda: echo(f"Removed {name}."))


@rom.command(cls=Command, example="hardboot rom boot debian")
@click.argument("name")
@_untested
@booting.from_rom_option
@start_options
@pass_settings
def boot(settings: Settings, name: str, untested: bool, from_rom: bool, wait_s: float, quiesce: bool) -> None:
    """Boot the ROM NAME; a restart brings the phone back to its own system.

    Its blocks are checked first: they must be where they were written, and nobody else's. A ROM of MultiROM
    is multirom:NAME: it runs where MultiROM keeps it, in the phone's own userdata.
    """
    wanted = Wanted(
        RomFiles(None), cmdline=None, append=None, via=HARDBOOT, dry_run=False, svg=None, untested=untested
    )
    if not name.startswith(multirom.PREFIX):
        check_name(name)
    choose = booting.choose_named(wanted, name, is_known=True)
    booting.run(settings, wanted, choose, wait_s=wait_s, quiesce=quiesce, from_rom=from_rom)


@rom.command(cls=Command, example="hardboot rom refresh debian")
@click.argument("name")
@_untested
@pass_settings
def refresh(settings: Settings, name: str, untested: bool) -> None:
    """Make the ROM NAME start from the phone itself, without a computer.

    Plans the start for the running host kernel and leaves all it needs on the phone. Run it again after the
    host kernel has changed. Then, in any terminal on the phone: su -c '/data/hardboot/hardboot boot NAME'
    """
    check_name(name)
    with journaled(settings) as (phone, journal):
        phone.keep_locked()
        found = stored.find(phone, name)
        refreshing.refresh(phone, found, journal, untested=untested)
    document = {"name": name, "command": _on_phone(name)}
    settings.emit(document, lambda: echo(f"{name} starts on the phone: su -c '{_on_phone(name)}'"))


@rom.command(name="default", cls=Command, example="hardboot rom default debian\nhardboot rom default home")
@click.argument("name")
@pass_settings
def default_(settings: Settings, name: str) -> None:
    """Choose what `boot` without a name starts, on this computer and on the phone itself.

    NAME is a ROM, or home, the phone's own system.
    """
    check_name(name)
    with locked(settings) as phone:
        if name != default.HOME:
            stored.find(phone, name)
        default.choose(phone, name)
    settings.emit({"default": None if name == default.HOME else name}, lambda: echo(f"Default: {name}"))


def _on_phone(name: str) -> str:
    return f"{refreshing.PROGRAM} boot {name}"

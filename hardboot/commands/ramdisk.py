"""hardboot ramdisk: list, extract, replace and append files."""

import stat
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from hardboot.base import log
from hardboot.base.sizes import human_size
from hardboot.commands import completion
from hardboot.commands.command import Command, Group
from hardboot.commands.common import Settings, count, echo, pass_settings
from hardboot.formats.archives.cpio import Archive, Entry
from hardboot.images import ramdisk as ramdisks
from hardboot.images.ramdisk import Changed, Ramdisk

_ramdisk = click.argument("ramdisk", type=click.Path(path_type=Path))
_output = click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write to FILE instead of RAMDISK itself.",
)


@click.group(cls=Group, example="hardboot unpack boot.img boot\nhardboot ramdisk list boot/ramdisk")
def ramdisk() -> None:
    """List, extract and change the files of a ramdisk.

    `hardboot unpack` gets the ramdisk out of an image. Root rights are not needed: owners and devices stay in
    the archive.
    """


@ramdisk.command(name="list", cls=Command, example="hardboot ramdisk list boot/ramdisk")
@_ramdisk
@pass_settings
def list_(settings: Settings, ramdisk: Path) -> None:
    """List the files of RAMDISK.

    The order is that in which Linux unpacks them: if a name occurs twice, the last one wins.
    """
    found = ramdisks.read(ramdisk)
    settings.emit(_document(found), lambda: _show(found))


@ramdisk.command(cls=Command, example="hardboot ramdisk extract boot/ramdisk files")
@_ramdisk
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=completion.ramdisk_names)
@pass_settings
def extract(settings: Settings, ramdisk: Path, folder: Path, names: tuple[str, ...]) -> None:
    """Extract RAMDISK into FOLDER, which must not exist or be empty.

    NAMEs select files and folders. Permissions are kept, owners are not; devices are left out. A file behind
    a link to a folder is written into that folder, as Linux does; nothing is written outside of FOLDER.
    """
    done = ramdisks.extract(ramdisk, folder, names)

    def human() -> None:
        echo(f"{done.folder}: {count(done.written, 'entry', 'entries')} extracted")
        if done.left_out:
            echo(f"  left out  {', '.join(done.left_out)} (devices, pipes or sockets)")
        for one in done.ignored:
            echo(f"  ignored   {one.name}: it {one.reason}; Linux does not unpack it either")

    settings.emit({**asdict(done), "folder": str(done.folder)}, human)


@ramdisk.command(cls=Command, example="hardboot ramdisk replace boot/ramdisk init.rc my-init.rc")
@_ramdisk
@click.argument("name", shell_complete=completion.ramdisk_names)
@click.argument("file", type=click.Path(path_type=Path))
@_output
@pass_settings
def replace(settings: Settings, ramdisk: Path, name: str, file: Path, output: Path | None) -> None:
    """Replace the content of file NAME in RAMDISK with FILE.

    The owner and permissions of NAME stay. Everything else stays the same, byte for byte before compression.
    """
    with log.step("Packing the ramdisk"):
        done = ramdisks.replace(ramdisk, name, file, output or ramdisk)
    _emit(settings, done, "replaced")


@ramdisk.command(cls=Command, example="hardboot ramdisk append boot/ramdisk files")
@_ramdisk
@click.argument("folder", type=click.Path(path_type=Path))
@_output
@pass_settings
def append(settings: Settings, ramdisk: Path, folder: Path, output: Path | None) -> None:
    """Add to RAMDISK the files of FOLDER that are new or changed.

    They are appended as an archive of their own, which Linux unpacks over the others. Changed files keep
    their owner, and their mode unless you changed it; new ones belong to root. Files that you deleted from a
    folder of `hardboot ramdisk extract` stay in RAMDISK.
    """
    with log.step("Packing the ramdisk"):
        done = ramdisks.append(ramdisk, folder, output or ramdisk)
    _emit(settings, done, "added")


def _emit(settings: Settings, done: Changed, what: str) -> None:
    def human() -> None:
        echo(f"{done.path}: {human_size(done.size)}, before {human_size(done.old_size)}")
        for name in done.names:
            echo(f"  {what}  {name}")

    settings.emit({**asdict(done), "path": str(done.path)}, human)


def _document(found: Ramdisk) -> dict[str, Any]:
    fragments = [
        {
            "compression": fragment.compression,
            "archives": [
                {"format": archive.kind, "entries": [_entry(archive, entry) for entry in archive.entries]}
                for archive in fragment.archives
            ],
        }
        for fragment in found.fragments
    ]
    return {"ramdisk": str(found.path), "size": found.size, "fragments": fragments, "rest": len(found.rest)}


def _entry(archive: Archive, entry: Entry) -> dict[str, Any]:
    document = {
        "name": entry.name,
        "mode": entry.mode,
        "uid": entry.uid,
        "gid": entry.gid,
        "size": len(entry.data),
        "mtime": entry.mtime,
    }
    if entry.is_link:
        document["target"] = _target(entry)
    device = _device(archive, entry)
    return document | ({"device": device} if device else {})


def _target(entry: Entry) -> str:
    return bytes(entry.data).decode("utf-8", "surrogateescape")


def _device(archive: Archive, entry: Entry) -> str | None:
    """Return a device's numbers, major,minor; odc archives have a single number for both."""
    if not (stat.S_ISBLK(entry.mode) or stat.S_ISCHR(entry.mode)):
        return None
    return str(entry.rdev_minor) if archive.kind == "odc" else f"{entry.rdev_major},{entry.rdev_minor}"


def _show(found: Ramdisk) -> None:
    for fragment in found.fragments:
        for archive in fragment.archives:
            entries = count(len(archive.entries), "entry", "entries")
            echo(f"cpio {archive.kind}, {fragment.compression or 'not compressed'}, {entries}")
            for entry in archive.entries:
                size = _device(archive, entry) or str(len(entry.data))
                target = f" -> {_target(entry)}" if entry.is_link else ""
                head = f"{stat.filemode(entry.mode)} {entry.uid:>5} {entry.gid:>5} {size:>10}"
                echo(f"{head}  {entry.name + target}")
    if len(found.rest):
        echo(f"{count(len(found.rest), 'byte')} behind the archives")

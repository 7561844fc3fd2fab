"""hardboot ramdisk: list, extract, replace, append."""

import stat
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hardboot.base import log
from hardboot.base.sizes import human_size
from hardboot.commands.common import Command, Group, Settings, pass_settings
from hardboot.commands.page import Page, safe

if TYPE_CHECKING:
    from hardboot.formats.archives.cpio import Archive, Entry
    from hardboot.images.ramdisk import Changed, Ramdisk

_ramdisk = click.argument("ramdisk", type=click.Path(path_type=Path))
_output = click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write; default: RAMDISK itself.",
)


@click.group(cls=Group)
def ramdisk() -> None:
    """What is in a ramdisk, and other files in it: as `hardboot unpack` takes one out of an image.

    Root rights are not needed: owners and devices stay in the archive.
    """


@ramdisk.command(name="list", cls=Command, short_help="What is in a ramdisk.")
@_ramdisk
@pass_settings
def list_(settings: Settings, ramdisk: Path) -> None:
    """Show what is in RAMDISK, in the order Linux unpacks it: of one name the last one stays."""
    from hardboot.images.ramdisk import read

    found = read(ramdisk)
    settings.emit(_document(found), lambda: _show(found))


@ramdisk.command(cls=Command, short_help="Its files, into a folder.")
@_ramdisk
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("names", metavar="[NAME]...", nargs=-1)
@pass_settings
def extract(settings: Settings, ramdisk: Path, folder: Path, names: tuple[str, ...]) -> None:
    """Write what is in RAMDISK into FOLDER, which must not exist or be empty.

    With NAMEs only these files and folders. Devices are left out, permissions come along, owners do not.
    """
    from hardboot.images.ramdisk import extract as run

    done = run(ramdisk, folder, names)

    def human() -> None:
        page = Page()
        page.line(safe(f"{done.folder}: {done.written} files, folders and links"))
        if done.left_out:
            page.line(safe(f"  left out  {', '.join(done.left_out)} (no file, folder or link)"))

    settings.emit({**asdict(done), "folder": str(done.folder)}, human)


@ramdisk.command(cls=Command, short_help="Another content for one of its files.")
@_ramdisk
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path))
@_output
@pass_settings
def replace(settings: Settings, ramdisk: Path, name: str, file: Path, output: Path | None) -> None:
    """Put the content of FILE into the file NAME of RAMDISK; its owner and permissions stay.

    All else stays as it is, byte for byte before it is compressed.
    """
    from hardboot.images.ramdisk import replace as run

    with log.step("packing the ramdisk"):
        done = run(ramdisk, name, file, output or ramdisk)
    _emit(settings, done, "replaced")


@ramdisk.command(cls=Command, short_help="More files, and other ones.")
@_ramdisk
@click.argument("folder", type=click.Path(path_type=Path))
@_output
@pass_settings
def append(settings: Settings, ramdisk: Path, folder: Path, output: Path | None) -> None:
    """Add what FOLDER has and RAMDISK has not, as an archive behind the others, which stay as they are.

    Linux unpacks it over them. After `extract` that is what you changed there: changed files keep their
    owner, and their mode unless you changed it; new ones belong to root. What you deleted stays in RAMDISK.
    """
    from hardboot.images.ramdisk import append as run

    with log.step("packing the ramdisk"):
        done = run(ramdisk, folder, output or ramdisk)
    _emit(settings, done, "added")


def _emit(settings: Settings, done: "Changed", what: str) -> None:
    def human() -> None:
        page = Page()
        page.line(safe(f"{done.path}: {human_size(done.size)}, before {human_size(done.old_size)}"))
        for name in done.names:
            page.line(safe(f"  {what}  {name}"))

    settings.emit({**asdict(done), "path": str(done.path)}, human)


def _document(found: "Ramdisk") -> dict[str, Any]:
    segments = [
        {
            "compression": segment.compression,
            "archives": [
                {"format": archive.kind, "entries": [_entry(archive, entry) for entry in archive.entries]}
                for archive in segment.archives
            ],
        }
        for segment in found.segments
    ]
    return {"ramdisk": str(found.path), "size": found.size, "segments": segments, "rest": len(found.rest)}


def _entry(archive: "Archive", entry: "Entry") -> dict[str, Any]:
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


def _target(entry: "Entry") -> str:
    return bytes(entry.data).decode("utf-8", "surrogateescape")


def _device(archive: "Archive", entry: "Entry") -> str | None:
    """The numbers of a device: major,minor; of odc archives, which do not tell them apart, both in one."""
    if not (stat.S_ISBLK(entry.mode) or stat.S_ISCHR(entry.mode)):
        return None
    return str(entry.rdev_minor) if archive.kind == "odc" else f"{entry.rdev_major},{entry.rdev_minor}"


def _show(found: "Ramdisk") -> None:
    page = Page()
    for segment in found.segments:
        for archive in segment.archives:
            how = segment.compression or "not compressed"
            noun = "entry" if len(archive.entries) == 1 else "entries"
            page.heading(f"cpio {archive.kind}, {how}, {len(archive.entries)} {noun}")
            for entry in archive.entries:
                size = _device(archive, entry) or str(len(entry.data))
                target = f" -> {_target(entry)}" if entry.is_link else ""
                head = f"{stat.filemode(entry.mode)} {entry.uid:>5} {entry.gid:>5} {size:>10}"
                page.line(f"{head}  {safe(entry.name + target)}")
    if len(found.rest):
        page.line(f"{len(found.rest)} bytes follow")

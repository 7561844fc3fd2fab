"""hardboot plan: where every byte of an image would go; nothing is sent."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hardboot.commands.common import Command, Settings, pass_settings

if TYPE_CHECKING:
    from hardboot.flows.planning import PhoneFacts
    from hardboot.profile import Profile

_LIMIT = 8 << 20  # bytes of a file copied from a phone


@click.command(cls=Command, short_help="Where every byte of an image would go.")
@click.argument("image", type=click.Path(path_type=Path))
@click.option("--cmdline", metavar="TEXT", help="Kernel command line instead of the image's own.")
@click.option("--append", metavar="TEXT", help="Words behind the kernel command line.")
@click.option(
    "--from",
    "folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Files copied from the phone, as `hardboot devices suggest` takes them, and atags.",
)
@click.option(
    "--iomem",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A copy of the phone's /proc/iomem, read as root: its RAM instead of the profile's.",
)
@click.option(
    "--svg", type=click.Path(path_type=Path), metavar="FILE", help="Write the picture to FILE as SVG, too."
)
@pass_settings
def plan(
    settings: Settings,
    image: Path,
    cmdline: str | None,
    append: str | None,
    folder: Path | None,
    iomem: Path | None,
    svg: Path | None,
) -> None:
    """Draw where every byte of boot image IMAGE would go; nothing is loaded.

    With --device NAME it is planned from the profile alone; --from DIR adds what the phone says of itself.
    With neither, the connected phone is asked.
    """
    from hardboot import layout, profile
    from hardboot.base.files import read_bytes
    from hardboot.commands import planpage
    from hardboot.flows import planning, rom

    guest_rom = rom.read(image)
    if folder is not None:
        phone, running = _copied(folder, settings.device)
    elif settings.device is not None:
        phone, running = profile.load(settings.device), planning.PhoneFacts()
    else:
        phone, running = _connected(settings.serial)
    if iomem is not None:
        text = read_bytes(iomem, limit=_LIMIT).decode("utf-8", "replace")
        running = replace(running, live=layout.parse_iomem(text))
    made = planning.plan(phone, guest_rom, running, cmdline=cmdline, append=append)
    page = planpage.of(
        phone,
        made,
        running.live,
        own=guest_rom.cmdline,
        image=image.name,
        bootloader_known=running.bootloader is not None,
    )
    document = {
        "device": phone.name,
        "image": str(image),
        "release": guest_rom.release,
        "dtb_source": made.tree_reason,
    }
    page.emit(settings, {**document, **page.document()}, svg)


def _connected(serial: str | None) -> "tuple[Profile, PhoneFacts]":
    """The profile of the connected phone, and what it says of itself."""
    from hardboot.base.errors import DeviceError
    from hardboot.device import phone as phones
    from hardboot.device.handset import KERNEL, parse_kernel
    from hardboot.flows import planning

    try:
        with phones.connected(serial, None) as phone:
            try:
                said, *answers = phone.roots(KERNEL, *planning.queries(phone))
                kernel = parse_kernel(said)
                _warn_of_guest(kernel.cmdline)
                return phone.profile, planning.parse(phone, kernel.cmdline, answers)[1]
            finally:
                phone.clean()
    except DeviceError as error:
        error.fix += " Without a phone: hardboot plan IMAGE --device NAME"
        raise


def _copied(folder: Path, device: str | None) -> "tuple[Profile, PhoneFacts]":
    """The profile of the phone whose files lie in `folder`, and what they say."""
    from hardboot import layout, profile, suggest
    from hardboot.base.files import read_bytes
    from hardboot.device.phone import matching
    from hardboot.flows import planning
    from hardboot.formats.kernels import atags

    found = suggest.read(folder)
    phone = matching(found.device, profile.load(device) if device else None)
    iomem, line, tags = found.text("iomem"), found.text("cmdline"), folder / "atags"
    _warn_of_guest(line)
    has_atags = phone.dtb.kind == "none"
    return phone, planning.PhoneFacts(
        live=layout.parse_iomem(iomem) if iomem else None,
        tree=None if has_atags else found.tree,
        atags=atags.parse(read_bytes(tags, limit=_LIMIT)) if has_atags and tags.is_file() else None,
        bootloader=planning.additions(phone, line, found.boot_header) if line else None,
    )


def _warn_of_guest(running: str) -> None:
    from hardboot.base import log
    from hardboot.device.record import MARK

    if MARK in running:
        log.warn("a ROM runs that hardboot has started: its words are taken for the bootloader's")

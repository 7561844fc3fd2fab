"""hardboot plan: show where an image would lie in memory; nothing is sent."""

from dataclasses import replace
from pathlib import Path

import click

from hardboot import layout, suggest
from hardboot.base import log
from hardboot.base.errors import DeviceError
from hardboot.base.files import naming, read_bytes
from hardboot.commands import planpage
from hardboot.commands.command import Command
from hardboot.commands.common import Settings, connected, from_option, pass_settings
from hardboot.commands.rom_options import rom_options
from hardboot.device.handset import KERNEL, parse_kernel
from hardboot.device.phone import matching
from hardboot.device.record import is_guest
from hardboot.flows import other_phone, planning
from hardboot.flows.bootloader_words import BootloaderWords, additions
from hardboot.flows.planning import PhoneFacts
from hardboot.flows.rom import Rom
from hardboot.flows.rom_source import RomFiles, RomSource
from hardboot.formats.kernels import atags
from hardboot.profile import Profile

_LIMIT = 8 << 20  # bytes of a file copied from a phone


@click.command(cls=Command, example="hardboot plan rom.img --device virt-arm")
@rom_options
@click.option("--cmdline", metavar="TEXT", help="Replace the image's kernel command line.")
@click.option("--append", metavar="TEXT", help="Append TEXT to the kernel command line.")
@from_option("Read files copied from the phone: those of `hardboot devices suggest`.")
@click.option(
    "--iomem",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Use the RAM in FILE, a copy of /proc/iomem read as root.",
)
@click.option(
    "--svg", type=click.Path(path_type=Path), metavar="FILE", help="Write the memory map to FILE, as SVG."
)
@pass_settings
def plan(
    settings: Settings,
    files: RomFiles,
    cmdline: str | None,
    append: str | None,
    folder: Path | None,
    iomem: Path | None,
    svg: Path | None,
) -> None:
    """Show where the parts of IMAGE would lie in memory.

    IMAGE is a boot image, or a folder, archive or OTA with the images of a ROM.

    Nothing is loaded. With --device NAME or --profile FILE the plan is made from the profile alone, with
    --from DIR from files of the phone; otherwise the connected phone is asked.
    """
    source = files.read()
    if folder is not None:
        phone, running = _copied(folder, settings.chosen())
        guest_rom = source.alone()
    elif (known := settings.chosen()) is not None:
        phone, running = known, planning.PhoneFacts()
        guest_rom = source.alone()
    else:
        phone, running, guest_rom = _connected(settings, source)
    if iomem is not None:
        text = read_bytes(iomem, limit=_LIMIT).decode("utf-8", "replace")
        with naming(iomem):
            running = replace(running, live=layout.parse_iomem(text))
    made = planning.plan(phone, guest_rom, running, cmdline=cmdline, append=append)
    page = planpage.of(
        phone,
        made,
        running.live,
        own=guest_rom.cmdline,
        image=guest_rom.path.name,
        bootloader_known=running.bootloader.cmdline is not None,
    )
    document = {
        "device": phone.name,
        "image": str(guest_rom.path),
        "release": guest_rom.release,
        "dtb_source": made.tree_reason,
    }
    page.emit(settings, {**document, **page.document()}, svg)


def _connected(settings: Settings, source: RomSource) -> tuple[Profile, PhoneFacts, Rom]:
    """Return the profile of the connected phone, its answers, and the ROM with what it lacks."""
    try:
        with connected(settings, wait_s=0) as phone:
            said, *answers = phone.roots(KERNEL, *planning.queries(phone))
            kernel = parse_kernel(said)
            _warn_of_guest(is_guest(kernel))
            facts = planning.parse(phone, kernel.cmdline, answers)[1]
            return phone.profile, facts, source.complete(phone)
    except DeviceError as error:
        error.fix += " To plan without a phone: hardboot plan IMAGE --device NAME"
        raise


def _copied(folder: Path, chosen: Profile | None) -> tuple[Profile, PhoneFacts]:
    """Return the profile of the phone whose files are in `folder`, and what the files tell."""
    found = suggest.read_folder(folder)
    phone = matching(found.device, chosen)
    with naming(folder / "iomem"):
        live = layout.parse_iomem(found.text("iomem")) if found.text("iomem") else None
    line, tags = found.text("cmdline"), folder / "atags"
    _warn_of_guest(found.runs_guest)
    has_atags = phone.has_atags
    return phone, planning.PhoneFacts(
        live=live,
        tree=None if has_atags else found.tree,
        atags=atags.parse(read_bytes(tags, limit=_LIMIT)) if has_atags and tags.is_file() else None,
        bootloader=BootloaderWords(additions(phone, line, found.boot_header)) if line else BootloaderWords(),
        hardware=other_phone.hardware(line),
    )


def _warn_of_guest(running: bool) -> None:
    if running:
        log.warn("a ROM is running; words of its command line may be taken for the bootloader's")

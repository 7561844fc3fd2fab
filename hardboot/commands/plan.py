"""hardboot plan: where every byte of an image would go; nothing is sent."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hardboot.commands.common import Command, Settings, pass_settings

if TYPE_CHECKING:
    from hardboot.layout import BootPlan

_IOMEM_LIMIT = 8 << 20  # bytes


@click.command(cls=Command, short_help="Where every byte of an image would go.")
@click.argument("image", type=click.Path(path_type=Path))
@click.option("--cmdline", metavar="TEXT", help="Kernel command line instead of the image's own.")
@click.option("--append", metavar="TEXT", help="Words behind the kernel command line.")
@click.option(
    "--iomem",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A copy of the phone's /proc/iomem, read as root: its RAM instead of the profile's.",
)
@pass_settings
def plan(
    settings: Settings, image: Path, cmdline: str | None, append: str | None, iomem: Path | None
) -> None:
    """Show where every byte of boot image IMAGE would go on the phone --device NAME. No phone is needed."""
    from hardboot import devicetree, layout, profile, rom
    from hardboot.files import read_bytes

    if settings.device is None:
        raise click.UsageError("--device NAME is needed: for which phone? (hardboot devices list)")
    phone = profile.load(settings.device)
    live = None
    if iomem is not None:
        live = layout.parse_iomem(read_bytes(iomem, limit=_IOMEM_LIMIT).decode("utf-8", "replace"))
    guest_rom = rom.read(image)
    tree, reason = None, "the phone's own; it is not at hand, so a stand-in is planned for"
    if guest_rom.trees:
        choice = devicetree.choose(guest_rom.trees, phone, None)
        tree, reason = choice.tree, choice.reason
    words = [guest_rom.cmdline if cmdline is None else cmdline, append]
    guest = guest_rom.guest(tree=tree, live_tree=None, cmdline=" ".join(word for word in words if word))
    result = layout.plan(phone, guest, live)
    document = {"device": phone.name, "image": str(image), "release": guest_rom.release, "dtb_source": reason}
    settings.emit(
        {**document, **describe(result)}, lambda: show(result, f"{image.name} on {phone.name}", reason)
    )


def describe(result: "BootPlan") -> dict[str, Any]:
    """The document of a plan: addresses and sizes are integers, ends exclusive."""
    return {
        "complete": result.complete,
        "segments": [
            {"name": one.name, "start": one.addr, "end": one.range.end, "bytes": len(one.data)}
            for one in result.segments
        ],
        "entry": result.entry,
        "dtb": result.dtb_addr,
        "initrd": {"start": result.initrd.start, "end": result.initrd.end} if result.initrd else None,
        "cmdline": result.cmdline,
        "flag": result.flag,
        "extents": [{"name": one.name, "start": one.start, "end": one.end} for one in result.extents],
        "notes": list(result.notes),
    }


def show(result: "BootPlan", title: str, tree_reason: str) -> None:
    """Print a plan as a map of memory."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from hardboot.memory import human_size

    out = Console(highlight=False)
    out.print(title, style="bold", markup=False)
    table = Table("addresses", "size", "what", box=SIMPLE_HEAD, pad_edge=False)
    table.columns[1].justify = "right"
    table.columns[2].overflow = "fold"
    sent = [(one.range, True) for one in result.segments]
    rows = sorted(
        [*sent, *((one, False) for one in result.extents)], key=lambda row: (row[0].start, row[0].end)
    )
    for one, loaded in rows:
        table.add_row(
            f"{one.start:#010x}-{one.end:#010x}",
            human_size(one.size),
            Text(f"{one.name} (loaded)" if loaded else one.name),
            style="bold" if loaded else "",
        )
    out.print(table)
    out.print(f"entry {result.entry:#x}, dtb {result.dtb_addr:#x}, kexec flag {result.flag:#x}", markup=False)
    out.print(f"device tree: {tree_reason}", markup=False)
    out.print(f"command line: {result.cmdline}", markup=False)
    for note in result.notes:
        out.print(f"note: {note}", style="yellow", markup=False)

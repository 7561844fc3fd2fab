"""hardboot plan: where every byte of an image would go; nothing is sent."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hardboot.commands.common import Command, Settings, pass_settings

if TYPE_CHECKING:
    from rich.console import Console

    from hardboot.cmdline import CommandLine
    from hardboot.layout import BootPlan
    from hardboot.memorymap import Kind, MemoryMap

_IOMEM_LIMIT = 8 << 20  # bytes
_DEFAULT_WIDTH = 80  # characters, in a pipe

# Colours that can be read on a light and on a dark ground.
_STYLES = {
    "LOADED": "bold green",
    "WORK": "green",
    "PAGE": "bold magenta",
    "HOST": "cyan",
    "BOOTLOADER": "red",
}


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
@click.option(
    "--svg", type=click.Path(path_type=Path), metavar="FILE", help="Write the picture to FILE as SVG, too."
)
@pass_settings
def plan(
    settings: Settings,
    image: Path,
    cmdline: str | None,
    append: str | None,
    iomem: Path | None,
    svg: Path | None,
) -> None:
    """Draw where every byte of boot image IMAGE would go on the phone --device NAME. No phone is needed."""
    from hardboot import cmdline as cmdlines
    from hardboot import devicetree, layout, memorymap, profile, rom
    from hardboot.files import read_bytes, write_atomic

    if settings.device is None:
        raise click.UsageError("--device NAME is needed: for which phone? (hardboot devices list)")
    phone = profile.load(settings.device)
    live = None
    if iomem is not None:
        live = layout.parse_iomem(read_bytes(iomem, limit=_IOMEM_LIMIT).decode("utf-8", "replace"))
    guest_rom = rom.read(image)
    tree, reason = None, "the phone's own; it is not at hand, so a stand-in is planned for"
    if phone.dtb.kind == "none":
        reason = rom.NO_TREE
    elif guest_rom.trees:
        choice = devicetree.choose(guest_rom.trees, phone, None)
        tree, reason = choice.tree, choice.reason
    own = (cmdlines.ROM, guest_rom.cmdline) if cmdline is None else (cmdlines.REPLACED, cmdline)
    line = cmdlines.compose(
        guest_rom.cmdline, [own, (cmdlines.APPENDED, append)], size=cmdlines.SIZES[phone.arch]
    )
    guest = guest_rom.guest(tree=tree, live_tree=None, cmdline=line.text)
    result = layout.plan(phone, guest, live)
    picture = memorymap.draw(
        result,
        banks=live.banks if live else phone.ram,
        host=live.kernel if live else (),
        mem_min=phone.mem_min,
    )
    title = f"{image.name} on {phone.name}"
    if svg is not None:
        write_atomic(svg, [memorymap.svg(picture, title).encode()])
    document = {"device": phone.name, "image": str(image), "release": guest_rom.release, "dtb_source": reason}
    settings.emit({**document, **describe(result, line)}, lambda: show(result, picture, line, title, reason))


def describe(result: "BootPlan", line: "CommandLine") -> dict[str, Any]:
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
        "cmdline_words": [
            {"text": one.text, "source": one.source, "loses_to": one.loses_to} for one in line.words
        ],
        "cmdline_removed": list(line.removed),
        "cmdline_limit": line.size - 1,
        "flag": result.flag,
        "extents": [{"name": one.name, "start": one.start, "end": one.end} for one in result.extents],
        "notes": list(result.notes),
    }


def show(result: "BootPlan", picture: "MemoryMap", line: "CommandLine", title: str, tree_reason: str) -> None:
    """Print a plan: the picture of the memory, the command line, and what else was decided."""
    import os

    from rich.console import Console

    from hardboot import memorymap

    out = Console(highlight=False)
    width = out.width if out.is_terminal or "COLUMNS" in os.environ else _DEFAULT_WIDTH
    _say(out, title, "bold", width)
    out.print()
    for pieces in memorymap.lines(picture, width=width, unicode=_takes_unicode(out)):
        _put(out, [(text, _style(kind)) for text, kind in pieces])
    out.print()
    params = "atags" if result.segment("atags") else "dtb"
    _say(
        out, f"entry {result.entry:#x}, {params} {result.dtb_addr:#x}, kexec flag {result.flag:#x}", "", width
    )
    _say(out, f"device tree: {tree_reason}", "", width)
    used = len(line.text.encode("utf-8", "surrogateescape"))
    _say(out, f"command line: {used} of at most {line.size - 1} bytes", "", width)
    for text, style in command_line(line):
        _say(out, text, style, width)
    for note in result.notes:
        _say(out, f"note: {note}", "magenta", width)


def command_line(line: "CommandLine") -> Iterator[tuple[str, str]]:
    """The words of a command line against the ROM's own, and the style of each row.

    Rows begin with a space for what the ROM brings, with + for what it gets, with - for what it loses.
    """
    from hardboot.cmdline import ROM

    rows = [
        (" " if source == ROM else "+", source, " ".join(word.text for word in words))
        for source, words in groupby(line.words, key=lambda word: word.source)
    ]
    if line.removed:
        rows.append(("-", ROM, " ".join(line.removed)))
    for sign, source, text in rows:
        style = {"+": "green", "-": "red"}.get(sign, "")
        yield f"{sign} {source:<11} {text}", style
    for word in line.words:
        if word.loses_to is None:
            continue
        winner = line.words[word.loses_to]
        if winner.text == word.text:
            yield f"  {word.text} stands twice: {word.source}, {winner.source}", ""
        else:
            yield f"  {word.text} ({word.source}) has no effect: {winner.text} ({winner.source}) counts", ""


def _style(kind: "Kind | None") -> str:
    return _STYLES.get(kind.name, "") if kind else ""


def _takes_unicode(out: "Console") -> bool:
    from hardboot.memorymap import GLYPHS

    try:
        GLYPHS.encode(out.encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _say(out: "Console", text: str, style: str, width: int) -> None:
    """Print a text; what does not fit on the first line goes on indented."""
    import textwrap

    from hardboot.memorymap import visible

    text = visible(text, unicode=_takes_unicode(out))
    for row in textwrap.wrap(text, width, subsequent_indent=" " * 4, break_on_hyphens=False):
        _put(out, [(row, style)])


def _put(out: "Console", pieces: list[tuple[str, str]]) -> None:
    """Print one line as it is: nothing in it is taken for markup."""
    from rich.text import Text

    out.print(Text.assemble(*pieces), soft_wrap=True)

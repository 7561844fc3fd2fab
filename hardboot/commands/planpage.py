"""A plan on paper: the picture of the memory, the command line word by word, and what else was decided."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hardboot import memorymap
from hardboot.base.cmdline import BOOTLOADER, ROM, CommandLine
from hardboot.commands.common import Settings
from hardboot.flows import planning
from hardboot.flows.planning import Planned
from hardboot.layout import BootPlan, LiveMemory
from hardboot.memorymap import Kind, MemoryMap
from hardboot.profile import Profile

if TYPE_CHECKING:
    from hardboot.commands.output import Output

_FLASHED = "if flashed"  # by the bootloader, to the image's own line
_DEFAULT_WIDTH = 80  # characters, in a pipe

# Colours that can be read on a light and on a dark ground.
_STYLES = {
    "LOADED": "bold green",
    "WORK": "green",
    "PAGE": "bold magenta",
    "HOST": "cyan",
    "BOOTLOADER": "red",
}


@dataclass(frozen=True)
class Page:
    """What is told of a plan.

    Attributes:
        title: Stands above it.
        tree_reason: Why this device tree.
        in_boot_partition: The words that the bootloader would take from the image's own command line, and
            those it would put in their place, if it started the image.
        bootloader_known: False if nobody was asked for the words the bootloader adds.
    """

    plan: BootPlan
    line: CommandLine
    picture: MemoryMap
    title: str
    tree_reason: str
    in_boot_partition: tuple[Sequence[str], Sequence[str]] = ((), ())
    bootloader_known: bool = True

    def emit(self, settings: Settings, document: dict[str, Any], svg: Path | None) -> None:
        """Print it, or `document` with --json; and write the picture to the file `svg`."""
        if svg is not None:
            from hardboot.base.files import write_atomic

            write_atomic(svg, [memorymap.svg(self.picture, self.title).encode()])
        settings.emit(document, lambda: _show(self))

    def document(self) -> dict[str, Any]:
        """It as JSON has it: addresses and sizes are integers, ends exclusive."""
        plan, line = self.plan, self.line
        lost, gained = self.in_boot_partition
        return {
            "complete": plan.complete,
            "segments": [
                {"name": one.name, "start": one.addr, "end": one.range.end, "bytes": len(one.data)}
                for one in plan.segments
            ],
            "entry": plan.entry,
            "dtb": plan.dtb_addr,
            "initrd": {"start": plan.initrd.start, "end": plan.initrd.end} if plan.initrd else None,
            "cmdline": plan.cmdline,
            "cmdline_words": [
                {"text": one.text, "source": one.source, "loses_to": one.loses_to} for one in line.words
            ],
            "cmdline_removed": list(line.removed),
            "cmdline_limit": line.size - 1,
            "cmdline_bootloader_known": self.bootloader_known,
            "cmdline_in_boot_partition": {"lost": list(lost), "gained": list(gained)},
            "flag": plan.flag,
            "extents": [
                {"name": one.name, "kind": one.kind, "start": one.range.start, "end": one.range.end}
                for one in plan.extents
            ],
            "notes": list(plan.notes),
        }


def of(
    profile: Profile,
    made: Planned,
    live: LiveMemory | None,
    *,
    own: str,
    image: str,
    bootloader_known: bool = True,
) -> Page:
    """The page of a plan for a phone.

    Args:
        profile: The phone.
        made: The plan.
        live: The running kernel's memory map, if it is known.
        own: The image's own command line.
        image: The image's name.
        bootloader_known: See `Page`.
    """
    picture = memorymap.draw(
        made.plan,
        banks=live.banks if live else profile.ram,
        host=live.kernel if live else (),
    )
    return Page(
        made.plan,
        made.cmdline,
        picture,
        f"{image} on {profile.name}",
        made.tree_reason,
        planning.in_boot_partition(profile, own),
        bootloader_known,
    )


def _show(page: Page) -> None:
    import os

    from hardboot.commands.output import Output

    plan, line = page.plan, page.line
    out = Output()
    width = out.width if out.is_terminal or "COLUMNS" in os.environ else _DEFAULT_WIDTH
    _say(out, page.title, "bold", width)
    out.print()
    for pieces in memorymap.lines(page.picture, width=width, unicode=_takes_unicode(out)):
        _put(out, [(text, _style(kind)) for text, kind in pieces])
    out.print()
    params = "atags" if plan.segment("atags") else "dtb"
    _say(out, f"entry {plan.entry:#x}, {params} {plan.dtb_addr:#x}, kexec flag {plan.flag:#x}", "", width)
    _say(out, f"device tree: {page.tree_reason}", "", width)
    used = len(line.text.encode("utf-8", "surrogateescape"))
    _say(out, f"command line: {used} of at most {line.size - 1} bytes", "", width)
    for text, style in _command_line(page):
        _say(out, text, style, width)
    for note in plan.notes:
        _say(out, f"note: {note}", "magenta", width)


def _command_line(page: Page) -> Iterator[tuple[str, str]]:
    """The words of the command line against the ROM's own, and the style of each row.

    Rows begin with a space for what the ROM brings, with + for what it gets, with - for what it loses, with ?
    for what is not known, and with ~ for what only the bootloader would do, which has no part in it.
    """
    line = page.line
    rows = [
        (" " if source == ROM else "+", source, " ".join(word.text for word in words))
        for source, words in groupby(line.words, key=lambda word: word.source)
    ]
    if line.removed:
        rows.append(("-", ROM, " ".join(line.removed)))
    if not page.bootloader_known:
        rows.append(("?", BOOTLOADER, "not known; a connected phone or --from DIR tells what it adds"))
    does = [
        f"{verb} {' '.join(words)}"
        for verb, words in zip(("loses", "gets"), page.in_boot_partition, strict=True)
        if words
    ]
    if does:
        rows.append(("~", _FLASHED, "; ".join(does)))
    for sign, source, text in rows:
        style = {"+": "green", "-": "red", "?": "magenta", "~": "dim"}.get(sign, "")
        yield f"{sign} {source:<11} {text}", style
    for word in line.words:
        if word.loses_to is None:
            continue
        winner = line.words[word.loses_to]
        if winner.text == word.text:
            yield f"  {word.text} stands twice: {word.source}, {winner.source}", ""
        else:
            yield f"  {word.text} ({word.source}) has no effect: {winner.text} ({winner.source}) counts", ""


def _style(kind: Kind | None) -> str:
    return _STYLES.get(kind.name, "") if kind else ""


def _takes_unicode(out: "Output") -> bool:
    try:
        memorymap.GLYPHS.encode(out.encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _say(out: "Output", text: str, style: str, width: int) -> None:
    """Print a text; what does not fit on the first line goes on indented."""
    import textwrap

    text = memorymap.visible(text, unicode=_takes_unicode(out))
    for row in textwrap.wrap(text, width, subsequent_indent=" " * 4, break_on_hyphens=False):
        _put(out, [(row, style)])


def _put(out: "Output", pieces: list[tuple[str, str]]) -> None:
    """Print one line as it is: nothing in it is taken for markup."""
    from rich.text import Text

    out.print(Text.assemble(*pieces), soft_wrap=True)

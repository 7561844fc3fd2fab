"""Print a plan: the map of the memory, the command line word by word, and the other decisions."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.text import Text

from hardboot import memorymap
from hardboot.base.cmdline import BOOTLOADER, ROM, CommandLine
from hardboot.base.files import write_atomic
from hardboot.commands.common import Settings
from hardboot.commands.text_output import TextOutput
from hardboot.flows import bootloader_words
from hardboot.flows.planning import Planned
from hardboot.layout import BootPlan, LiveMemory
from hardboot.memorymap import Kind, MemoryMap
from hardboot.profile import Profile

_FLASHED = "if flashed"  # what the bootloader does to the command line of an image that it boots itself

# Colours that can be read on light and dark backgrounds.
_STYLES = {
    "LOADED": "bold green",
    "WORK": "green",
    "PAGE": "bold magenta",
    "HOST": "cyan",
    "BOOTLOADER": "red",
}


@dataclass(frozen=True)
class Page:
    """What to print about a plan.

    Attributes:
        title: The line above it.
        tree_reason: Why this device tree was chosen.
        in_boot_partition: The words that the bootloader would remove from the image's own command line, and
            those it would add, if it booted the image.
        bootloader_known: Whether the words that the bootloader adds are known.
    """

    plan: BootPlan
    line: CommandLine
    picture: MemoryMap
    title: str
    tree_reason: str
    in_boot_partition: tuple[Sequence[str], Sequence[str]] = ((), ())
    bootloader_known: bool = True

    def emit(self, settings: Settings, document: dict[str, Any], svg: Path | None) -> None:
        """Print it, or `document` with --json, and write the map to the file `svg`."""
        if svg is not None:
            write_atomic(svg, [memorymap.svg(self.picture, self.title).encode()])
        settings.emit(document, lambda: _show(self))

    def document(self) -> dict[str, Any]:
        """Return it for --json: addresses and sizes are integers, ends exclusive."""
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
    """Return the page of a plan for a phone.

    Args:
        profile: Profile of the phone.
        made: The plan.
        live: Memory map of the running kernel; None if it is not known.
        own: The image's own command line.
        image: Name of the image.
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
        bootloader_words.in_boot_partition(profile, own),
        bootloader_known,
    )


def _show(page: Page) -> None:
    plan, line = page.plan, page.line
    out = TextOutput()
    _say(out, page.title, "bold")
    out.print()
    print_picture(out, page.picture)
    out.print()
    params = "atags" if plan.segment("atags") else "dtb"
    _say(out, f"entry {plan.entry:#x}, {params} {plan.dtb_addr:#x}, kexec flag {plan.flag:#x}")
    _say(out, f"device tree: {page.tree_reason}")
    used = len(line.text.encode("utf-8", "surrogateescape"))
    _say(out, f"command line: {used} of at most {line.size - 1} bytes")
    for text, style in _command_line(page):
        _say(out, text, style)
    for note in plan.notes:
        _say(out, f"note: {note}", "magenta")


def print_picture(out: TextOutput, picture: MemoryMap) -> None:
    """Print a map of the memory."""
    unicode = out.takes(memorymap.GLYPHS)
    for pieces in memorymap.lines(picture, width=out.picture_width, unicode=unicode):
        _put(out, [(text, _style(kind)) for text, kind in pieces])


def _command_line(page: Page) -> Iterator[tuple[str, str]]:
    """Yield rows that compare the command line with the ROM's own, and the style of each.

    Rows begin with a space for words of the ROM, + for added and - for removed words, ? for what is not
    known, and ~ for what the bootloader would do if it booted the image.
    """
    line = page.line
    rows = [
        (" " if source == ROM else "+", source, " ".join(word.text for word in words))
        for source, words in groupby(line.words, key=lambda word: word.source)
    ]
    if line.removed:
        rows.append(("-", ROM, " ".join(line.removed)))
    if not page.bootloader_known:
        rows.append(("?", BOOTLOADER, "not known; connect the phone or use --from DIR to see what it adds"))
    does = [
        f"{verb} {' '.join(words)}"
        for verb, words in zip(("removes", "adds"), page.in_boot_partition, strict=True)
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
            yield f"  {word.text} occurs twice: {word.source}, {winner.source}", ""
        else:
            yield f"  {word.text} ({word.source}) has no effect: {winner.text} ({winner.source}) counts", ""


def _style(kind: Kind | None) -> str:
    return _STYLES.get(kind.name, "") if kind else ""


def _say(out: TextOutput, text: str, style: str = "") -> None:
    """Print a text; the lines it is folded into are indented, long words are broken."""
    text = memorymap.visible(text, unicode=out.takes(memorymap.GLYPHS))
    for row in textwrap.wrap(text, out.width, subsequent_indent=" " * 4, break_on_hyphens=False):
        _put(out, [(row, style)])


def _put(out: TextOutput, pieces: list[tuple[str, str]]) -> None:
    """Print one line without markup."""
    out.print(Text.assemble(*pieces), soft_wrap=True)

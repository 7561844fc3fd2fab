"""Lines of text for a terminal: folded between words, as wide as it is."""

import re
import textwrap
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console

LEAST_WIDTH = 40  # columns; narrower terminals, and those that state no width, fold lines themselves
_LAST_GAP = re.compile(r".*\S\s{2,}(?=\S)")
_consoles: dict[str, "Console"] = {}


def console(stream: TextIO, name: str) -> "Console":
    """Return rich's console on a stream; it has colour only on a terminal and without NO_COLOR.

    Args:
        stream: Where it prints.
        name: Of the stream: the console is kept until the stream of that name is another one.
    """
    # While rich shows progress it puts a proxy in place of stderr, which leads to the same console.
    stream = getattr(stream, "rich_proxied_file", stream)
    kept = _consoles.get(name)
    if kept is None or kept.file is not stream:
        from rich.console import Console

        kept = _consoles[name] = Console(file=stream, highlight=False, emoji=False, soft_wrap=True)
    return kept


def fold(text: str, console: "Console", *, indent: int | None = None) -> list[str]:
    """Return a line as lines that fit the terminal; the line itself if it is not printed on one.

    A word that is longer stays whole.

    Args:
        text: One line.
        console: Where it will be printed.
        indent: Blanks in front of the second line and all after it. None puts them below the last column of a
            row, which two blanks separate from the one before it; otherwise two beyond the first line.
    """
    width = max(console.width, LEAST_WIDTH)
    if not console.is_terminal or len(text) <= width:
        return [text]
    if indent is None:
        gap = _LAST_GAP.match(text)
        indent = len(text) - len(text.lstrip()) + 2
        if gap and gap.end() <= width // 2:
            indent = gap.end()
    return textwrap.wrap(
        text, width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False
    )

"""Text for a terminal, folded to its width, or for a pipe. Without rich, which is slow to load.

What comes from an image is shown so that it cannot steer a terminal.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

_LABEL_WIDTH = 18  # columns
_PIPE_WIDTH = 1 << 16  # columns: nothing is folded in a pipe
_BOLD, _CYAN, _PLAIN = "\x1b[1m", "\x1b[36m", "\x1b[0m"
Row = tuple[str, str]


class Page:
    """Lines for a terminal, folded to its width, or for a pipe."""

    def __init__(self) -> None:
        terminal = sys.stdout.isatty()
        self._width = _terminal_width() if terminal else _PIPE_WIDTH
        self._styled = terminal and not os.environ.get("NO_COLOR")

    def heading(self, text: str) -> None:
        """A line that stands out."""
        for line in _folded(safe(text), self._width):
            self.line(self._style(line.rstrip(), _BOLD))

    def blank(self) -> None:
        """An empty line."""
        self.line()

    def rows(self, rows: Sequence[Row]) -> None:
        """A label and a value a line."""
        for label, value in rows:
            first = f"  {label}".ljust(_LABEL_WIDTH)
            folded = _folded(safe(value), self._width - len(first) - 2)
            self.line(f"{self._style(first, _CYAN)}  {folded[0]}".rstrip())
            for line in folded[1:]:
                self.line(f"{' ' * len(first)}  {line}".rstrip())

    def table(self, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]], *, numbers: int) -> None:
        """Columns of which `numbers` behind the first are right-aligned; the last one is folded."""
        cells = [columns, *(tuple(safe(cell) for cell in row) for row in rows)]
        widths = [max(len(row[index]) for row in cells) for index in range(len(columns) - 1)]
        room = max(16, self._width - 2 - sum(width + 2 for width in widths))
        for number, row in enumerate(cells):
            head = "  " + "".join(
                (cell.rjust(width) if 0 < index <= numbers else cell.ljust(width)) + "  "
                for index, (cell, width) in enumerate(zip(row, widths, strict=False))
            )
            for line, part in enumerate(_folded(row[-1], room)):
                text = f"{head if line == 0 else ' ' * len(head)}{part}".rstrip()
                self.line(self._style(text, _CYAN) if number == 0 else text)

    def _style(self, text: str, style: str) -> str:
        return f"{style}{text}{_PLAIN}" if self._styled else text

    def line(self, text: str = "") -> None:
        """A line as it is, but for what the terminal cannot show."""
        encoding = sys.stdout.encoding or "utf-8"
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")


def _terminal_width() -> int:
    import shutil

    return shutil.get_terminal_size().columns


def _folded(text: str, width: int) -> list[str]:
    """`text` in lines of at most `width`, at spaces where there are some."""
    lines = []
    width = max(width, 8)
    while len(text) > width:
        cut = text.rfind(" ", 1, width + 1)
        cut = width if cut < width // 2 else cut + 1
        lines.append(text[:cut])
        text = text[cut:]
    return [*lines, text]


def safe(text: str) -> str:
    """`text` from an image without what could steer a terminal."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)

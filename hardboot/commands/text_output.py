"""Results on stdout: styled and folded on a terminal, plain lines in a pipe."""

import os
import textwrap
from collections.abc import Iterable, Sequence

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from hardboot.base.printable import printable
from hardboot.base.terminal import LEAST_WIDTH

_INDENT, _GAP = 2, "  "  # in front of a table, and between its columns
_LABEL_WIDTH = 18  # columns; more for a longer label
_LEAST_ROOM = 30  # columns; a last column with less is printed below its row
_PIPE_WIDTH = 1 << 16  # columns; nothing is folded in a pipe
_PICTURE_IN_PIPE = 80  # columns


class TextOutput(Console):
    """A console on stdout; the entry point decides what a closed pipe means."""

    def __init__(self) -> None:
        super().__init__(highlight=False, emoji=False)
        self.width = max(self.width, LEAST_WIDTH) if self.is_terminal else _PIPE_WIDTH

    @property
    def picture_width(self) -> int:
        """Columns of a picture: those of the terminal; in a pipe those of $COLUMNS, or 80."""
        if self.is_terminal:
            return self.width
        columns = os.environ.get("COLUMNS", "")
        return int(columns) if columns.isascii() and columns.isdigit() else _PICTURE_IN_PIPE

    def takes(self, glyphs: str) -> bool:
        """Return whether all these characters can be printed."""
        try:
            glyphs.encode(self.encoding)
        except (UnicodeEncodeError, LookupError):
            return False
        return True

    def on_broken_pipe(self) -> None:
        """Raise the BrokenPipeError again; rich would exit with 1."""
        raise  # called by rich while it handles the error

    def heading(self, text: str) -> None:
        """Print a line in bold."""
        self.print(Text(printable(text), style="bold"))

    def rows(self, rows: Iterable[tuple[str, str]]) -> None:
        """Print lines with a label and a value, which is folded beside it."""
        rows = list(rows)
        width = max([_LABEL_WIDTH, *(_INDENT + len(label) for label, _ in rows)])
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(style="cyan", width=width, no_wrap=True)
        grid.add_column(overflow="fold")
        for label, value in rows:
            grid.add_row(f"  {label}", Text(printable(value)))
        self._show(grid)

    def table(self, titles: Sequence[str], rows: Iterable[Sequence[str]], *, right: int = 0) -> None:
        """Print a table whose last column is folded; on a narrow terminal a long one is below its row.

        Args:
            titles: Titles of the columns.
            rows: Cells.
            right: Number of columns behind the first to align to the right.
        """
        cells = [[printable(cell) for cell in row] for row in rows]
        widths = [max(map(len, column)) for column in zip(titles, *cells, strict=True)]
        first = widths[:-1]
        start = _INDENT + sum(width + len(_GAP) for width in first)
        room = self.width - start

        def aligned(row: Sequence[str]) -> str:
            return _GAP.join(
                f"{cell:>{width}}" if 0 < index <= right else f"{cell:<{width}}"
                for index, (cell, width) in enumerate(zip(row, first, strict=True))
            )

        self.print(Text(f"{'':{_INDENT}}{aligned(titles[:-1])}{_GAP}{titles[-1]}".rstrip(), style="cyan"))
        for *row, value in cells:
            head = f"{'':{_INDENT}}{aligned(row)}"
            below = room < min(len(value), _LEAST_ROOM)
            indent = 3 * _INDENT if below else start
            lines = textwrap.wrap(value, self.width - indent, break_on_hyphens=False)
            if lines and not below:
                head += _GAP + lines.pop(0)
            for line in (head, *(f"{'':{indent}}{line}" for line in lines)):
                self.print(Text(line.rstrip()))

    def _show(self, renderable: RenderableType) -> None:
        """Print, in a pipe without the blanks that fill up cells at the ends of lines."""
        if self.is_terminal:
            self.print(renderable)
            return
        with self.capture() as captured:
            self.print(renderable)
        for line in captured.get().rstrip("\n").split("\n"):
            self.print(Text(line.rstrip()))

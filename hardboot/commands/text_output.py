"""Results on stdout: styled and folded on a terminal, plain lines in a pipe."""

from collections.abc import Iterable, Sequence

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from hardboot.base.printable import printable

_LABEL_WIDTH = 18  # columns
_PIPE_WIDTH = 1 << 16  # columns; nothing is folded in a pipe


class TextOutput(Console):
    """A console on stdout; the entry point decides what a closed pipe means."""

    def __init__(self) -> None:
        super().__init__(highlight=False, emoji=False)
        if not self.is_terminal:
            self.width = _PIPE_WIDTH

    def on_broken_pipe(self) -> None:
        """Raise the BrokenPipeError again; rich would exit with 1."""
        raise  # called by rich while it handles the error

    def heading(self, text: str) -> None:
        """Print a line in bold."""
        self.print(Text(printable(text), style="bold"))

    def rows(self, rows: Iterable[tuple[str, str]]) -> None:
        """Print lines with a label and a value, which is folded beside it."""
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(style="cyan", width=_LABEL_WIDTH, no_wrap=True)
        grid.add_column(overflow="fold")
        for label, value in rows:
            grid.add_row(f"  {label}", Text(printable(value)))
        self._show(grid)

    def table(self, titles: Sequence[str], rows: Iterable[Sequence[str]], *, right: int = 0) -> None:
        """Print a table whose last column is folded.

        Args:
            titles: Titles of the columns.
            rows: Cells.
            right: Number of columns behind the first to align to the right.
        """
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="cyan")
        last = len(titles) - 1
        for index, title in enumerate(titles):
            table.add_column(
                title if index else f"  {title}",
                justify="right" if 0 < index <= right else "left",
                no_wrap=index < last,
                overflow="fold",
            )
        for first, *others in rows:
            table.add_row(Text(f"  {printable(first)}"), *(Text(printable(cell)) for cell in others))
        self._show(table)

    def _show(self, renderable: RenderableType) -> None:
        """Print, in a pipe without the blanks that fill up cells at the ends of lines."""
        if self.is_terminal:
            self.print(renderable)
            return
        with self.capture() as captured:
            self.print(renderable)
        for line in captured.get().rstrip("\n").split("\n"):
            self.print(Text(line.rstrip()))

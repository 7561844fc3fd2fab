"""What people see while hardboot works: steps, progress and warnings, all on stderr.

On a terminal a step shows its progress and how long it has taken, and is a line that stays when it ends. In a
pipe it is a line when it begins, one now and then, and one with its time at the end if it was long.
`configure` is called once, by the command line; every function works without it.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hardboot.base import terminal
from hardboot.base.printable import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import ProgressColumn

_PLAIN_INTERVAL_S = 30  # seconds between two lines of one step in a pipe
_SHOWN_S = 1  # seconds from which on the time that a step takes is shown

_verbose = False

Advance = Callable[[int], None]
Show = Callable[[str], None]


def configure(*, verbose: bool) -> None:
    """Set how much is shown; `verbose` adds details."""
    global _verbose
    _verbose = verbose


def console() -> "Console":
    """Return the console on stderr."""
    return terminal.console(sys.stderr, "stderr")


def _print(text: str, *, style: str | None = None) -> None:
    """Print one line, folded on a terminal; names in it cannot control it, nor add lines."""
    out = console()
    for line in terminal.fold(printable(text), out):
        out.print(line, style=style, markup=False)


def say(text: str) -> None:
    """Print one line about what is happening."""
    _print(text)


def warn(text: str) -> None:
    """Print one line that the user should read."""
    _print(f"warning: {text}", style="yellow")


def detail(text: str) -> None:
    """Print one line, with --verbose only."""
    if _verbose:
        _print(f"  {text}", style="dim")


@contextmanager
def step(title: str, *, limit_s: float | None = None) -> Iterator[Show]:
    """Show a step of unknown length; yields a function that sets the text beside its title.

    Args:
        title: What is being done: "Booting a.img".
        limit_s: Seconds it may take, shown while it runs.
    """
    out = console()
    with _shown(title, out) as start:
        if not out.is_terminal:
            yield _plain_lines(title, start, limit_s)
            return
        from rich.progress import Progress, SpinnerColumn, TextColumn

        columns = SpinnerColumn(), TextColumn("{task.description}", markup=False), _elapsed_column(limit_s)
        with Progress(*columns, console=out, transient=True) as display:
            task = display.add_task(printable(title), total=None)
            yield lambda text: display.update(task, description=printable(f"{title}: {text}"))


@contextmanager
def progress(title: str, total: int, *, quiet: bool = False) -> Iterator[Advance]:
    """Show a step of known length; yields a function that adds to the bytes done.

    Args:
        title: What is being done.
        total: Bytes to do.
        quiet: Show nothing, for what ends before anybody could read it.
    """
    if quiet:
        yield lambda _amount: None
        return
    out = console()
    with _shown(title, out):
        if not out.is_terminal:
            yield lambda _amount: None
            return
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        columns = [
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            DownloadColumn(binary_units=True),
            TimeRemainingColumn(),
        ]
        with Progress(*columns, console=out, transient=True) as bar:
            task = bar.add_task(printable(title), total=total)
            yield lambda amount: bar.advance(task, amount)


@contextmanager
def _shown(title: str, out: "Console") -> Iterator[float]:
    """Yield the start time of a step; print the line that stays, in a pipe also the one that begins it.

    An exception that ends the step gets its title as a note: an interrupt can tell what it interrupted.
    """
    start = time.monotonic()
    if not out.is_terminal:
        _print(title)
    try:
        yield start
    except BaseException as error:
        error.add_note(title)
        seconds = time.monotonic() - start
        if seconds >= _SHOWN_S:
            _print(f"{title}: stopped after {seconds:.1f} s")
        raise
    seconds = time.monotonic() - start
    if seconds >= _SHOWN_S:
        _print(f"{title}: {seconds:.1f} s")
    elif out.is_terminal:
        _print(title)


def _plain_lines(title: str, start: float, limit_s: float | None) -> Show:
    """Return a function that prints the text beside a title as a line, at most every _PLAIN_INTERVAL_S."""
    shown = start

    def show(text: str) -> None:
        nonlocal shown
        now = time.monotonic()
        if now - shown >= _PLAIN_INTERVAL_S:
            shown = now
            _print(f"{title}: {text} ({_elapsed(now - start, limit_s)})")

    return show


def _elapsed_column(limit_s: float | None) -> "ProgressColumn":
    from rich.progress import ProgressColumn, Task
    from rich.text import Text

    class Elapsed(ProgressColumn):
        """How long the step has taken."""

        def render(self, task: Task) -> Text:
            """Return nothing for a short step."""
            seconds = task.elapsed or 0
            return Text(_elapsed(seconds, limit_s) if seconds >= _SHOWN_S else "")

    return Elapsed()


def _elapsed(seconds: float, limit_s: float | None) -> str:
    return f"{seconds:.0f} s" + (f" of {limit_s:.0f} s" if limit_s else "")

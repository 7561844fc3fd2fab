"""What people see while hardboot works: steps, progress and warnings, all on stderr.

Steps are lines. On a terminal a step that takes long shows that it lives; in a pipe a step is one
plain line when it ends. `configure` is called once, by the command line; every function works without it.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

_PLAIN_INTERVAL_S = 30  # seconds between two lines of one step in a pipe

_verbose = False
_console: "Console | None" = None

Advance = Callable[[int], None]
Show = Callable[[str], None]


def configure(*, verbose: bool) -> None:
    """Set how much is said; `verbose` adds details."""
    global _verbose
    _verbose = verbose


def console() -> "Console":
    """The console on stderr; colour only on a terminal and without NO_COLOR."""
    global _console
    if _console is None or _console.file is not sys.stderr:
        from rich.console import Console

        _console = Console(file=sys.stderr, highlight=False, soft_wrap=True)
    return _console


def say(text: str) -> None:
    """One line of what is happening."""
    console().print(text, markup=False)


def warn(text: str) -> None:
    """One line the user should read."""
    console().print(f"warning: {text}", style="yellow", markup=False)


def detail(text: str) -> None:
    """One line only with --verbose."""
    if _verbose:
        console().print(f"  {text}", style="dim", markup=False)


@contextmanager
def step(title: str) -> Iterator[Show]:
    """A step of unknown length. Yields a function that changes the text shown beside the title."""
    start = time.monotonic()
    out = console()
    if not out.is_terminal:
        said = start

        def show(text: str) -> None:
            nonlocal said
            if time.monotonic() - said >= _PLAIN_INTERVAL_S:
                said = time.monotonic()
                out.print(f"{title}: {text}", markup=False)

        yield show
        out.print(_done(title, start), markup=False)
        return
    from rich.markup import escape

    with out.status(escape(title)) as status:
        yield lambda text: status.update(escape(f"{title}: {text}"))
    out.print(_done(title, start), markup=False)


@contextmanager
def progress(title: str, total: int, *, quiet: bool = False) -> Iterator[Advance]:
    """A step of known length. Yields a function that adds to what is done.

    Args:
        title: What is being done.
        total: All there is to do, in bytes.
        quiet: Show nothing: it is over before anybody could read it.
    """
    if quiet:
        yield lambda _amount: None
        return
    start = time.monotonic()
    out = console()
    if not out.is_terminal:
        yield lambda _amount: None
        out.print(_done(title, start), markup=False)
        return
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = [
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        DownloadColumn(binary_units=True),
        TimeRemainingColumn(),
    ]
    with Progress(*columns, console=out, transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda amount: bar.advance(task, amount)
    out.print(_done(title, start), markup=False)


def _done(title: str, start: float) -> str:
    seconds = time.monotonic() - start
    return f"{title}: {seconds:.1f} s" if seconds >= 1 else title

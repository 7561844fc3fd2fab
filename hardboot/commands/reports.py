"""Show errors: to people, to programs, and bugs to those who fix them."""

import shlex
import sys
import traceback

from hardboot import __version__
from hardboot.base import log
from hardboot.base.errors import HardbootError
from hardboot.base.files import make_folder, state_dir
from hardboot.base.interrupts import without_interrupts
from hardboot.base.printable import printable, printable_lines
from hardboot.base.terminal import fold
from hardboot.commands.common import Settings, emit_json


def report(error: HardbootError, settings: Settings) -> None:
    """Show an error as three lines on stderr and, with --json, as a document on stdout."""
    with without_interrupts():
        if settings.json:
            emit_error(error)
        if settings.verbose:
            sys.stderr.write(printable_lines(traceback.format_exc()))
        what = printable_lines(error.what) if error.several_lines else printable(error.what)
        _print(what, printable(error.state), printable(error.fix))


def emit_error(error: HardbootError) -> None:
    """Print an error as one JSON document on stdout."""
    emit_json(
        {
            **error.result,
            "error": {
                "kind": type(error).__name__,
                "what": error.what,
                "state": error.state,
                "fix": error.fix,
                "exit_code": error.exit_code,
            },
        }
    )


def report_bug(settings: Settings) -> None:
    """Show an unexpected exception as any error, its traceback with -v, and the log that holds it."""
    text = traceback.format_exc()
    if settings.verbose:
        sys.stderr.write(printable_lines(text))
    try:
        path = state_dir() / "last-bug.log"
        make_folder(path.parent)
        log_text = f"hardboot {__version__}\n{shlex.join(sys.argv)}\n{text}"
        path.write_text(log_text, encoding="utf-8", errors="backslashreplace")
        fix = f"Report it with {path}"
    except (OSError, HardbootError):
        fix = "Run it again with -v and report what it prints"
    first, *_ = traceback.format_exception_only(sys.exception())  # its notes follow: titles of steps
    bug = HardbootError(
        f"this is a bug in hardboot: {first.strip()}",
        state="unknown; nothing more was sent.",
        fix=f"{fix}; look at the phone before you try again.",
    )
    if settings.json:
        emit_error(bug)
    _print(printable(bug.what), bug.state, printable(bug.fix))


def _print(what: str, state: str, fix: str) -> None:
    """Print the three lines."""
    out = log.console()
    first, *others = what.split("\n")
    for line in [*fold(f"hardboot: {first}", out), *(part for one in others for part in fold(one, out))]:
        out.print(line, style="bold red", markup=False)
    for line in [*fold(f"  state: {state}", out, indent=9), *fold(f"  to do: {fix}", out, indent=9)]:
        out.print(line, markup=False)

"""How errors are shown: to people, to programs, and bugs to us."""

import sys

from hardboot import __version__
from hardboot.base import log
from hardboot.base.errors import HardbootError
from hardboot.commands.page import safe
from hardboot.commands.settings import Settings, emit_error


def report(error: HardbootError, settings: Settings) -> None:
    """Show an error: three lines on stderr and, with --json, one document on stdout."""
    if settings.json:
        emit_error(error)
    if settings.verbose:
        import traceback

        traceback.print_exc()
    out = log.console()
    out.print(f"hardboot: {_shown(error.what)}", style="bold red", markup=False)
    out.print(f"  state: {_shown(error.state)}", markup=False)
    out.print(f"  to do: {_shown(error.fix)}", markup=False)


def _shown(text: str) -> str:
    """`text` without what could steer a terminal, as names of files may."""
    return "\n".join(map(safe, text.split("\n")))


def report_bug(settings: Settings) -> None:
    """Show an exception nobody expected: with -v where it happened, else the log that holds it."""
    import traceback

    from hardboot.base.files import state_dir

    text = traceback.format_exc()
    if settings.verbose:
        sys.stderr.write(text)
    path = state_dir() / "last-bug.log"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"hardboot {__version__}\n{_command_line()}\n{text}")
        where = f"Report it with {path}"
    except OSError:
        where = "Run it again with -v and report what it prints"
    out = log.console()
    out.print(f"hardboot: a bug: {text.strip().splitlines()[-1]}", style="bold red", markup=False)
    out.print("  state: unknown; nothing more was sent.", markup=False)
    out.print(f"  to do: {where}; look at the phone before you try again.", markup=False)


def _command_line() -> str:
    """The command line of this run, quoted."""
    import shlex

    return shlex.join(sys.argv)

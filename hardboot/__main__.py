"""The entry point: the only broad `except`, the only place that exits."""

import errno
import io
import os
import signal
import sys
from collections.abc import Sequence
from typing import TextIO

from hardboot.base.errors import HardbootError, InputError
from hardboot.base.interrupts import LOOK, Interrupt

EXIT_BUG = 1
EXIT_INTERRUPTED = 130
try:  # this takes most of the time until a command begins
    from hardboot.commands import cli, reports
    from hardboot.commands.common import Settings
except KeyboardInterrupt:
    sys.stderr.write("hardboot: interrupted\n  state: Nothing was done.\n  to do: Run it again.\n")
    sys.exit(EXIT_INTERRUPTED)
EXIT_BROKEN_PIPE = 141  # 128 + SIGPIPE, as shells report a program that SIGPIPE ended
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_ACCESS = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ELOOP, errno.EMFILE}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit.

    Exit codes: 0 done, 1 a bug, 2 usage, 3 to 6 see errors.py, 130 interrupted, 141 broken pipe.
    """
    sys.stdout, sys.stderr = sys.stdout or _null_stream(), sys.stderr or _null_stream()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr: what it cannot encode is no error
    try:
        code = run(list(sys.argv[1:] if arguments is None else arguments))
    except KeyboardInterrupt:  # a second one, while the first was reported
        code = EXIT_INTERRUPTED
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # what was told stands, while Python ends
    sys.exit(code)


def _null_stream() -> TextIO:
    """Open a replacement for a stream that was closed before hardboot started."""
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123  # Windows's NUL has no Path


def run(arguments: list[str]) -> int:
    """Run the command line and return the exit code."""
    settings = Settings()
    try:
        code = cli.run(arguments, settings)
        sys.stdout.flush()
        return code
    except HardbootError as error:
        reports.report(error, settings)
        return error.exit_code
    except KeyboardInterrupt as interrupt:
        told = interrupt
        if not isinstance(told, Interrupt):
            told = Interrupt("The last step may be incomplete; the steps before it are done.", LOOK)
        steps = getattr(interrupt, "__notes__", ())  # base/log.py: titles of the steps it ended, inner first
        during = f" while {steps[0][0].lower()}{steps[0][1:]}" if steps else ""
        reports.report(HardbootError(f"interrupted{during}", state=told.state, fix=told.fix), settings)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        _discard_output()
        return EXIT_BROKEN_PIPE
    except OSError as error:
        if error.errno in _NO_ACCESS and error.filename is not None:
            reports.report(_no_access(error), settings)
            return InputError.exit_code
        if error.errno not in _NO_SPACE:
            return _bug(settings)
        _discard_output()
        reports.report(
            InputError(
                f"cannot write: {error.strerror}",
                state="The last step may be incomplete; the steps before it are done.",
                fix="Make room on the disks of the output and of temporary files.",
            ),
            settings,
        )
        return InputError.exit_code
    # The one place that turns a bug into three lines and a log; KeyboardInterrupt and SystemExit pass.
    except Exception:
        return _bug(settings)


def _no_access(error: OSError) -> InputError:
    """Return the error for a file or folder on this computer that cannot be used."""
    return InputError(
        error.strerror or str(error),
        file=f"{error.filename}",
        state="The last step may be incomplete; the steps before it are done.",
        fix="Make it usable; XDG_STATE_HOME, XDG_CACHE_HOME and TMPDIR choose other folders.",
    )


def _bug(settings: Settings) -> int:
    reports.report_bug(settings)
    return EXIT_BUG


def _discard_output() -> None:
    """Point stdout at the null device: Python flushes it again at exit, and would fail again."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)


if __name__ == "__main__":
    main()

"""The entry point: the only broad `except`, the only exit code."""

import errno
import os
import sys
from collections.abc import Sequence
from typing import TextIO

from hardboot.base.errors import HardbootError, InputError
from hardboot.commands import cli, reports
from hardboot.commands.settings import Settings

EXIT_BUG = 1
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141  # 128 + SIGPIPE, as shells report a program that SIGPIPE ended
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit.

    Exit codes: 0 done, 1 a bug, 2 usage, 3 to 6 see errors.py, 130 interrupted, 141 broken pipe.
    """
    sys.stdout, sys.stderr = sys.stdout or _nowhere(), sys.stderr or _nowhere()
    sys.exit(run(list(sys.argv[1:] if arguments is None else arguments)))


def _nowhere() -> TextIO:
    """Open a stand-in for a stream that was closed before hardboot started."""
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
    except KeyboardInterrupt:
        reports.report(
            HardbootError(
                "interrupted",
                state="What the last line above says was done, is done; what it names may be half done.",
                fix="Look at the phone (hardboot status) before you go on.",
            ),
            settings,
        )
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        _discard_output()
        return EXIT_BROKEN_PIPE
    except OSError as error:
        if error.errno not in _FULL:
            return _bug(settings)
        _discard_output()
        settings.json = False  # most likely stdout is what is full
        reports.report(
            InputError(
                f"no room to write: {error.strerror}",
                state="What the lines above say was done, is done; what was being written is cut off.",
                fix="Make room on the disk that the output and temporary files go to.",
            ),
            settings,
        )
        return InputError.exit_code
    except Exception:  # a bug, whatever it is: three lines and a log, and no traceback
        return _bug(settings)


def _bug(settings: Settings) -> int:
    reports.report_bug(settings)
    return EXIT_BUG


def _discard_output() -> None:
    """Point stdout at nothing: Python flushes it once more at exit, and would fail again."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)


if __name__ == "__main__":
    main()

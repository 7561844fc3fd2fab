"""The entry point: the only broad `except`, the only exit code."""

from __future__ import annotations

import errno
import gc
import os
import sys

from hardboot import plain
from hardboot.commands.settings import Settings
from hardboot.errors import HardbootError, InputError

TYPE_CHECKING = False  # of `typing`, which takes 11 ms to load
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

EXIT_BUG = 1
EXIT_INTERRUPTED = 130
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_GC_THRESHOLD = 20_000  # objects; Python's 700 makes it look for garbage 150 times while it loads modules


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 a bug, 2 usage, 3 to 6 see errors.py, 130 interrupted."""
    gc.set_threshold(_GC_THRESHOLD)
    sys.stdout, sys.stderr = sys.stdout or _nowhere(), sys.stderr or _nowhere()
    code = run(list(sys.argv[1:] if arguments is None else arguments))
    sys.stderr.flush()
    os._exit(code)  # the end of the process frees all there is, in less time than Python


def _nowhere() -> TextIO:
    """For a stream that was closed before hardboot began."""
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123  # pathlib takes 12 ms to load


def run(arguments: list[str]) -> int:
    """Run the command line and return the exit code."""
    settings = Settings()
    try:
        code = _run(arguments, settings)
        sys.stdout.flush()
        return code
    except HardbootError as error:
        _report(error, settings)
        return error.exit_code
    except KeyboardInterrupt:
        _report(
            HardbootError(
                "interrupted",
                unchanged="What the last line above says was done, is done; what it names may be half done.",
                fix="Look at the phone (hardboot status) before you go on.",
            ),
            settings,
        )
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # whoever reads the output has seen enough
        return EXIT_BUG
    except OSError as error:
        if error.errno not in _FULL:
            return _bug(settings)
        settings.json = False  # most likely stdout is what nothing more goes into
        _report(
            InputError(
                f"no room to write: {error.strerror}",
                unchanged="What the lines above say was done, is done; what was being written is cut off.",
                fix="Make room on the disk that the output and temporary files go to.",
            ),
            settings,
        )
        return InputError.exit_code
    except Exception:  # a bug, whatever it is: three lines and a log, and no traceback
        return _bug(settings)


def _run(arguments: list[str], settings: Settings) -> int:
    work = plain.find(arguments, settings)
    if work:
        work()
        return 0
    from hardboot import cli

    return cli.run(arguments, settings)


def _bug(settings: Settings) -> int:
    from hardboot import reports

    reports.report_bug(settings)
    return EXIT_BUG


def _report(error: HardbootError, settings: Settings) -> None:
    from hardboot import reports

    reports.report(error, settings)


if __name__ == "__main__":
    main()

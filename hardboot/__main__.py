"""The entry point: the only broad `except`, the only exit code."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hardboot.errors import HardbootError

if TYPE_CHECKING:
    from hardboot.commands.common import Settings

EXIT_BUG = 1
EXIT_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 a bug, 2 usage, 3 to 6 see errors.py, 130 interrupted."""
    sys.exit(run(list(sys.argv[1:] if arguments is None else arguments)))


def _quick_info(arguments: list[str]) -> int | None:
    """Do `hardboot info IMAGE` without loading the command line, which takes as long as all of the rest.

    None if it is another command or anything went wrong: the command line does it then, and reports.
    """
    if len(arguments) != 2 or arguments[0] != "info" or arguments[1].startswith("-"):
        return None
    from pathlib import Path

    from hardboot.commands.infopage import show
    from hardboot.describe import describe
    from hardboot.files import map_file

    path = Path(arguments[1])
    try:
        show(describe(path, memoryview(map_file(path))))
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _interrupted()
    except Exception:
        return None
    return 0


def _interrupted(settings: "Settings | None" = None) -> int:
    """Say that the user stopped it."""
    from hardboot import cli
    from hardboot.commands.common import Settings

    cli.report(
        HardbootError(
            "interrupted",
            unchanged="What the last line above says was done, is done; what it names may be half done.",
            fix="Look at the phone (hardboot status) before you go on.",
        ),
        settings or Settings(),
    )
    return EXIT_INTERRUPTED


def run(arguments: list[str]) -> int:
    """Run the command line and return the exit code."""
    code = _quick_info(arguments)
    if code is not None:
        return code
    from click.exceptions import Abort, ClickException, Exit

    from hardboot import cli
    from hardboot.commands.common import Settings

    settings = Settings()
    try:
        cli.root.main(arguments, prog_name="hardboot", standalone_mode=False, obj=settings)
    except Exit as done:
        return done.exit_code
    except ClickException as error:
        error.show()
        return error.exit_code
    except HardbootError as error:
        cli.report(error, settings)
        return error.exit_code
    except (KeyboardInterrupt, Abort):
        return _interrupted(settings)
    except BrokenPipeError:
        sys.stderr.close()
        return EXIT_BUG
    except Exception:
        cli.report_bug(settings)
        return EXIT_BUG
    return 0


if __name__ == "__main__":
    main()

"""The entry point: the only broad `except`, the only exit code."""

import gc
import sys
from collections.abc import Sequence

from hardboot.errors import HardbootError

EXIT_BUG = 1
EXIT_INTERRUPTED = 130
_GC_THRESHOLD = 20_000  # objects; Python's 700 makes it look for garbage 150 times while it loads modules


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 a bug, 2 usage, 3 to 6 see errors.py, 130 interrupted."""
    gc.set_threshold(_GC_THRESHOLD)
    code = run(list(sys.argv[1:] if arguments is None else arguments))
    gc.freeze()  # the end of the process frees all there is
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run the command line and return the exit code."""
    if "info" in arguments:
        from hardboot.describe import ahead

        ahead.begin(arguments)

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
        cli.report(
            HardbootError(
                "interrupted",
                unchanged="What the last line above says was done, is done; what it names may be half done.",
                fix="Look at the phone (hardboot status) before you go on.",
            ),
            settings,
        )
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return EXIT_BUG
    except Exception:
        cli.report_bug(settings)
        return EXIT_BUG
    return 0


if __name__ == "__main__":
    main()

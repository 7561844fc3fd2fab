"""The command line: the root group with its verbs, loaded when they are run, and how errors are shown."""

import sys

import click

from hardboot import __version__, log
from hardboot.commands.common import Group, Settings, emit_json
from hardboot.errors import HardbootError

_VERBS = {
    "devices": ("hardboot.commands.devices:devices", "Profiles of phones: list, show, check."),
    "info": ("hardboot.commands.info:info", "What is inside an image."),
    "unpack": ("hardboot.commands.unpack:unpack", "Take an image apart into a folder."),
    "pack": ("hardboot.commands.unpack:pack", "Make an image of a folder again."),
    "patch": ("hardboot.commands.patch:patch", "Put hardboot support into a kernel tree."),
    "dtb": ("hardboot.commands.dtb:dtb", "Which device tree of an image is for a phone, and why."),
    "plan": ("hardboot.commands.plan:plan", "Where every byte of an image would go."),
    "host-image": ("hardboot.commands.host_image:host_image", "A boot image with another kernel."),
    "flash-host-kernel": (
        "hardboot.commands.flash:flash_host_kernel",
        "Put a host kernel on the phone.",
    ),
    "restore": ("hardboot.commands.flash:restore", "Write a backup back to the phone."),
    "boot": ("hardboot.commands.boot:boot", "Boot an image from RAM after a reset."),
    "load": ("hardboot.commands.load:load", "Load an image into the phone's kernel, to start it later."),
    "exec": ("hardboot.commands.exec:execute", "Start what is loaded."),
    "unload": ("hardboot.commands.unload:unload", "Drop what is loaded."),
    "log": ("hardboot.commands.log:last_log", "What the kernel before this one said last."),
    "crash": ("hardboot.commands.crash:crash", "Crash the phone, fetch and read the dump."),
    "status": ("hardboot.commands.status:status", "What runs on the phone, and whether it is a host."),
    "bench": ("hardboot.commands.bench:bench", "How long each way to restart the phone takes."),
    "virtual": ("hardboot.commands.virtual:virtual", "The virtual phone."),
}


@click.group(
    cls=Group,
    lazy=_VERBS,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 2 usage, 3 bad input, 4 refused, 5 phone, 6 look at the phone first.",
)
@click.version_option(__version__, message="hardboot %(version)s")
def root() -> None:
    """Boot any Android boot image on a rooted phone, from RAM, after a real hardware reset."""


def report(error: HardbootError, settings: Settings) -> None:
    """Show an error: three lines on stderr and, with --json, one document on stdout."""
    if settings.json:
        emit_json(
            {
                **error.result,
                "error": {
                    "kind": type(error).__name__,
                    "what": error.what,
                    "unchanged": error.unchanged,
                    "fix": error.fix,
                    "exit_code": error.exit_code,
                },
            }
        )
    if settings.verbose:
        import traceback

        traceback.print_exc()
    out = log.console()
    out.print(f"hardboot: {error.what}", style="bold red", markup=False)
    out.print(f"  state: {error.unchanged}", markup=False)
    out.print(f"  to do: {error.fix}", markup=False)


def report_bug(settings: Settings) -> None:
    """Show an exception nobody expected: with -v where it happened, else the log that holds it."""
    import traceback

    from hardboot.files import state_dir

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

"""The command line: the root group with its verbs, loaded when they are run."""

import os

import click
from click.exceptions import Abort, ClickException, Exit
from click.shell_completion import shell_complete

from hardboot import __version__
from hardboot.base.errors import UsageError
from hardboot.commands.common import Group, Settings
from hardboot.commands.settings import emit_error

_COMPLETE = "_HARDBOOT_COMPLETE"
_VERBS = {
    "devices": ("hardboot.commands.devices:devices", "Profiles of phones: list, show, check."),
    "info": ("hardboot.commands.info:info", "What is inside an image."),
    "unpack": ("hardboot.commands.unpack:unpack", "Take an image apart into a folder."),
    "pack": ("hardboot.commands.unpack:pack", "Make an image of a folder again."),
    "ramdisk": ("hardboot.commands.ramdisk:ramdisk", "What is in a ramdisk: list, extract, change."),
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


def run(arguments: list[str], settings: Settings) -> int:
    """Parse the command line, tell `settings`, do it, and return the exit code.

    Raises:
        KeyboardInterrupt: Also where a question was answered with it.
        BrokenPipeError: If nobody reads the output any more; click's own `main` would make it an exit with 1.
    """
    shell = os.environ.get(_COMPLETE)
    if shell:
        return shell_complete(root, {}, "hardboot", _COMPLETE, shell)
    try:
        with root.make_context("hardboot", arguments, obj=settings) as context:
            root.invoke(context)
    except Exit as done:
        return done.exit_code
    except ClickException as error:
        if "--json" in arguments:
            what, fix = error.format_message(), "Look at --help."
            emit_error(UsageError(what, state="Nothing was done.", fix=fix))
        error.show()
        return error.exit_code
    except Abort as error:
        raise KeyboardInterrupt from error
    return 0

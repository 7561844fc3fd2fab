"""The command line: the root group and its verbs, which are imported when they are run."""

import os

import click
from click.exceptions import Abort, ClickException, Exit, NoArgsIsHelpError
from click.shell_completion import shell_complete

from hardboot import __version__
from hardboot.commands import usage
from hardboot.commands.command import Group
from hardboot.commands.common import Settings

_COMPLETE = "_HARDBOOT_COMPLETE"
_SECTIONS = {
    "Try an image": {
        "boot": ("hardboot.commands.boot:boot", "Boot an image from RAM after a hardware reset."),
        "plan": ("hardboot.commands.plan:plan", "Show where an image would lie in memory."),
        "load": ("hardboot.commands.load:load", "Load an image, to boot it later."),
        "exec": ("hardboot.commands.exec:execute", "Boot the loaded image."),
        "unload": ("hardboot.commands.unload:unload", "Unload the loaded image."),
        "virtual": ("hardboot.commands.virtual:virtual", "Create and run virtual phones."),
    },
    "ROMs on the phone": {
        "rom": ("hardboot.commands.rom:rom", "Keep ROMs on the phone, each with its own data."),
    },
    "Build a host kernel": {
        "patch": ("hardboot.commands.patch:patch", "Add hardboot support to a kernel source tree."),
        "host-image": ("hardboot.commands.host_image:host_image", "Replace the kernel of a boot image."),
        "flash-host-kernel": (
            "hardboot.commands.flash:flash_host_kernel",
            "Write a host kernel to the boot partition.",
        ),
    },
    "Images": {
        "info": ("hardboot.commands.info:info", "Show what is inside an image."),
        "unpack": ("hardboot.commands.unpack:unpack", "Unpack an image into a folder."),
        "pack": ("hardboot.commands.unpack:pack", "Pack a folder into an image again."),
        "ramdisk": ("hardboot.commands.ramdisk:ramdisk", "List, extract and change the files of a ramdisk."),
        "dtb": ("hardboot.commands.dtb:dtb", "Show which device tree a phone gets, and why."),
    },
    "Phone": {
        "doctor": ("hardboot.commands.doctor:doctor", "Show what the phone can do, and what to do next."),
        "status": ("hardboot.commands.status:status", "Show the running kernel and its hardboot support."),
        "probe": ("hardboot.commands.probe:probe", "Measure which restarts RAM survives."),
        "selftest": ("hardboot.commands.selftest:selftest", "Prove that hardboot works on this phone."),
        "home": ("hardboot.commands.home:home", "Return to the phone's own system, and put back partitions."),
        "reboot": ("hardboot.commands.reboot:reboot", "Restart the phone, and show which kernel came up."),
        "devices": ("hardboot.commands.devices:devices", "Show, check and draft phone profiles."),
        "bench": ("hardboot.commands.bench:bench", "Measure how long each restart method takes."),
    },
    "Rescue": {
        "backup": ("hardboot.commands.backups:backup", "Read a partition of the phone into a backup."),
        "backups": ("hardboot.commands.backups:backups", "List the backups on this computer."),
        "restore": ("hardboot.commands.flash:restore", "Write a backup back to the phone."),
        "attempts": (
            "hardboot.commands.attempts:attempts",
            "Show what became of boots, and why they failed.",
        ),
        "log": ("hardboot.commands.log:last_log", "Show the previous kernel's log."),
        "crash": ("hardboot.commands.crash:crash", "Crash the kernel, pull and read its memory dump."),
    },
}


@click.group(
    cls=Group,
    sections=_SECTIONS,
    example="hardboot boot rom.img --dry-run\nhardboot boot rom.img",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 bug, 2 wrong usage, 3 wrong file or missing tool, 4 refused, "
    "5 phone error, 6 unknown phone state, 130 interrupted, 141 output closed.",
)
@click.version_option(__version__, message="hardboot %(version)s")
def root() -> None:
    """Boot any Android boot image on a rooted phone, from RAM, after a real hardware reset."""


def run(arguments: list[str], settings: Settings) -> int:
    """Parse the command line into `settings`, run the command, and return the exit code.

    Raises:
        UsageError: If the command line is wrong.
        KeyboardInterrupt: Also at a prompt.
        BrokenPipeError: If nobody reads the output any more; click's own `main` would exit with 1.
    """
    shell = os.environ.get(_COMPLETE)
    if shell:
        return shell_complete(root, {}, "hardboot", _COMPLETE, shell)
    settings.words = ("hardboot", *arguments)
    wants_json = "--json" in arguments  # it may stand behind what is wrong; click consumes `arguments`
    try:
        with root.make_context("hardboot", arguments, obj=settings) as context:
            root.invoke(context)
    except Exit as done:
        return done.exit_code
    except NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except ClickException as error:
        settings.json = settings.json or wants_json
        raise usage.explain(error) from error
    except Abort as error:
        raise KeyboardInterrupt from error
    return 0

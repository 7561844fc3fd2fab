"""hardboot devices suggest: draft a phone profile."""

import shlex
from pathlib import Path

import click

from hardboot import profile
from hardboot import suggest as drafts
from hardboot.base import log
from hardboot.base.errors import RefusedError
from hardboot.base.files import make_folder, write_atomic
from hardboot.commands.command import Command
from hardboot.commands.common import Settings, confirm, echo, echo_lines, from_option, pass_settings
from hardboot.device.handset import reach
from hardboot.suggest import Findings, Suggestion

_PROPOSED = ("hardboot.page", "mem_min")


@click.command(
    cls=Command,
    example="hardboot devices suggest --install\nhardboot devices suggest --from copied-files -o phone.toml",
)
@from_option("Read files copied from the phone instead of a connected phone.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write the draft to FILE."
)
@click.option("--install", is_flag=True, help="Write the draft to your own profiles, where it is found.")
@pass_settings
def suggest(settings: Settings, folder: Path | None, output: Path | None, install: bool) -> None:
    """Draft a profile for the connected phone.

    The draft proposes a hardboot page and mem_min, with reasons. The phone needs root. --install writes it to
    $XDG_CONFIG_HOME/hardboot/devices (~/.config/hardboot/devices): every command then finds it.

    DIR has files from the phone instead: the output of getprop (required), dmesg, uname -m (uname) and ls -l
    of the by-name folders (by-name), copies of iomem, cmdline, bootconfig, version, partitions, last_kmsg and
    atags from /proc, of /sys/firmware/fdt (fdt) or /proc/device-tree (device-tree, or a tar:
    device-tree.tar), of /sys/kernel/kexec_hardboot/page (page), and boot.img. All but getprop may be missing;
    the draft then knows less.
    """
    if install and output is not None:
        raise click.UsageError("--install cannot be combined with --output.")
    found = _findings(settings, folder)
    if found.runs_guest:
        _tell_rom(install)
    result = drafts.suggest(found)
    made = result.profile
    if install:
        output = _install(settings, result)
    elif output is not None:
        write_atomic(output, [result.text.encode()])
    for note in result.notes:
        log.warn(note)
    for difference in result.differences:
        log.warn(f"the known profile differs: {difference}")
    document = {
        "name": made.name,
        "profile": result.text,
        "path": str(output) if output else None,
        "hardboot_page": made.hardboot.page,
        "mem_min": made.mem_min,
        "reasons": {name: made.evidence[name].source for name in _PROPOSED},
        "unknown": {name: one.source for name, one in made.evidence.items() if one.status == "unknown"},
        "notes": list(result.notes),
        "differences": list(result.differences),
    }
    settings.emit(document, lambda: _print(result, output, installed=install))


def _findings(settings: Settings, folder: Path | None) -> Findings:
    if folder is not None:
        return drafts.read_folder(folder)
    with reach(settings.serial) as handset:
        return drafts.ask_phone(handset)


def _tell_rom(install: bool) -> None:
    """Warn that a ROM of hardboot runs: where it lies and what it was given is no fact about the phone.

    Raises:
        RefusedError: If the draft would be installed.
    """
    if install:
        raise RefusedError(
            "a ROM is running",
            state="Nothing was written.",
            fix="Restart the phone into its own system (hardboot reboot) and run this again.",
        )
    log.warn("a ROM is running; restart the phone into its own system and run this again")


def _install(settings: Settings, result: Suggestion) -> Path:
    """Write the draft to the user's own profiles; return its file.

    Raises:
        RefusedError: If the user has one of that name, or does not want it in place of one that ships.
    """
    name = result.profile.name
    path = profile.own_dir() / f"{name}.toml"
    if path.exists():
        raise RefusedError(
            f"{path} exists",
            state="Nothing was written.",
            fix="Move it away, or write the draft elsewhere and compare: hardboot devices suggest -o FILE",
        )
    if profile.path_of(name):
        confirm(settings, f"This takes the place of the profile {name} that ships with hardboot.")
    make_folder(path.parent)
    write_atomic(path, [result.text.encode()])
    return path


def _print(result: Suggestion, output: Path | None, *, installed: bool) -> None:
    if output is None:
        echo_lines(result.text)
        return
    made = result.profile
    echo(f"Wrote {output}: a draft for {made.title}.")
    for name, value in (("hardboot.page", made.hardboot.page), ("mem_min", made.mem_min)):
        known = "unknown" if value is None else f"{value:#x}"
        echo(f"{name}: {known}: {made.evidence[name].source}")
    how = f"--device {made.name}" if installed else f"--profile {shlex.quote(str(output))}"
    echo(f"Read it and complete it: hardboot devices show {how}")
    echo(f"Then build a host kernel: hardboot patch apply TREE {how}")

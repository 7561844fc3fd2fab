"""hardboot patch config: set the options of a patched tree in a kernel configuration."""

import re
from dataclasses import asdict
from pathlib import Path

import click

from hardboot.base import log
from hardboot.base.errors import InputError
from hardboot.commands.command import Command
from hardboot.commands.common import Settings, count, echo, pass_settings
from hardboot.commands.patch import series_of
from hardboot.patches.config import configure
from hardboot.patches.series import CONFIG_NAME

_VARIABLE = re.compile(r"[A-Za-z_]\w*=.*")
_OWN = ("ARCH", "KCONFIG_CONFIG", "O")  # variables that the command itself gives to make
_SHOWN_MAX = 20


@click.command(
    cls=Command,
    example="hardboot patch config linux\nhardboot patch config common CC=clang-16 LD=ld.lld-16",
)
@click.argument("tree", type=click.Path(path_type=Path))
@click.argument("variables", nargs=-1, metavar="[VARIABLE=VALUE]...")
@click.option(
    "--config",
    "path",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Change this configuration instead of TREE/.config.",
)
@pass_settings
def config(settings: Settings, tree: Path, variables: tuple[str, ...], path: Path | None) -> None:
    """Set and check the kernel options of the patched kernel source TREE.

    Merges hardboot.config into the configuration and runs the tree's olddefconfig. The configuration is
    written if all options are set and none is on that keeps hardboot from working.

    Kconfig turns off what the compiler cannot do, so it is asked with the kind that the configuration was
    made with, clang or gcc. Give others to make as VARIABLE=VALUE, the same as for the build.
    """
    for variable in variables:
        if not _VARIABLE.fullmatch(variable) or variable.partition("=")[0] in _OWN:
            raise click.UsageError(f"{variable!r} is no variable for make that can be set here.")
    path = path or tree / ".config"
    series = series_of(settings, tree)
    with log.step(f"Configuring {tree}"):
        done = configure(tree, series.arch, path, variables)
    lost = done.wrong
    was, now = done.compilers
    if was and now and was != now:
        log.warn(f"{path} was made for {was}, and now for {now}: modules of the old kernel may not load")

    def show() -> None:
        printed: set[str] = set()  # an option that is off turns others off, for the same reason
        for one in lost:
            found, wanted = ("off" if value == "n" else value for value in (one.found, one.wanted))
            echo(f"CONFIG_{one.symbol} is {found}, not {wanted}:")
            for reason in one.reason.split("; "):
                if reason not in printed:
                    echo(f"  {reason}")
                printed.add(reason)
        if not lost:
            echo(f"{path}: all options of {CONFIG_NAME} are set")
            if done.dropped:
                more = len(done.dropped) - _SHOWN_MAX
                others = f" and {more} more (--json lists them)" if more > 0 else ""
                names = ", ".join(done.dropped[:_SHOWN_MAX])
                echo(f"Turned off, as this tree or compiler lacks something for it: {names}{others}")
            echo("Build the kernel, then: hardboot host-image BOOT.IMG --kernel FILE -o HOST.IMG")

    document = {
        "config": str(path),
        "lost": [asdict(one) for one in lost],
        "dropped": done.dropped,
        "compiler": {"was": was, "is": now},
    }
    settings.emit(document, show)
    if lost:
        raise InputError(
            f"{count(len(lost), 'option is', 'options are')} not as hardboot needs: "
            f"{', '.join(option.symbol for option in lost)}",
            state=f"{path} is as it was.",
            fix="Change the configuration for the reasons above, and try again.",
        )

"""The argument IMAGE and the options that name what is started, shared by `boot`, `load` and `plan`."""

import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from hardboot.flows.image_set import OTHERS
from hardboot.flows.rom_source import RomFiles

_PATH = click.Path(path_type=Path)
_NAMES = ("kernel", "ramdisk", "own_ramdisk", "dtb", "modules")


def rom_options(function: Callable[..., Any], *, stored: bool = False) -> Callable[..., Any]:
    """Add the argument IMAGE and the options that name parts of a ROM; they are passed as one `files`.

    Args:
        function: The command.
        stored: Nothing at all may be named, too: the default among the ROMs on the phone is meant.
    """

    @wraps(function)
    def command(**words: Any) -> Any:
        others = {name: words.pop(name) for name in OTHERS}
        image: str | None = words.pop("image")
        files = RomFiles(
            None if image is None else Path(image),
            is_path=image is not None and os.sep in image,
            others=others,
            **{name: words.pop(name) for name in _NAMES},
        )
        if files.image is None and files.kernel is None and not (stored and files.image_alone):
            raise click.UsageError("Nothing to start: give IMAGE, or a kernel (--kernel PATH).")
        if files.image is None and any(others.values()):
            raise click.UsageError("--init-boot, --vendor-boot and --dtbo need IMAGE.")
        if files.ramdisk is not None and files.own_ramdisk:
            raise click.UsageError("--ramdisk cannot be combined with --own-ramdisk.")
        return function(files=files, **words)

    for option in (
        click.option("--modules", is_flag=True, help="Warn of modules in the ramdisk for another kernel."),
        click.option(
            "--dtb",
            type=_PATH,
            metavar="FILE",
            help="Use the device tree in FILE; of overlays only those of --dtbo.",
        ),
        click.option("--own-ramdisk", is_flag=True, help="Use the phone's own ramdisk."),
        click.option("--ramdisk", type=_PATH, metavar="FILE", help="Use the ramdisk in FILE."),
        click.option(
            "--kernel",
            type=_PATH,
            metavar="PATH",
            help="Use this kernel: a file, or a build tree of Linux. Without IMAGE, the ramdisk, device tree "
            "and command line are the phone's own.",
        ),
        *(
            click.option(
                f"--{name.replace('_', '-')}", type=_PATH, metavar="FILE", help=f"Use this {name} image."
            )
            for name in reversed(OTHERS)
        ),
        click.argument("image", type=click.Path(), required=False),
    ):
        command = option(command)
    return command

"""hardboot virtual: rehearse on a phone made of QEMU before you touch your own."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from hardboot.base.errors import DeviceError
from hardboot.commands.common import Command, Group, Settings, pass_settings
from hardboot.virtual import console as console_view
from hardboot.virtual import image, kernel, machine

_NAME = click.option("--name", default=machine.DEFAULT_NAME, show_default=True, help="Which virtual phone.")


@click.group(cls=Group)
def virtual() -> None:
    """The virtual phone: QEMU with a real bootloader, a real kernel and a real adbd.

    It comes like a phone out of the box: stock kernel, rooted, unlocked. Needs Debian 12 or newer.
    """


@virtual.command(cls=Command)
@_NAME
@click.option("--reset-disk", is_flag=True, help="Make it new: stock kernel, empty userdata.")
@click.option(
    "--adb-key",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Ask for ADB authorisation and accept only this adbkey.pub.",
)
@click.option("--adb-maxdata", type=click.IntRange(4096, 1 << 20), help="Largest ADB packet, in bytes.")
@click.option("--gdb", is_flag=True, help="Let a debugger connect: see `hardboot virtual gdb`.")
@pass_settings
def start(
    settings: Settings, name: str, reset_disk: bool, adb_key: Path | None, adb_maxdata: int | None, gdb: bool
) -> None:
    """Start the phone and wait until it has booted; make it first if it is new."""
    key = adb_key.read_text(errors="replace") if adb_key else None
    status = machine.start(name, reset_disk=reset_disk, adb_key=key, adb_maxdata=adb_maxdata, gdb=gdb)
    settings.emit(_document(status), lambda: _print(status))


@virtual.command(cls=Command)
@_NAME
@pass_settings
def stop(settings: Settings, name: str) -> None:
    """Switch the phone off at once, as by taking its battery out."""
    was_running = machine.stop(name)
    text = (
        f"The virtual phone {name} is off." if was_running else f"The virtual phone {name} was off already."
    )
    settings.emit(_document(machine.status(name)), lambda: click.echo(text))


@virtual.command(cls=Command)
@_NAME
@pass_settings
def status(settings: Settings, name: str) -> None:
    """Say whether the phone runs, where ADB reaches it, and how often its hardware was reset."""
    found = machine.status(name)
    settings.emit(_document(found), lambda: _print(found))


@virtual.command(cls=Command)
@_NAME
@click.option("--log", "log_only", is_flag=True, help="Print the log of the serial port and end.")
@pass_settings
def console(settings: Settings, name: str, log_only: bool) -> None:
    """Talk to the phone's serial port: bootloader, kernel messages, a root shell. Ctrl-] ends it."""
    found = machine.status(name)
    if log_only:
        text = found.console.read_text(errors="replace") if found.console.exists() else ""
        settings.emit({"console": str(found.console), "text": text}, lambda: click.echo(text, nl=False))
        return
    if not found.running:
        raise DeviceError(
            f"the virtual phone {name} is off",
            state="Nothing was sent.",
            fix="Start it: hardboot virtual start; its last messages: hardboot virtual console --log",
        )
    console_view.attach(machine.folder(name) / machine.CONSOLE_SOCKET)


@virtual.command(name="gdb", cls=Command)
@_NAME
@click.option("--vmlinux", type=click.Path(path_type=Path), help="The guest's kernel with its symbols.")
@click.option("--run", is_flag=True, help="Start gdb instead of printing its command line.")
@pass_settings
def debug(settings: Settings, name: str, vmlinux: Path | None, run: bool) -> None:
    """Debug the kernel that is booted next, from its first instruction after the reset.

    The phone must have been started with --gdb. Start gdb, then `hardboot boot IMAGE` in another terminal.
    """
    import os
    import shlex

    from hardboot import profile
    from hardboot.virtual import gdb

    words = gdb.command(name, profile.load(machine.DEVICE).page.start, vmlinux)
    if run:
        os.execv(words[0], words)
    settings.emit({"command": words}, lambda: click.echo(shlex.join(words)))


@virtual.command(cls=Command)
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--linux",
    type=click.Choice(list(kernel.SUITES)),
    default=kernel.LINUX,
    show_default=True,
    help="Which Linux; the first is the phone's own.",
)
@pass_settings
def source(settings: Settings, directory: Path, linux: str) -> None:
    """Unpack a kernel source, as Debian ships it, into the new folder DIRECTORY."""
    tree = kernel.unpack(directory, linux)
    settings.emit({"tree": str(tree)}, lambda: click.echo(f"The source of Linux {linux} is in {tree}"))


@virtual.command(name="kernel", cls=Command)
@click.argument("tree", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Image to write."
)
@click.option(
    "--arch",
    type=click.Choice(list(kernel.TARGETS)),
    default=kernel.ARM.arch,
    show_default=True,
    help="For arm a zImage, for arm64 an Image.",
)
@pass_settings
def build_kernel(settings: Settings, tree: Path, output: Path, arch: str) -> None:
    """Build the kernel of TREE for the virtual phone."""
    from hardboot.base.files import write_atomic

    built = kernel.build(tree, kernel.TARGETS[arch])
    write_atomic(output, [built.image.read_bytes()])
    document = {"image": str(output), "config": str(built.config)}
    settings.emit(document, lambda: click.echo(f"{output} is the kernel of {tree} for the virtual phone."))


@virtual.command(cls=Command)
@click.argument("output", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--kernel",
    "which",
    type=click.Choice(["debian", "minimal"]),
    default="debian",
    show_default=True,
    help="Debian's unmodified armhf kernel, or the phone's own stock kernel.",
)
@pass_settings
def rom(settings: Settings, output: Path, which: str) -> None:
    """Make a ROM to boot on the virtual phone: write the boot image OUTPUT."""
    if which == "debian":
        image.debian_rom(output)
    else:
        image.minimal_rom(output)
    document = {"image": str(output), "kernel": which}
    settings.emit(document, lambda: click.echo(f"{output} is ready: hardboot boot {output}"))


def _document(status: machine.Status) -> dict[str, Any]:
    return {key: str(value) if isinstance(value, Path) else value for key, value in asdict(status).items()}


def _print(status: machine.Status) -> None:
    if not status.running:
        click.echo(f"The virtual phone {status.name} is off.")
        if status.console.exists():
            click.echo(f"  console log  {status.console}")
        return
    click.echo(f"The virtual phone {status.name} runs.")
    click.echo(f"  ADB serial   {status.serial}")
    click.echo(f"  resets       {status.resets} since it was started")
    click.echo(f"  boot image   {status.factory_image}")
    click.echo(f"  console log  {status.console}")

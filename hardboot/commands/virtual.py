"""hardboot virtual: create and run virtual phones."""

import os
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from hardboot import profile
from hardboot.base.errors import DeviceError
from hardboot.base.files import read_bytes, write_atomic
from hardboot.commands import completion
from hardboot.commands.command import Command, Group
from hardboot.commands.common import Settings, echo, echo_lines, pass_settings
from hardboot.virtual import console as console_view
from hardboot.virtual import gdb as debugger
from hardboot.virtual import kernel, machine, model
from hardboot.virtual.target import TARGETS

_KEY_LIMIT = 64 << 10  # bytes; a public key has less than one KiB
_NAME = click.option(
    "--name",
    metavar="NAME",
    shell_complete=completion.virtual_phones,
    help="Choose the virtual phone. Default: the one that is called like its model.",
)


def _chosen(settings: Settings, name: str | None) -> str:
    """Return the name of the virtual phone that --name and --device mean."""
    found = name or settings.device or machine.DEFAULT_NAME
    machine.find_model(found, settings.device)
    return found


def _model(settings: Settings) -> model.Model:
    return model.find(settings.device or machine.DEFAULT_NAME)


@click.group(cls=Group, example="hardboot virtual start\nhardboot status")
def virtual() -> None:
    """Create and run virtual phones.

    A virtual phone is a QEMU machine with U-Boot, a Linux kernel and an adbd. A new one has a stock kernel,
    and is rooted and unlocked. There are two models: --device virt-arm, a 32-bit phone with one boot
    partition, and virt-arm64, with slots and boot images of header v4. Needs Debian 12 or newer.
    """


@virtual.command(cls=Command, example="hardboot virtual start --device virt-arm64")
@_NAME
@click.option("--reset-disk", is_flag=True, help="Create a new disk: stock kernel, empty userdata.")
@click.option(
    "--adb-key",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Accept only this adbkey.pub.",
)
@click.option(
    "--adb-maxdata",
    metavar="BYTES",
    type=click.IntRange(4096, 1 << 20),
    help="Limit the size of ADB packets.",
)
@click.option("--fastboot", "stop_in", flag_value="fastboot", help="Stop in the bootloader's fastboot.")
@click.option("--recovery", "stop_in", flag_value="recovery", help="Start recovery instead of the system.")
@click.option("--locked", is_flag=True, help="Lock the bootloader: no flashing, no other images.")
@click.option("--clear-ram", is_flag=True, help="Clear all RAM at every reset, as some bootloaders do.")
@click.option("--gdb", is_flag=True, help="Accept a debugger: `hardboot virtual gdb`.")
@pass_settings
def start(
    settings: Settings,
    name: str | None,
    reset_disk: bool,
    adb_key: Path | None,
    adb_maxdata: int | None,
    stop_in: str | None,
    locked: bool,
    clear_ram: bool,
    gdb: bool,
) -> None:
    """Start the phone, and wait until it has booted."""
    status = machine.start(
        _chosen(settings, name),
        device=settings.device,
        reset_disk=reset_disk,
        stop_in=stop_in,
        locked=locked,
        clear_ram=clear_ram,
        adb_key=read_bytes(adb_key, limit=_KEY_LIMIT).decode("utf-8", "replace") if adb_key else None,
        adb_maxdata=adb_maxdata,
        gdb=gdb,
    )
    settings.emit(_document(status), lambda: _print(status))


@virtual.command(cls=Command, example="hardboot virtual stop")
@_NAME
@pass_settings
def stop(settings: Settings, name: str | None) -> None:
    """Switch the phone off at once."""
    name = _chosen(settings, name)
    was_running = machine.stop(name)
    text = (
        f"Stopped the virtual phone {name}." if was_running else f"The virtual phone {name} was not running."
    )
    settings.emit(_document(machine.status(name)), lambda: echo(text))


@virtual.command(cls=Command, example="hardboot virtual status")
@_NAME
@pass_settings
def status(settings: Settings, name: str | None) -> None:
    """Show whether the phone runs, its ADB serial, and its hardware resets."""
    found = machine.status(_chosen(settings, name))
    settings.emit(_document(found), lambda: _print(found))


@virtual.command(cls=Command, example="hardboot virtual console")
@_NAME
@click.option("--log", "log_only", is_flag=True, help="Print the log of the serial port instead.")
@pass_settings
def console(settings: Settings, name: str | None, log_only: bool) -> None:
    """Connect to the phone's serial port.

    It has the bootloader, kernel messages and a root shell. Ctrl-] disconnects.
    """
    name = _chosen(settings, name)
    found = machine.status(name)
    if log_only:
        text = found.console.read_text(errors="replace") if found.console.exists() else ""
        settings.emit({"console": str(found.console), "text": text}, lambda: echo_lines(text))
        return
    if not found.running:
        raise DeviceError(
            f"the virtual phone {name} is off",
            state="Nothing was sent.",
            fix="Start it (hardboot virtual start), or print its log: hardboot virtual console --log",
        )
    console_view.attach(machine.folder(name) / machine.CONSOLE_SOCKET)


@virtual.command(name="gdb", cls=Command, example="hardboot virtual start --gdb\nhardboot virtual gdb --run")
@_NAME
@click.option("--vmlinux", metavar="FILE", type=click.Path(path_type=Path), help="Load symbols from FILE.")
@click.option("--run", is_flag=True, help="Run gdb instead of printing its command line.")
@pass_settings
def debug(settings: Settings, name: str | None, vmlinux: Path | None, run: bool) -> None:
    """Debug the next kernel booted, from its first instruction.

    The phone must have been started with --gdb. Run gdb, then `hardboot boot IMAGE` in another terminal.
    """
    name = _chosen(settings, name)
    words = debugger.command(name, profile.load(machine.find_model(name).name).page.start, vmlinux)
    if run:
        os.execv(words[0], words)
    settings.emit({"command": words}, lambda: echo_lines(shlex.join(words)))


@virtual.command(cls=Command, example="hardboot virtual source linux")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--linux",
    type=click.Choice(list(kernel.SUITES)),
    default=kernel.LINUX,
    show_default=True,
    help="Choose the version; the stock kernel is 6.1.",
)
@pass_settings
def source(settings: Settings, directory: Path, linux: str) -> None:
    """Unpack Debian's kernel source into a new DIRECTORY."""
    tree = kernel.unpack_source(directory, linux)
    settings.emit({"tree": str(tree)}, lambda: echo(f"Unpacked Linux {linux} into {tree}"))


@virtual.command(name="kernel", cls=Command, example="hardboot virtual kernel linux -o zImage")
@click.argument("tree", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="Write the kernel to FILE.",
)
@click.option(
    "--arch",
    type=click.Choice(list(TARGETS)),
    help="Build a zImage for arm, an Image for arm64. Default: as the model.",
)
@pass_settings
def build_kernel(settings: Settings, tree: Path, output: Path, arch: str | None) -> None:
    """Build the kernel of TREE for the virtual phone."""
    target = TARGETS[arch] if arch else _model(settings).target
    built = kernel.build(tree, target)
    write_atomic(output, [built.image.read_bytes()])
    document = {"image": str(output), "config": str(built.config)}
    settings.emit(document, lambda: echo(f"Wrote {output}, built from {tree}"))


@virtual.command(cls=Command, example="hardboot virtual rom rom.img")
@click.argument("output", type=click.Path(path_type=Path))
@click.option(
    "--kernel",
    "which",
    type=click.Choice(["debian", "minimal"]),
    default="debian",
    show_default=True,
    help="Use Debian's unmodified kernel or the stock kernel.",
)
@pass_settings
def rom(settings: Settings, output: Path, which: str) -> None:
    """Write a ROM for the virtual phone: a boot image, for virt-arm64 a folder of images."""
    _model(settings).write_rom(output, which)
    document = {"image": str(output), "kernel": which}
    boot = f"hardboot boot {shlex.quote(str(output))}"
    settings.emit(document, lambda: echo(f"Wrote {output}. Boot it: {boot}"))


def _document(status: machine.Status) -> dict[str, Any]:
    return {key: str(value) if isinstance(value, Path) else value for key, value in asdict(status).items()}


def _print(status: machine.Status) -> None:
    if not status.running:
        echo(f"The virtual phone {status.name} is off.")
        if status.console.exists():
            echo(f"  console log  {status.console}")
        return
    echo(f"The virtual phone {status.name} is running.")
    echo(f"  ADB serial   {status.serial}")
    echo(f"  fastboot     {status.fastboot}")
    echo(f"  resets       {status.resets} since the start")
    echo(f"  boot image   {status.factory_image}")
    echo(f"  console log  {status.console}")

"""hardboot crash: crash the kernel, pull and read its memory dump."""

import shlex
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click

from hardboot.base.sizes import human_size
from hardboot.commands.command import Command, Group
from hardboot.commands.common import Settings, confirm, echo, journaled, pass_settings, wait_option
from hardboot.commands.text_output import TextOutput
from hardboot.crash import analysis, panic
from hardboot.crash import pull as pulling
from hardboot.crash import trigger as triggering
from hardboot.crash.analysis import Dump

_wait = wait_option("Wait at most SECONDS for the panic kernel to answer over ADB.")


@click.group(
    cls=Group, example="hardboot load --panic capture.img\nhardboot crash trigger\nhardboot crash pull dump"
)
def crash() -> None:
    """Crash the kernel, pull and read its memory dump.

    Load a panic kernel before: `hardboot load --panic`.
    """


@crash.command(cls=Command, example="hardboot crash trigger")
@_wait
@pass_settings
def trigger(settings: Settings, wait_s: float) -> None:
    """Crash the running kernel, and wait for the next one."""
    with journaled(settings, restarts=True) as (phone, journal):
        what = (
            "starts the panic kernel"
            if panic.is_loaded(phone)
            else "restarts the phone (no panic kernel is loaded)"
        )
        confirm(settings, f"This crashes the kernel of {phone.profile.name} {phone.serialno} and {what}.")
        triggering.trigger(phone, journal, wait_s=wait_s)
    assert journal.guest is not None
    release = journal.guest.release
    text = (
        f"The panic kernel is running ({release}). Pull the dump: hardboot crash pull FILE"
        if journal.outcome == triggering.CAPTURE_UP
        else f"The phone restarted into kernel {release}. Show the log of the crash: hardboot log"
    )
    settings.emit(journal.document(), lambda: echo(text))


@crash.command(cls=Command, example="hardboot crash pull dump")
@click.argument("output", type=click.Path(path_type=Path, dir_okay=False))
@_wait
@pass_settings
def pull(settings: Settings, output: Path, wait_s: float) -> None:
    """Pull the dump of a crashed kernel into OUTPUT.

    Waits for the panic kernel. Pages that were free or are zero are left out.
    """
    with triggering.panic_kernel_phone(settings.serial, settings.chosen(), wait_s=wait_s) as phone:
        found = pulling.pull(phone, output)

    def show() -> None:
        free = "not known" if found.free is None else human_size(found.free)
        echo(f"  kernel    {found.release or 'unknown'}")
        echo(f"  memory    {human_size(found.memory)}")
        echo(f"  left out  free: {free}, zero: {human_size(found.zero)}")
        echo(f"  file      {human_size(found.size)}")
        echo(f"  sha256    {found.sha256}")
        echo(f"Wrote the dump to {output}. Read it: hardboot crash show {shlex.quote(str(output))}")

    settings.emit({**asdict(found), "path": str(output)}, show)


@crash.command(name="show", cls=Command, example="hardboot crash show dump")
@click.argument("file", type=click.Path(path_type=Path))
@pass_settings
def show_dump(settings: Settings, file: Path) -> None:
    """Show the kernel, RAM, notes, registers and log in a dump."""
    found = analysis.read(file)
    settings.emit(found.document(), lambda: _show(found))


def _show(found: Dump) -> None:
    when = f", crashed {datetime.fromtimestamp(found.time, UTC):%Y-%m-%d %H:%M:%S} UTC" if found.time else ""
    echo(f"  kernel   {found.release or 'unknown'}, {found.arch}{when}")
    if found.kernel_offset:
        offset = f"{found.kernel_offset:#x}"
        echo(f"  KASLR    {offset} above the addresses in vmlinux; in gdb: symbol-file vmlinux -o {offset}")
    for one in found.ram:
        echo(f"  RAM      {one}")
    echo(f"  stored   {human_size(found.stored)} of {human_size(sum(one.size for one in found.ram))}")
    for name, kind, size in found.notes:
        echo(f"  note     {name} type {kind}, {human_size(size)}")
    if found.panic:
        echo(f"  panic    {found.panic.text}")
        if found.panic.process:
            echo(f"  process  {found.panic.process[0]} {found.panic.process[1]}")
    width = TextOutput().width
    for cpu in found.cpus:
        mark = ", panicked" if found.panic and found.panic.cpu == cpu.index else ""
        echo(f"  CPU {cpu.index}{mark}, process {cpu.pid}")
        texts = [f"{name:>7} {value:0{found.bits // 4}x}" for name, value in cpu.registers.items()]
        per_line = min(4 if found.bits == 32 else 3, (width - 1) // (9 + found.bits // 4))
        for at in range(0, len(texts), per_line):
            echo("  " + " ".join(texts[at : at + per_line]))
    if found.log is None:
        echo(f"  log      cannot be read: {found.log_problem}")
    for line in found.log or ():
        echo(str(line))

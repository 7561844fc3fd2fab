"""hardboot load: load an image into the running kernel, to start it later."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import Any

import click

from hardboot import memorymap
from hardboot.base import log
from hardboot.base.errors import RefusedError
from hardboot.base.interrupts import on_interrupt
from hardboot.commands import planpage
from hardboot.commands.command import Command
from hardboot.commands.common import Settings, echo, journaled, pass_settings
from hardboot.commands.rom_options import rom_options
from hardboot.crash import panic as panic_kernel
from hardboot.crash.elfcorehdr import CRASHKERNEL
from hardboot.crash.panic import PanicKernel
from hardboot.device.phone import Phone
from hardboot.flows import load as flow
from hardboot.flows.journal import Journal
from hardboot.flows.load import PreparedRom
from hardboot.flows.planning import Planned
from hardboot.flows.restart import WAIT_S
from hardboot.flows.rom import Rom
from hardboot.flows.rom_source import RomFiles, RomSource
from hardboot.profile import Profile


@dataclass(frozen=True)
class Wanted:
    """The image and options of `load` and `boot`."""

    files: RomFiles
    cmdline: str | None
    append: str | None
    soft: bool
    dry_run: bool
    svg: Path | None
    untested: bool

    def prepare(self, phone: Phone, source: RomSource, journal: Journal) -> PreparedRom:
        """Check the phone, complete the ROM with its images, and plan the boot."""
        check_tested(phone.profile, allowed=self.untested or self.dry_run)
        if self.soft:
            flow.check_soft(phone, untested=self.untested or self.dry_run)
        rom = read_rom(phone, source, journal)
        return flow.prepare(phone, rom, journal, cmdline=self.cmdline, append=self.append, soft=self.soft)


def read_rom(phone: Phone, source: RomSource, journal: Journal) -> Rom:
    """Return the ROM, with what it lacks read from the phone."""
    with on_interrupt("Nothing was loaded."), journal.phase("read"):
        return source.complete(phone)


def image_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the argument IMAGE and the options for loading it; they are passed as one `wanted`."""

    @wraps(function)
    def command(**words: Any) -> Any:
        wanted = Wanted(**{item.name: words.pop(item.name) for item in fields(Wanted)})
        if wanted.svg is not None and not wanted.dry_run:
            raise click.UsageError("--svg needs --dry-run.")
        return function(wanted=wanted, **words)

    for option in (
        click.option(
            "--untested", is_flag=True, help="Allow phones on which hardboot has never been tested."
        ),
        click.option(
            "--svg",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Write the memory map to FILE, with --dry-run.",
        ),
        click.option("--dry-run", is_flag=True, help="Check the phone and show the plan; load nothing."),
        click.option("--soft", is_flag=True, help="Start IMAGE by plain kexec, without a hardware reset."),
        click.option("--append", metavar="TEXT", help="Append TEXT to the kernel command line."),
        click.option("--cmdline", metavar="TEXT", help="Replace the image's kernel command line."),
    ):
        command = option(command)
    return rom_options(command)


@click.command(cls=Command, example="hardboot load rom.img\nhardboot load --panic rom.img")
@image_options
@click.option("--panic", is_flag=True, help="Start IMAGE when the running kernel crashes, without a reset.")
@click.option(
    "--add-crashkernel",
    is_flag=True,
    help=f"Boot the phone's own system from RAM with {CRASHKERNEL} first, with --panic.",
)
@pass_settings
def load(settings: Settings, wanted: Wanted, panic: bool, add_crashkernel: bool) -> None:
    """Load IMAGE into the running kernel, to boot it later.

    `hardboot exec` boots it; with --panic, the next crash does. The phone keeps running, and loses the image
    when it restarts. An image that was loaded before is replaced.
    """
    if panic:
        _load_panic(settings, wanted, add_crashkernel)
        return
    if add_crashkernel:
        raise click.UsageError("--add-crashkernel needs --panic.")
    source = wanted.files.read()
    with journaled(settings) as (phone, journal):
        prepared = wanted.prepare(phone, source, journal)
        if wanted.dry_run:
            phone.clean()
        else:
            flow.load(phone, prepared, journal)
    if wanted.dry_run:
        emit_plan(settings, wanted, phone.profile, prepared, journal)
    else:
        settings.emit(journal.document(), lambda: _print(journal))


def _load_panic(settings: Settings, wanted: Wanted, add_crashkernel: bool) -> None:
    if wanted.soft or wanted.cmdline is not None:
        raise click.UsageError("--panic cannot be combined with --soft or --cmdline.")
    source = wanted.files.read()
    with journaled(settings) as (phone, journal):
        check_tested(phone.profile, allowed=wanted.untested or wanted.dry_run)
        if add_crashkernel and not wanted.dry_run:
            panic_kernel.add_crashkernel(phone, journal, wait_s=WAIT_S)
        rom = read_rom(phone, source, journal)
        prepared = panic_kernel.prepare(phone, rom, journal, append=wanted.append)
        if wanted.dry_run:
            phone.clean()
        else:
            panic_kernel.load(phone, prepared, journal)
    memory = prepared.memory
    picture = memorymap.draw(prepared.plan, banks=(*memory.ram, memory.region), host=memory.kernel)
    title = f"{rom.path.name} on {journal.device}, as panic kernel"
    page = planpage.Page(prepared.plan, prepared.cmdline, picture, title, prepared.tree_reason)
    document = {**journal.document(), "plan": page.document()}
    if wanted.dry_run:
        page.emit(settings, document, wanted.svg)
    else:
        settings.emit(document, lambda: _print_panic(prepared))


def emit_plan(
    settings: Settings, wanted: Wanted, profile: Profile, prepared: PreparedRom, journal: Journal
) -> None:
    """Print the plan of a dry run."""
    rom = prepared.rom
    made = Planned(prepared.plan, prepared.cmdline, prepared.tree_reason)
    page = planpage.of(profile, made, prepared.live, own=rom.cmdline, image=rom.path.name)
    page.emit(settings, {**journal.document(), "plan": page.document()}, wanted.svg)


def check_tested(profile: Profile, *, allowed: bool) -> None:
    """Refuse a phone on which hardboot has never been tested, or warn if that is `allowed`.

    Raises:
        RefusedError: If the profile is untested and that is not `allowed`.
    """
    if profile.status != "untested":
        return
    what = f"hardboot has never been tested on {profile.title}; its addresses may be wrong"
    if not allowed:
        raise RefusedError(
            what,
            state="Nothing was sent.",
            fix=f"Read `hardboot devices show {profile.name}`, make sure that you can reflash boot (fastboot "
            "or download mode), then add --untested.",
        )
    log.warn(what)


def _print_panic(prepared: PanicKernel) -> None:
    for one in prepared.plan.segments:
        echo(f"  {one.name:<10} {one.range.start:#010x}-{one.range.end:#010x}")
    echo(f"Loaded {prepared.rom.path.name}: it starts when the running kernel crashes.")


def _print(journal: Journal) -> None:
    loaded = journal.loaded
    assert loaded is not None
    for segment in loaded.segments:
        echo(f"  {segment.name:<8} {segment.start:#010x}-{segment.end:#010x}")
    echo(f"  sha256   {loaded.sha256}")
    echo(f"Loaded {loaded.image}. Boot it: hardboot exec")

"""hardboot load: an image into the phone's kernel, to be started later."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hardboot import load as flow
from hardboot import log, memorymap
from hardboot import rom as roms
from hardboot.commands.common import Command, Settings, pass_settings
from hardboot.commands.plan import describe, show
from hardboot.crashmap import CRASHKERNEL
from hardboot.errors import HardbootError, RefusedError
from hardboot.journal import Journal
from hardboot.load import Prepared
from hardboot.phone import Phone, connected
from hardboot.profile import Profile
from hardboot.restart import WAIT_S
from hardboot.rom import Rom

if TYPE_CHECKING:
    from hardboot.panic import Prepared as PanicKernel


@dataclass(frozen=True)
class Wanted:
    """What the options of `load` and `boot` say."""

    image: Path
    cmdline: str | None
    append: str | None
    soft: bool
    dry_run: bool
    untested: bool

    def prepare(self, phone: Phone, rom: Rom, journal: Journal) -> Prepared:
        """Check the phone and plan."""
        check_tried(phone.profile, allowed=self.untested or self.dry_run)
        if self.soft:
            flow.check_soft(phone, untested=self.untested or self.dry_run)
        return flow.prepare(phone, rom, journal, cmdline=self.cmdline, append=self.append, soft=self.soft)


def image_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The argument IMAGE and the options that say how it is loaded; they come as one `wanted`."""

    @wraps(function)
    def command(**words: Any) -> Any:
        wanted = Wanted(**{item.name: words.pop(item.name) for item in fields(Wanted)})
        return function(wanted=wanted, **words)

    for option in (
        click.option("--untested", is_flag=True, help="Also where nobody has seen it work yet."),
        click.option(
            "--dry-run", is_flag=True, help="Check and plan with the connected phone; push and load nothing."
        ),
        click.option(
            "--soft", is_flag=True, help="Start it without a reset, where phone and kernel allow it."
        ),
        click.option("--append", metavar="TEXT", help="Words behind the kernel command line."),
        click.option("--cmdline", metavar="TEXT", help="Kernel command line instead of the image's own."),
        click.argument("image", type=click.Path(path_type=Path)),
    ):
        command = option(command)
    return command


@click.command(cls=Command)
@image_options
@click.option("--panic", is_flag=True, help="To be started when the running kernel crashes, without a reset.")
@click.option(
    "--add-crashkernel",
    is_flag=True,
    help=f"With --panic: boot the phone's own system from RAM first, with {CRASHKERNEL}.",
)
@pass_settings
def load(settings: Settings, wanted: Wanted, panic: bool, add_crashkernel: bool) -> None:
    """Load IMAGE into the kernel that runs, instead of what it has; `hardboot exec` starts it.

    The phone runs on. What is loaded is lost when it restarts. With --panic the next crash starts it,
    and only an earlier panic kernel is replaced.
    """
    if panic:
        _load_panic(settings, wanted, add_crashkernel)
        return
    if add_crashkernel:
        raise click.UsageError("--add-crashkernel goes with --panic.")
    rom = roms.read(wanted.image)
    with connected(settings.serial, settings.device) as phone:
        journal = Journal(phone.profile.name, phone.serialno)
        try:
            prepared = wanted.prepare(phone, rom, journal)
            if wanted.dry_run:
                phone.clean()
            else:
                flow.load(phone, prepared, journal)
        except HardbootError as error:
            error.result = journal.document()
            raise
    if wanted.dry_run:
        emit_plan(settings, phone, prepared, journal)
    else:
        settings.emit(journal.document(), lambda: _print(journal))


def _load_panic(settings: Settings, wanted: Wanted, add_crashkernel: bool) -> None:
    from hardboot import panic

    if wanted.soft or wanted.cmdline is not None:
        raise click.UsageError("--panic goes with neither --soft nor --cmdline.")
    rom = roms.read(wanted.image)
    with connected(settings.serial, settings.device) as phone:
        journal = Journal(phone.profile.name, phone.serialno)
        try:
            check_tried(phone.profile, allowed=wanted.untested or wanted.dry_run)
            if add_crashkernel and not wanted.dry_run:
                panic.add_crashkernel(phone, journal, wait_s=WAIT_S)
            prepared = panic.prepare(phone, rom, journal, append=wanted.append)
            if wanted.dry_run:
                phone.clean()
            else:
                panic.load(phone, prepared, journal)
        except HardbootError as error:
            error.result = journal.document()
            raise
    document = {**journal.document(), "plan": describe(prepared.plan, prepared.cmdline)}
    settings.emit(document, lambda: _print_panic(prepared, loaded=not wanted.dry_run))


def emit_plan(settings: Settings, phone: Phone, prepared: Prepared, journal: Journal) -> None:
    """Print what a dry run found."""
    picture = memorymap.draw(
        prepared.plan,
        banks=prepared.live.banks,
        host=prepared.live.kernel,
        mem_min=phone.profile.mem_min if prepared.plan.flag else None,
    )
    title = f"{prepared.rom.path.name} on {journal.device}"
    settings.emit(
        {**journal.document(), "plan": describe(prepared.plan, prepared.cmdline)},
        lambda: show(prepared.plan, picture, prepared.cmdline, title, prepared.tree_reason),
    )


def check_tried(profile: Profile, *, allowed: bool) -> None:
    """See that hardboot was seen to work on such a phone, or that the user wants to be the first.

    Raises:
        RefusedError: If the profile is untested and that is not `allowed`.
    """
    if profile.status != "untested":
        return
    what = f"nobody has reported yet that hardboot works on {profile.title}"
    if not allowed:
        raise RefusedError(
            f"{what}: addresses in its profile may be wrong",
            unchanged="Nothing was sent.",
            fix=f"Read hardboot devices show {profile.name}, have a way back to a working boot partition, "
            "and add --untested.",
        )
    log.warn(what)


def _print_panic(prepared: "PanicKernel", *, loaded: bool) -> None:
    for segment in (*(one.range for one in prepared.plan.segments), prepared.elf_header):
        click.echo(f"  {segment.name:<10} {segment.start:#010x}-{segment.end:#010x}")
    name = prepared.rom.path.name
    end = f"{name} starts when the kernel crashes" if loaded else f"{name} fits; nothing was pushed"
    click.echo(f"hardboot: {end}")


def _print(journal: Journal) -> None:
    loaded = journal.loaded
    assert loaded is not None
    for segment in loaded.segments:
        click.echo(f"  {segment.name:<8} {segment.start:#010x}-{segment.end:#010x}")
    click.echo(f"  sha256   {loaded.sha256}")
    click.echo(f"hardboot: {loaded.image} is loaded; start it: hardboot exec")

"""hardboot load: an image into the phone's kernel, to be started later."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hardboot import memorymap
from hardboot.base import log
from hardboot.base.errors import RefusedError
from hardboot.commands import planpage
from hardboot.commands.common import Command, Settings, journaled, pass_settings
from hardboot.crash.elfcorehdr import CRASHKERNEL
from hardboot.device.phone import Phone
from hardboot.flows import load as flow
from hardboot.flows import rom as roms
from hardboot.flows.journal import Journal
from hardboot.flows.load import PreparedRom
from hardboot.flows.planning import Planned
from hardboot.flows.restart import WAIT_S
from hardboot.flows.rom import Rom
from hardboot.profile import Profile

if TYPE_CHECKING:
    from hardboot.crash.panic import Prepared as PanicKernel


@dataclass(frozen=True)
class Wanted:
    """What the options of `load` and `boot` say."""

    image: Path
    cmdline: str | None
    append: str | None
    soft: bool
    dry_run: bool
    svg: Path | None
    untested: bool

    def prepare(self, phone: Phone, rom: Rom, journal: Journal) -> PreparedRom:
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
        if wanted.svg is not None and not wanted.dry_run:
            raise click.UsageError("--svg goes with --dry-run.")
        return function(wanted=wanted, **words)

    for option in (
        click.option("--untested", is_flag=True, help="Also where nobody has seen it work yet."),
        click.option(
            "--svg",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="With --dry-run: write the picture of the memory to FILE.",
        ),
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
    with journaled(settings) as (phone, journal):
        prepared = wanted.prepare(phone, rom, journal)
        if wanted.dry_run:
            phone.clean()
        else:
            flow.load(phone, prepared, journal)
    if wanted.dry_run:
        emit_plan(settings, wanted, phone.profile, prepared, journal)
    else:
        settings.emit(journal.document(), lambda: _print(journal))


def _load_panic(settings: Settings, wanted: Wanted, add_crashkernel: bool) -> None:
    from hardboot.crash import panic

    if wanted.soft or wanted.cmdline is not None:
        raise click.UsageError("--panic goes with neither --soft nor --cmdline.")
    rom = roms.read(wanted.image)
    with journaled(settings) as (phone, journal):
        check_tried(phone.profile, allowed=wanted.untested or wanted.dry_run)
        if add_crashkernel and not wanted.dry_run:
            panic.add_crashkernel(phone, journal, wait_s=WAIT_S)
        prepared = panic.prepare(phone, rom, journal, append=wanted.append)
        if wanted.dry_run:
            phone.clean()
        else:
            panic.load(phone, prepared, journal)
    memory = prepared.running
    picture = memorymap.draw(prepared.plan, banks=(*memory.ram, memory.region), host=memory.kernel)
    title = f"{rom.path.name} on {journal.device}, for a crash"
    page = planpage.Page(prepared.plan, prepared.cmdline, picture, title, prepared.tree_reason)
    document = {**journal.document(), "plan": page.document()}
    if wanted.dry_run:
        page.emit(settings, document, wanted.svg)
    else:
        settings.emit(document, lambda: _print_panic(prepared))


def emit_plan(
    settings: Settings, wanted: Wanted, profile: Profile, prepared: PreparedRom, journal: Journal
) -> None:
    """Print what a dry run found."""
    rom = prepared.rom
    made = Planned(prepared.plan, prepared.cmdline, prepared.tree_reason)
    page = planpage.of(profile, made, prepared.live, own=rom.cmdline, image=rom.path.name)
    page.emit(settings, {**journal.document(), "plan": page.document()}, wanted.svg)


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
            state="Nothing was sent.",
            fix=f"Read hardboot devices show {profile.name}, have a way back to a working boot partition, "
            "and add --untested.",
        )
    log.warn(what)


def _print_panic(prepared: "PanicKernel") -> None:
    for one in prepared.plan.segments:
        click.echo(f"  {one.name:<10} {one.range.start:#010x}-{one.range.end:#010x}")
    click.echo(f"hardboot: {prepared.rom.path.name} starts when the kernel crashes")


def _print(journal: Journal) -> None:
    loaded = journal.loaded
    assert loaded is not None
    for segment in loaded.segments:
        click.echo(f"  {segment.name:<8} {segment.start:#010x}-{segment.end:#010x}")
    click.echo(f"  sha256   {loaded.sha256}")
    click.echo(f"hardboot: {loaded.image} is loaded; start it: hardboot exec")

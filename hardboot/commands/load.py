"""hardboot load: load an image into the running kernel, to start it later."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import Any

import click

from hardboot import memorymap
from hardboot.attempts.recording import recorded
from hardboot.commands import planpage
from hardboot.commands.command import Command
from hardboot.commands.common import Settings, echo, journaled, pass_settings
from hardboot.commands.rom_options import rom_options
from hardboot.crash import panic as panic_kernel
from hardboot.crash.elfcorehdr import CRASHKERNEL
from hardboot.crash.panic import PanicKernel
from hardboot.flows import load as flow
from hardboot.flows.journal import Journal
from hardboot.flows.load import PreparedRom
from hardboot.flows.planning import Planned
from hardboot.flows.restart import WAIT_S
from hardboot.flows.rom_source import RomFiles, Source
from hardboot.flows.ways import kexec
from hardboot.flows.ways.way import HARDBOOT, SOFT, Request
from hardboot.profile import Profile


@dataclass(frozen=True)
class Wanted:
    """The image and options of `load` and `boot`."""

    files: RomFiles
    cmdline: str | None
    append: str | None
    via: str
    dry_run: bool
    svg: Path | None
    untested: bool

    def request(self, source: Source) -> Request:
        """Return what a way to boot needs to know."""
        return Request(source, self.cmdline, self.append, untested=self.untested or self.dry_run)


def image_options(
    ways: Sequence[str], help_via: str, *, stored: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return what adds the argument IMAGE and the options for booting it; they are passed as one `wanted`.

    Args:
        ways: The values of --via; the first is the default.
        help_via: The help of --via.
        stored: See `rom_options`.
    """
    via = click.option(
        "--via",
        type=click.Choice(list(ways)),
        metavar="WAY",
        default=ways[0],
        show_default=True,
        help=help_via,
    )
    return lambda function: _with_image_options(via, function, stored=stored)


def _with_image_options(
    via: Callable[[Callable[..., Any]], Callable[..., Any]], function: Callable[..., Any], *, stored: bool
) -> Callable[..., Any]:
    @wraps(function)
    def command(**words: Any) -> Any:
        wanted = Wanted(**{item.name: words.pop(item.name) for item in fields(Wanted)})
        if wanted.svg is not None and not wanted.dry_run:
            raise click.UsageError("--svg needs --dry-run.")
        return function(wanted=wanted, **words)

    added: Callable[..., Any] = command
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
        via,
        click.option("--append", metavar="TEXT", help="Append TEXT to the kernel command line."),
        click.option("--cmdline", metavar="TEXT", help="Replace the image's kernel command line."),
    ):
        added = option(added)
    return rom_options(added, stored=stored)


@click.command(cls=Command, example="hardboot load rom.img\nhardboot load --panic capture.img")
@image_options(
    (HARDBOOT, SOFT), "Start IMAGE by hardboot (a hardware reset) or soft (plain kexec, without one)."
)
@click.option("--panic", is_flag=True, help="Start IMAGE when the running kernel crashes, without a reset.")
@click.option(
    "--add-crashkernel",
    is_flag=True,
    help=f"Boot the phone's own system from RAM with {CRASHKERNEL} first, with --panic.",
)
@pass_settings
def load(settings: Settings, wanted: Wanted, panic: bool, add_crashkernel: bool) -> None:
    """Load IMAGE into the running kernel, to boot it later.

    IMAGE is a boot image, or a folder, archive or OTA with the images of a ROM.

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
        way = kexec.soft if wanted.via == SOFT else kexec.hardboot
        prepared = way.prepare(phone, wanted.request(source), journal).prepared
        if not wanted.dry_run:
            flow.load(phone, prepared, journal)
    if wanted.dry_run:
        emit_plan(settings, wanted, phone.profile, prepared, journal.document())
    else:
        settings.emit(journal.document(), lambda: _print(journal))


def _load_panic(settings: Settings, wanted: Wanted, add_crashkernel: bool) -> None:
    if wanted.via == SOFT or wanted.cmdline is not None:
        raise click.UsageError("--panic cannot be combined with --via soft or --cmdline.")
    source = wanted.files.read()
    with journaled(settings) as (phone, journal):
        flow.check_tested(phone.profile, allowed=wanted.untested or wanted.dry_run)
        if add_crashkernel and not wanted.dry_run:
            with recorded(phone, journal, command=settings.words):
                panic_kernel.add_crashkernel(phone, journal, wait_s=WAIT_S)
        rom = flow.read_rom(phone, source, journal)
        prepared = panic_kernel.prepare(phone, rom, journal, append=wanted.append)
        if not wanted.dry_run:
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
    settings: Settings, wanted: Wanted, profile: Profile, prepared: PreparedRom, document: dict[str, Any]
) -> None:
    """Print the plan of a dry run; with --json, `document` and the plan."""
    page = plan_page(profile, prepared)
    page.emit(settings, {**document, "plan": page.document()}, wanted.svg)


def plan_page(profile: Profile, prepared: PreparedRom) -> planpage.Page:
    """Return the page of a plan for a phone."""
    rom = prepared.rom
    made = Planned(prepared.plan, prepared.cmdline, prepared.tree_reason)
    return planpage.of(profile, made, prepared.live, own=rom.cmdline, image=rom.path.name)


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

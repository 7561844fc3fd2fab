"""hardboot probe: measure which restarts RAM survives."""

from pathlib import Path
from typing import Any

import click

from hardboot.base.errors import HardbootError
from hardboot.base.memory import Range
from hardboot.commands.command import Command
from hardboot.commands.common import Settings, confirm, connected, echo, pass_settings, wait_option
from hardboot.commands.probe_ranges import RangeType, measure
from hardboot.commands.text_output import TextOutput
from hardboot.device.phone import Phone
from hardboot.probe import certificate, log_memory, restarts, survival
from hardboot.probe.certificate import Certificate
from hardboot.probe.log_memory import LogMemory
from hardboot.probe.restarts import RESTARTS, Restart
from hardboot.probe.survival import Survival

_KEPT = {True: "kept", False: "lost", None: "unknown"}


@click.command(cls=Command, example="hardboot probe --dry-run\nhardboot probe --reset plain --reset panic")
@click.option(
    "--reset",
    "names",
    multiple=True,
    type=click.Choice(list(RESTARTS)),
    help="Try this kind of restart; may be given several times. Default: all but panic, which crashes the "
    "kernel.",
)
@click.option(
    "--ranges",
    "by_ranges",
    is_flag=True,
    help="Measure what is overwritten between a reset and the host kernel instead; needs a host kernel.",
)
@click.option(
    "--range",
    "wanted",
    multiple=True,
    type=RangeType(),
    metavar="START-END",
    help="Fill only this RAM, with --ranges; may be given several times. Default: all that is free.",
)
@click.option(
    "--svg",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the memory map to FILE, with --ranges.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be tried; restart nothing.")
@wait_option("Wait at most SECONDS for the phone after each restart.")
@pass_settings
def probe(
    settings: Settings,
    names: tuple[str, ...],
    by_ranges: bool,
    wanted: tuple[Range, ...],
    svg: Path | None,
    dry_run: bool,
    wait_s: float,
) -> None:
    """Measure which restarts RAM survives.

    Writes a random word into the logs that the kernel keeps in RAM (pmsg and console of ramoops, last_kmsg),
    restarts the phone in each way after a question, and looks for the word. Needs root, but no host kernel.
    The results go into your own copy of the profile as evidence, and into a certificate beside it.

    With --ranges, free RAM is filled with a pattern and compared after hardboot's own reset, before any
    kernel runs, page by page: that is what the bootloader overwrites. New ranges go into your own copy of the
    profile.
    """
    if by_ranges:
        if names:
            raise click.UsageError("--ranges cannot be combined with --reset.")
        measure(settings, wanted, svg=svg, dry_run=dry_run, wait_s=wait_s)
        return
    if wanted or svg is not None:
        raise click.UsageError("--range and --svg need --ranges.")
    chosen = [RESTARTS[name] for name in dict.fromkeys(names or restarts.HARMLESS)]
    with connected(settings, exclusive=True, restarts=True) as phone:
        memory = log_memory.find(phone)
        impossible = _impossible(phone, chosen, memory)
        done = _Results(settings, phone, memory, phone.kernel().release)
        for one in chosen:
            if one.name in impossible:
                done.add(Survival(restart=one.name, kept=None, why=impossible[one.name]))
        possible = [one for one in chosen if one.name not in impossible]
        if dry_run:
            settings.emit(
                {**done.document(), "would_try": [one.name for one in possible]},
                lambda: _show_plan(possible, done),
            )
            return
        survival.check(phone, possible)
        for one in possible:
            name = f"{phone.profile.name} {phone.serialno}"
            try:
                confirm(settings, f"This {one.effect}: {name}.", state=done.state)
                done.add(survival.measure(phone, one, memory, wait_s=wait_s))
            except HardbootError as error:
                error.result = done.document()
                raise
    settings.emit(done.document(), lambda: _show(done))


class _Results:
    """What was measured so far; each new result is saved at once."""

    def __init__(self, settings: Settings, phone: Phone, memory: LogMemory, kernel: str) -> None:
        self.phone = phone
        self.memory = memory
        self.found: list[Survival] = []
        self.certificate: Certificate | None = None
        self._origin = settings.profile
        self._kernel = kernel

    @property
    def state(self) -> str:
        """What has happened by now, for an error."""
        return "The results so far are saved." if self.certificate else "Nothing was restarted."

    def add(self, result: Survival) -> None:
        """Take a result, and save it if the phone was restarted for it."""
        self.found.append(result)
        if result.seconds is not None:
            self.certificate = certificate.save(self.phone.profile, self._origin, self._kernel, [result])

    def document(self) -> dict[str, Any]:
        """Return the results as JSON has them."""
        saved = self.certificate is not None
        return {
            "device": self.phone.profile.name,
            "serial": self.phone.serialno,
            "kernel": self._kernel,
            "written_to": list(self.memory.devices),
            "restarts": [
                {"restart": one.restart, "kept": one.kept, "why": one.why, "seconds": one.seconds}
                for one in self.found
            ],
            "certificate": str(certificate.path_of(self.phone.profile.name)) if saved else None,
        }


def _impossible(phone: Phone, chosen: list[Restart], memory: LogMemory) -> dict[str, str]:
    """Return why restarts are not tried, by their names."""
    found = restarts.missing(phone, chosen)
    for one in chosen:
        if memory.is_kept(panic=one.name == "panic") is False:
            found.setdefault(one.name, "this kernel keeps no log over it, only over a crash")
    return found


def _show_plan(possible: list[Restart], done: _Results) -> None:
    echo(f"  written to    {', '.join(done.memory.devices)}")
    for one in possible:
        echo(f"  {one.name:<12}  {one.effect}")
    for result in done.found:
        echo(f"  {result.restart:<12}  not possible: {result.why}")
    echo("Nothing was restarted. Measure it: hardboot probe")


def _show(done: _Results) -> None:
    rows = [(one.restart, _KEPT[one.kept], one.why) for one in done.found]
    TextOutput().table(("restart", "RAM", "why"), rows)
    if done.certificate:
        echo(f"Certificate: {certificate.path_of(done.phone.profile.name)}")

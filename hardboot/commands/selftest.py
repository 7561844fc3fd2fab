"""hardboot selftest: prove hardboot on the connected phone, without a ROM."""

import shlex
from pathlib import Path
from typing import Any

import click

from hardboot import profile as profiles
from hardboot.attempts.recording import recorded
from hardboot.base import log
from hardboot.base.errors import DeviceError, HardbootError
from hardboot.base.interrupts import if_cut_off
from hardboot.commands.command import Command
from hardboot.commands.common import Settings, confirm, count, echo, journaled, pass_settings, wait_option
from hardboot.device import host
from hardboot.device.phone import Phone
from hardboot.doctor import backups
from hardboot.doctor import report as doctor
from hardboot.flows import load as loading
from hardboot.flows.journal import Journal
from hardboot.layout import BootPlan
from hardboot.probe import log_memory
from hardboot.probe import report as reports
from hardboot.probe import selftest as test
from hardboot.probe.log_memory import LogMemory
from hardboot.probe.restarts import Restart
from hardboot.probe.selftest import Verdict
from hardboot.probe.survival import Survival

_STEPS = 6
_FIXES = {
    test.GUEST_DIED: "Read its last lines: hardboot log. The kernel that was started is the phone's own.",
    test.NOT_TAKEN: "Check the host kernel and its page: hardboot status; hardboot patch status TREE",
    test.RAM_LOST: "hardboot needs a reset that RAM survives: docs/selftest.md",
    test.UNKNOWN: "Read what the phone kept: hardboot log --all",
}


@click.command(name="selftest", cls=Command, example="hardboot selftest --dry-run\nhardboot selftest")
@click.option("--dry-run", is_flag=True, help="Check the phone and plan the guest; restart nothing.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the report to FILE. Default: a new file in the state folder.",
)
@wait_option("Wait at most SECONDS for the phone after each restart.")
@pass_settings
def selftest(settings: Settings, dry_run: bool, output: Path | None, wait_s: float) -> None:
    """Prove that hardboot works on this phone.

    No ROM is needed.

    Needs a host kernel that runs. Starts the phone's own kernel from RAM, with a small program that writes a
    word into the logs that are kept in RAM and restarts the phone; then the word must be there. No partition
    is written; each restart is asked for. The report has no serials; `hardboot devices check --report FILE`
    merges it into the profile.
    """
    _step(1, "What the phone can do")
    _examine(settings)
    with journaled(settings, restarts=True) as (phone, journal):
        with if_cut_off("Nothing was restarted."):
            _step(2, "Backups")
            _look_at_backups(phone)
            loading.check_tested(phone.profile, allowed=True)
            host.look(phone)
            memory = log_memory.find(phone)
            kernel, emulated = phone.kernel().release, reports.is_emulated(phone)
        if dry_run:
            _step(4, "Planning the guest")
            plan = test.prepare(phone, test.new_words(), "plain", journal).plan
            settings.emit({**journal.document(), "plan": _segments(plan)}, lambda: _show_plan(plan))
            return
        restarts = _measure(settings, phone, memory, wait_s)
        verdict = _hopeless(restarts) or _prove(settings, phone, memory, restarts[-1], journal, wait_s)
        known = profiles.read(settings.profile or _path(phone))
        report = reports.make(known, journal, verdict, kernel=kernel, restarts=restarts, emulated=emulated)
    path = reports.save(report, output)
    document = {**report.document(), "path": str(path)}
    if verdict.outcome != test.PASSED:
        raise _failed(verdict, path, document)
    settings.emit(document, lambda: _show(verdict, path, report.profile))


def _measure(settings: Settings, phone: Phone, memory: LogMemory, wait_s: float) -> list[Survival]:
    """Return what restarts showed, up to the first one that RAM survives."""
    _step(3, "Which restarts RAM survives")

    def ask(one: Restart) -> None:
        confirm(settings, f"This {one.effect}: {_name(phone)}.", state="Nothing more was restarted.")

    measured = []
    for found in test.survivals(phone, memory, ask=ask, wait_s=wait_s):
        measured.append(found)
        kept = {True: "was kept", False: "was lost", None: "may be lost"}[found.kept]
        log.say(f"{found.restart}: RAM {kept}: {found.why}")
    return measured


def _prove(
    settings: Settings, phone: Phone, memory: LogMemory, kept: Survival, journal: Journal, wait_s: float
) -> Verdict:
    """Load and start the guest, which restarts the phone in a way that RAM survives."""
    words = test.new_words()
    _step(4, "Planning the guest")
    prepared = test.prepare(phone, words, kept.restart, journal)
    _step(5, "Loading it")
    loading.load(phone, prepared, journal)
    _step(6, "Starting it")
    effect = f"This resets {_name(phone)}, starts its own kernel from RAM, and restarts it again."
    confirm(settings, effect, state="The guest is loaded, and gone after a restart.")
    with recorded(phone, journal, command=settings.words, plan={"guest": _segments(prepared.plan)}):
        return test.run(phone, words, memory, journal, wait_s=wait_s)


def _name(phone: Phone) -> str:
    return f"{phone.profile.name} {phone.serialno}"


def _step(number: int, title: str) -> None:
    log.say(f"Step {number} of {_STEPS}: {title}")


def _examine(settings: Settings) -> None:
    """Show what is not as it should be; what makes the test impossible is refused later, with its reason."""
    found = doctor.examine(settings.serial, settings.chosen(), settings.profile)
    lines = [line for group in found.groups.values() for line in group]
    log.say(f"{count(sum(one.state == 'ok' for one in lines), 'line')} of hardboot doctor are ok")
    for line in lines:
        if line.state == "not":
            log.say(f"  not  {line.name}: {line.value}")


def _look_at_backups(phone: Phone) -> None:
    if not backups.has_own_boot(backups.of_phone(phone.serialno)):
        log.warn(
            "there is no backup of the phone's own boot image on this computer (hardboot backup); this test "
            "writes to no partition"
        )


def _path(phone: Phone) -> Path:
    path = profiles.path_of(phone.profile.name)
    assert path is not None
    return path


def _hopeless(measured: list[Survival]) -> Verdict | None:
    """Return the verdict if the guest's word could not be read after any restart; None if it can be."""
    if measured and measured[-1].kept:
        return None
    tried = ", ".join(one.restart for one in measured)
    if measured and all(one.kept is False for one in measured):
        return Verdict(test.RAM_LOST, f"RAM survives none of the restarts that were tried: {tried}")
    why = f"it is not known whether RAM survives a restart: {'; '.join(one.why for one in measured)}"
    return Verdict(test.UNKNOWN, why)


def _failed(verdict: Verdict, path: Path, document: dict[str, Any]) -> HardbootError:
    error = DeviceError(
        f"hardboot is not proven on this phone: {verdict.why}",
        state=f"The phone runs its own system. No partition was written. The report is in {path}.",
        fix=_FIXES[verdict.outcome],
    )
    error.result = document
    return error


def _segments(plan: BootPlan) -> list[dict[str, object]]:
    return [{"name": one.name, "start": one.range.start, "end": one.range.end} for one in plan.segments]


def _show_plan(plan: BootPlan) -> None:
    for one in plan.segments:
        echo(f"  {one.name:<10} {one.range.start:#010x}-{one.range.end:#010x}")
    echo("Nothing was restarted. Run the test: hardboot selftest")


def _show(verdict: Verdict, path: Path, name: str) -> None:
    echo(f"The selftest passed, hardboot works on this phone: {verdict.why}.")
    echo(f"Report: {path}")
    echo(f"Merge it into the profile {name}: hardboot devices check --report {shlex.quote(str(path))}")

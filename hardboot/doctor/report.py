"""The report: lines in groups, and the next steps. It can always be made, whatever does not answer."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from hardboot import profile as profiles
from hardboot.base import log
from hardboot.base.errors import HardbootError, InputError
from hardboot.device.handset import Handset, reach
from hardboot.device.phone import Phone, matching
from hardboot.doctor import (
    backups,
    bootloader,
    computer,
    connection,
    host_kernel,
    kernel,
    profiled,
    questions,
    root,
    storage,
)
from hardboot.doctor.line import Line, missing, ok
from hardboot.doctor.next_steps import Running, Situation, Step, next_steps, running
from hardboot.doctor.questions import Answers, Greeting
from hardboot.flows import transaction_record, unsettled
from hardboot.flows.transaction_record import Transaction
from hardboot.profile import Profile


@dataclass(frozen=True)
class Report:
    """Everything that was found.

    Attributes:
        serial: ro.serialno of the phone; None if none was reached.
        groups: Lines by the name of their group.
        steps: What can be done now, best first.
    """

    serial: str | None
    groups: dict[str, Sequence[Line]]
    steps: Sequence[Step]

    def document(self) -> dict[str, Any]:
        """Return the report as JSON has it."""
        groups = {name: [asdict(line) for line in lines] for name, lines in self.groups.items()}
        return {"serial": self.serial, **groups, "next_steps": [asdict(step) for step in self.steps]}


@dataclass(frozen=True)
class _Known:
    """The profile of a phone; else why there is none.

    Attributes:
        profile: None if there is none.
        path: Its file.
        reason: Why there is none.
        fix: What to do then.
        is_wrong: Whether there is one that cannot be used: a draft would not help.
    """

    profile: Profile | None
    path: Path | None = None
    reason: str = ""
    fix: str = ""
    is_wrong: bool = False


def examine(serial: str | None, chosen: Profile | None, path: Path | None = None) -> Report:
    """Return the report on this computer and one phone.

    Args:
        serial: As `adb devices` shows it, or HOST:PORT; None if only one phone is connected.
        chosen: The profile to use; None finds the one for ro.product.device.
        path: Its file, if it is none of the usual ones.
    """
    here: dict[str, Sequence[Line]] = {"computer": computer.lines()}
    try:
        with reach(serial) as handset:
            return _of_phone(here, handset, serial, chosen, path)
    except HardbootError as error:
        log.detail(error.what)
        found = connection.explain(error, serial)
        return Report(None, {**here, "phone": found.lines}, found.steps)


def _of_phone(
    here: dict[str, Sequence[Line]],
    handset: Handset,
    serial: str | None,
    chosen: Profile | None,
    path: Path | None,
) -> Report:
    greeting = questions.greet(handset)
    known = _profile(greeting, chosen, path)
    phone = None
    if known.profile is not None:
        phone = Phone(handset.transport, known.profile, greeting.serialno, _root_shell=greeting.root_shell)
        if greeting.root_shell is not None:
            known = replace(known, profile=_model(phone))
    answers = questions.ask(handset, greeting, known.profile)
    runs = running(answers.kernel, recovery=answers.recovery)
    kept = backups.of_phone(greeting.serialno)
    said = answers.outputs.get("change")
    there = transaction_record.parse(said.text) if said else None
    change = transaction_record.of_both(greeting.serialno, there)
    groups = {
        **here,
        "phone": [
            _connection(handset, answers, runs),
            root.line(answers),
            *bootloader.lines(answers, _boot_path(answers, known.profile)),
            *kernel.lines(answers),
            *storage.lines(answers, phone),
        ],
        "profile": profiled.lines(known.profile, known.path, known.reason, known.fix),
        "host": host_kernel.lines(answers, known.profile),
        "backups": backups.lines(kept, _told(change, phone) if change else None),
    }
    loaded = host_kernel.load_state(answers)
    situation = Situation(
        profile=known.profile.name if known.profile else None,
        untested=known.profile is not None and known.profile.status == "untested",
        profile_fix=known.fix if known.is_wrong else None,
        root=answers.is_root,
        fastboot=profiled.fastboot_works(known.profile),
        places=profiled.places(known.profile),
        read_only=storage.is_read_only(answers),
        locked=bootloader.is_locked(answers),
        running=runs,
        host=host_kernel.is_host(answers, known.profile),
        soft=bool(known.profile and known.profile.soft.works) and kernel.has_kexec(answers) is not False,
        loaded=str(loaded) if loaded.loaded or loaded.record else None,
        backup=backups.has_own_boot(kept),
        change=change,
        serial=serial,
    )
    return Report(greeting.serialno, groups, next_steps(situation))


def _profile(greeting: Greeting, chosen: Profile | None, path: Path | None) -> _Known:
    product = greeting.properties.get("ro.product.device", "")
    try:
        found = matching(product, chosen)
        return _Known(found, path or profiles.path_of(found.name))
    except HardbootError as error:
        wrong = chosen is not None or isinstance(error, InputError)
        return _Known(None, reason=error.what, fix=error.fix, is_wrong=wrong)


def _model(phone: Phone) -> Profile:
    """Return the phone's profile, that of its model if it has several and RAM tells which one it is."""
    try:
        phone.tell_model()
    except HardbootError as error:
        log.detail(error.what)
    return phone.profile


def _boot_path(answers: Answers, profile: Profile | None) -> str | None:
    """Return the path of the boot partition that is running; None if it is not known."""
    slot = bootloader.slot(answers)
    if profile is not None:
        names = (f"boot_{slot}", "boot") if slot else ("boot",)
        found = (profile.all_partitions[name].path for name in names if name in profile.all_partitions)
        return next(found, None)
    wanted = f"/dev/block/by-name/boot{'_' + slot if slot else ''}"
    return wanted if wanted in answers.paths else None


def _told(change: Transaction, phone: Phone | None) -> str:
    """Return what a change to partitions has left, and what they hold, if that can be read."""
    try:
        return unsettled.describe(change, unsettled.look(phone, change)) if phone else change.summary
    except HardbootError as error:
        log.detail(error.what)
        return change.summary


def _connection(handset: Handset, answers: Answers, runs: Running) -> Line:
    what = {
        "system": "its own system is running",
        "rom": "a ROM booted by hardboot is running",
        "recovery": "its recovery is running",
        "panic kernel": "a panic kernel is running",
    }[runs]
    value = f"{answers.greeting.serialno} at {handset.transport.serial}, {what}"
    if answers.problem:
        value += f"; not all questions were answered: {answers.problem}"
        return missing("connection", value, "Try again.")
    return ok("connection", value)

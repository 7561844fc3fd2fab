"""The report of a selftest: a file without serials, to be checked against a profile and merged into it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from hardboot import __version__
from hardboot import profile as profiles
from hardboot.base import documents
from hardboot.base.errors import InputError
from hardboot.base.files import make_folder, read_bytes, state_dir, write_atomic
from hardboot.base.memory import Range
from hardboot.device.phone import Phone
from hardboot.device.record import LoadedSegment
from hardboot.flows.journal import Journal
from hardboot.probe.selftest import Outcome, Verdict
from hardboot.probe.survival import Survival
from hardboot.profile import Profile
from hardboot.profile.own_copy import OwnCopy

_LIMIT = 1 << 20  # bytes; a report has some KiB
# Facts of these names and groups decide what a selftest does; if one has changed, it says nothing any more.
_DECIDING = ("arch", "mem_min", "kernel", "hardboot", "reset", "ram", "reserved", "bootloader", "dtb")
# A guest that was started through the page by the host's way proves these.
_PROVEN = ("hardboot.page", "hardboot.flag", "hardboot.host_abi")
# QEMU hw/arm/virt.c; Android's emulators say it by a property.
_QEMU = (
    "grep -q linux,dummy-virt /proc/device-tree/compatible || "
    '[ "$(getprop ro.boot.qemu)$(getprop ro.kernel.qemu)" != "" ]'
)
_Text = Annotated[str, Meta(max_length=400)]
_Texts = Annotated[tuple[_Text, ...], Meta(max_length=80)]


class Report(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a selftest showed on one phone.

    Attributes:
        hardboot: The version that ran it.
        date: As in ISO 8601.
        profile: Its name.
        facts: What it said of the phone, by dotted name: what decides where the guest lies and how it starts.
        emulated: Whether the phone is a virtual one.
        kernel: The host kernel, as `uname -r`.
        guest: Where the guest lay; empty if nothing was started.
        restarts: Which restarts RAM survives, as it was measured.
        outcome: See `probe.selftest`.
        why: In words.
        logs: That show it.
        seconds: By phase.
    """

    version: Literal[1]
    hardboot: _Text
    date: _Text
    profile: _Text
    facts: Annotated[dict[_Text, object], Meta(max_length=400)]
    emulated: bool
    kernel: _Text
    guest: Annotated[tuple[LoadedSegment, ...], Meta(max_length=16)]
    restarts: Annotated[tuple[Survival, ...], Meta(max_length=16)]
    outcome: Outcome
    why: _Text
    logs: _Texts
    seconds: Annotated[dict[_Text, float], Meta(max_length=80)]

    def document(self) -> dict[str, Any]:
        """Return the report as JSON has it."""
        document: dict[str, Any] = msgspec.to_builtins(self)
        return document


def is_emulated(phone: Phone) -> bool:
    """Return whether the phone is a virtual one."""
    return phone.root(_QEMU).code == 0


def make(
    known: Profile,
    journal: Journal,
    verdict: Verdict,
    *,
    kernel: str,
    restarts: list[Survival],
    emulated: bool,
) -> Report:
    """Return the report of a selftest.

    Args:
        known: The profile, as its file has it.
        journal: What was done.
        verdict: What it showed.
        kernel: The host kernel.
        restarts: What was measured before.
        emulated: Whether the phone is a virtual one.
    """
    return Report(
        version=1,
        hardboot=__version__,
        date=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        profile=known.name,
        facts=_deciding(known),
        emulated=emulated,
        kernel=kernel[:400],
        guest=journal.loaded.segments if journal.loaded else (),
        restarts=tuple(restarts),
        outcome=verdict.outcome,
        why=verdict.why[:400],
        logs=verdict.logs,
        seconds={phase.name: round(phase.seconds, 1) for phase in journal.phases},
    )


def _deciding(known: Profile) -> dict[str, object]:
    """Return the deciding facts of a profile as JSON has them, by their dotted names."""
    return {
        name: _plain(value)
        for name, value in sorted(profiles.facts(known).items())
        if name.startswith(tuple(f"{group}." for group in _DECIDING)) or name in _DECIDING
    }


def _plain(value: object) -> object:
    if isinstance(value, Range):
        return {"start": value.start, "end": value.end}
    plain: object = msgspec.to_builtins(value)
    return plain


def save(report: Report, output: Path | None) -> Path:
    """Write a report; return its file.

    Raises:
        InputError: If it cannot be written.
    """
    name = f"{report.profile}-{report.date.replace(':', '')}.json"
    path = output or state_dir() / "selftests" / name
    make_folder(path.parent)
    write_atomic(path, [msgspec.json.format(msgspec.json.encode(report), indent=2), b"\n"])
    return path


def read(path: Path) -> Report:
    """Read a report.

    Raises:
        InputError: If it cannot be read, or is none.
    """
    try:
        return documents.decode(read_bytes(path, limit=_LIMIT), Report)
    except documents.DecodeError as error:
        raise InputError(
            f"this is no report of a selftest: {error}",
            file=str(path),
            state="Nothing was changed.",
            fix="Make one on the phone: hardboot selftest",
        ) from error


def check(report: Report, known: Profile) -> None:
    """Refuse a report that does not prove that hardboot works with this profile.

    Raises:
        InputError: If the selftest did not pass, or the profile has changed since.
    """
    if report.outcome != "passed" or not report.logs or not report.guest:
        raise InputError(
            f"the selftest did not pass: {report.outcome}: {report.why}",
            state="Nothing was changed.",
            fix="Mend the cause, and run it again: hardboot selftest",
        )
    # Through JSON: what it has no word for, such as tuples, is equal then.
    now = msgspec.json.decode(msgspec.json.encode(_deciding(known)))
    changed = sorted(name for name in {*now, *report.facts} if now.get(name) != report.facts.get(name))
    if changed:
        raise InputError(
            f"the profile {known.name} is not the one that was tested: {', '.join(changed[:5])} differ",
            state="Nothing was changed.",
            fix="Run the selftest again with this profile: hardboot selftest",
        )


def merge(report: Report, known: Profile, copy: OwnCopy) -> Profile:
    """Write into a copy of the profile that hardboot works there, with the report as evidence.

    Args:
        report: Checked.
        known: The profile.
        copy: Of it.

    Raises:
        InputError: If the copy cannot be written.
    """
    by = f"hardboot {report.hardboot}, kernel {report.kernel}"
    source = f"hardboot selftest passed on {report.date[:10]} ({by}): {report.why}"[:400]
    if known.status != "hardware":
        copy.put("status", "emulated" if report.emulated else "hardware")
        copy.prove("status", source)
    for name in _PROVEN:
        entry = known.evidence_for(name)
        if name in report.facts and (entry is None or entry.status != "verified"):
            copy.prove(name, source)
    for one in report.restarts:
        if one.kept is not None:
            copy.state(f"survives.{one.restart}", one.kept, f"{source[:200]}; {one.why}"[:400])
    return copy.save()

"""hardboot devices list, show and check: phone profiles."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from hardboot import profile
from hardboot.base.errors import InputError
from hardboot.base.memory import Range
from hardboot.base.printable import printable
from hardboot.base.sizes import human_size
from hardboot.commands import completion
from hardboot.commands.command import Group
from hardboot.commands.common import Settings, confirm, count, echo, pass_settings
from hardboot.commands.text_output import TextOutput
from hardboot.probe import report as reports
from hardboot.profile import Profile
from hardboot.profile.own_copy import OwnCopy
from hardboot.profile.schema import CarriedProperties

_NOT_SHOWN = ("name", "title", "codenames", "notes")  # printed before and after the table
_DECIMAL = ("skip", "cells")  # endings of the names of facts that are counts


@click.group(
    cls=Group,
    example="hardboot devices show virt-arm",
    sections={
        "Commands": {
            "suggest": ("hardboot.commands.suggest:suggest", "Draft a profile for the connected phone.")
        }
    },
)
def devices() -> None:
    """Show, check and draft phone profiles.

    Your own profiles are files in $XDG_CONFIG_HOME/hardboot/devices (~/.config/hardboot/devices), named after
    the profile: NAME.toml. They come before the profiles that ship with hardboot.
    """


@devices.command("list", example="hardboot devices list")
@pass_settings
def list_devices(settings: Settings) -> None:
    """List the phones that have a profile."""
    phones = list(profile.load_all())
    document = [
        {
            "name": phone.name,
            "title": phone.title,
            "codenames": list(phone.codenames),
            "arch": phone.arch,
            "soc": phone.soc,
            "status": phone.status,
            "path": str(profile.path_of(phone.name)),
            "own": _is_own(phone.name),
        }
        for phone in phones
    ]

    def human() -> None:
        rows = [
            (one.name, one.arch, one.status, one.title + (" (your own)" if _is_own(one.name) else ""))
            for one in phones
        ]
        TextOutput().table(("name", "arch", "status", "phone"), rows)

    settings.emit(document, human)


def _is_own(name: str) -> bool:
    path = profile.path_of(name)
    return path is not None and profile.is_own(path)


@devices.command(example="hardboot devices show virt-arm")
@click.argument("name", required=False, shell_complete=completion.devices)
@pass_settings
def show(settings: Settings, name: str | None) -> None:
    """Show a phone's profile and its evidence.

    NAME is the name of a profile, a codename, or words of a title: hardboot devices show "nexus 6". Or give
    --device NAME or --profile FILE.
    """
    if name is not None and settings.profile is not None:
        raise click.UsageError("NAME cannot be combined with --profile.")
    phone = settings.chosen() if name is None else profile.load(name)
    if phone is None:
        raise click.UsageError("Give NAME or --profile FILE.")
    path = settings.profile or profile.path_of(phone.name)
    rows = _facts(phone)
    conflicts = _conflicts(phone)
    unknown = {key: one.source for key, one in phone.evidence.items() if one.status == "unknown"}
    document = {
        "name": phone.name,
        "title": phone.title,
        "codenames": list(phone.codenames),
        "path": str(path),
        "facts": [
            {"fact": fact, "value": _plain(value), "status": status, "source": source}
            for fact, value, status, source in rows
        ],
        "conflicts": [
            {"fact": fact, "others": [{"value": value, "source": source} for value, source in others]}
            for fact, others in conflicts.items()
        ],
        "unknown": unknown,
        "notes": list(phone.notes),
    }

    def human() -> None:
        out = TextOutput()
        stated = {fact: _text(fact, value) for fact, value, _, _ in rows}
        out.heading(f"{phone.name}: {phone.title} ({', '.join(phone.codenames)})")
        out.print()
        out.table(
            ("fact", "evidence", "value"),
            [
                (fact, status, stated[fact] + (" (disputed)" if fact in conflicts else ""))
                for fact, _, status, _ in rows
            ],
        )
        sections = {
            "Sources contradict each other:": list(_disputes(phone, stated, conflicts)),
            "Not known, and how to find it:": [f"{fact}: {how}" for fact, how in unknown.items()],
            "Notes:": list(phone.notes),
        }
        for title, lines in sections.items():
            if lines:
                echo()
                echo(title)
                for line in lines:
                    echo(f"- {line}")
        echo()
        place = f"devices/{path.name}" if path and profile.is_shipped(path) else path
        echo(f"Sources: --json, or the profile: {place}")

    settings.emit(document, human)


@devices.command(example="hardboot devices check phone.toml\nhardboot devices check --report selftest.json")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE]...")
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Check the report of a selftest against its profile, and merge it into your own copy.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the merged profile to FILE, with --report.",
)
@pass_settings
def check(settings: Settings, files: tuple[Path, ...], report: Path | None, output: Path | None) -> None:
    """Check profile FILEs, or your own and all that ship with hardboot.

    A codename may be in one profile that ships and in one of your own, which is then the one that is used.

    With --report, the profile's status and evidence say afterwards that hardboot works on this phone: the
    selftest has passed, with the very facts that the profile states.
    """
    if report is not None:
        if files:
            raise click.UsageError("--report cannot be combined with profile FILEs; choose one by --profile.")
        _merge(settings, report, output)
        return
    if output is not None:
        raise click.UsageError("--output needs --report.")
    paths = list(files) or ([settings.profile] if settings.profile else [])
    paths = paths or [path for name in profile.names() if (path := profile.path_of(name))]
    given = [(path, profile.read(path)) for path in paths]
    others = {folder: profile.load_folder(folder) for folder in {path.parent for path in paths}}
    named = [one for _, one in given] if files else []
    found = [
        (str(path), problem.fact, problem.what)
        for path, one in given
        for problem in profile.check(one, [*others[path.parent], *named])
    ]
    document = {
        "checked": [str(path) for path, _ in given],
        "problems": [{"profile": origin, "fact": fact, "what": what} for origin, fact, what in found],
    }
    if not found:
        settings.emit(document, lambda: echo(f"{count(len(given), 'profile')} checked, no problems"))
        return
    error = InputError(
        "\n".join(
            [
                f"{count(len(found), 'problem')}:",
                *(printable(f"  {origin}: {fact}: {what}") for origin, fact, what in found),
            ]
        ),
        state="Nothing was changed.",
        fix="Correct the profile and check it again.",
    )
    error.several_lines = True
    raise error


def _merge(settings: Settings, path: Path, output: Path | None) -> None:
    """Check a report and merge it into a copy of its profile."""
    report = reports.read(path)
    known = settings.chosen() or profile.load(report.profile)
    reports.check(report, known)
    copy = OwnCopy(known, settings.profile, path=output)
    confirm(settings, f"This writes the profile {known.name} to {copy.path}.", state="Nothing was changed.")
    made = reports.merge(report, known, copy)
    document = {"profile": made.name, "status": made.status, "path": str(copy.path), "report": str(path)}
    settings.emit(document, lambda: echo(f"Wrote {copy.path}: {made.name} is {made.status} now."))


def _facts(phone: Profile) -> list[tuple[str, Any, str, str]]:
    """Return each fact with its value, the status of its evidence ("" if it needs none) and its source."""
    rows: list[tuple[str, Any, str, str]] = []
    for fact, value in profile.facts(phone).items():
        if fact not in _NOT_SHOWN:
            entry = phone.evidence_for(fact)
            rows.append((fact, value, entry.status if entry else "", entry.source if entry else ""))
    return rows


def _conflicts(phone: Profile) -> dict[str, list[tuple[int | None, str]]]:
    """Return the facts for which other sources have other values; None is a value that is computed."""
    return {
        fact: [(other.value, other.source) for other in entry.others]
        for fact, entry in phone.evidence.items()
        if entry.others
    }


def _disputes(
    phone: Profile, stated: dict[str, str], conflicts: dict[str, list[tuple[int | None, str]]]
) -> Iterator[str]:
    """Yield each value of each disputed fact, with its source."""
    for fact, others in conflicts.items():
        if fact in stated:
            yield f"{fact}: {stated[fact]} here: {phone.evidence[fact].source}"
        for value, source in others:
            yield f"{fact}: {'' if value is None else f'{_text(fact, value)} elsewhere: '}{source}"


def _plain(value: Any) -> Any:
    """Return a value for --json; ranges have an exclusive end."""
    if isinstance(value, Range):
        return {"start": value.start, "end": value.end}
    return msgspec.to_builtins(value)


def _text(fact: str, value: Any) -> str:
    """Return a value for people; a range without its name, which is part of the fact's."""
    if isinstance(value, Range):
        return f"{value.start:#010x}-{value.end:#010x} ({human_size(value.size)})"
    if isinstance(value, CarriedProperties):
        return f"{value.node}: {', '.join(value.properties)}"
    if isinstance(value, bool) or not isinstance(value, int | tuple):
        return str(value)
    if isinstance(value, int):
        if fact.endswith("size"):
            return human_size(value)
        return str(value) if fact.endswith(_DECIMAL) else f"{value:#x}"
    return ", ".join(
        f"<{' '.join(f'{cell:#x}' for cell in item)}>" if isinstance(item, tuple) else str(item)
        for item in value
    )

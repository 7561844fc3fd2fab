"""hardboot devices: show, check and draft phone profiles."""

from collections.abc import Iterator
from pathlib import Path
from textwrap import wrap
from typing import Any

import click
import msgspec

from hardboot import profile
from hardboot import suggest as drafts
from hardboot.base import log
from hardboot.base.errors import InputError
from hardboot.base.files import write_atomic
from hardboot.base.memory import Range
from hardboot.base.printable import printable
from hardboot.base.sizes import human_size
from hardboot.commands.common import Group, Settings, count, echo, echo_lines, pass_settings
from hardboot.commands.output import Output
from hardboot.device.handset import reach
from hardboot.device.record import MARK
from hardboot.profile import Profile
from hardboot.profile.schema import CarriedProperties

_NOT_SHOWN = ("name", "title", "codenames", "notes")  # printed before and after the table
_DECIMAL = ("skip", "cells")  # endings of the names of facts that are counts


@click.group(cls=Group)
def devices() -> None:
    """Show, check and draft phone profiles."""


@devices.command("list")
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
        }
        for phone in phones
    ]

    def human() -> None:
        rows = [(phone.name, phone.arch, phone.status, phone.title) for phone in phones]
        Output().table(("name", "arch", "status", "phone"), rows)

    settings.emit(document, human)


@devices.command()
@click.argument("name")
@pass_settings
def show(settings: Settings, name: str) -> None:
    """Show the profile of phone NAME and its evidence."""
    phone = profile.load(name)
    rows = _facts(phone)
    conflicts = _conflicts(phone)
    unknown = {key: one.source for key, one in phone.evidence.items() if one.status == "unknown"}
    document = {
        "name": phone.name,
        "title": phone.title,
        "codenames": list(phone.codenames),
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
        out = Output()
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
                    _print_item(line, out.width)
        echo()
        echo("Sources: --json, or the profile itself (devices/*.toml).")

    settings.emit(document, human)


@devices.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE]...")
@pass_settings
def check(settings: Settings, files: tuple[Path, ...]) -> None:
    """Check profile FILEs, or all that ship with hardboot."""
    shipped = list(profile.load_all())
    given = [(str(path), profile.read(path)) for path in files] or [(one.name, one) for one in shipped]
    found = [
        (origin, problem.fact, problem.what)
        for origin, one in given
        for problem in profile.check(one, [*shipped, *(other for _, other in given)])
    ]
    document = {
        "checked": [origin for origin, _ in given],
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


@devices.command()
@click.option(
    "--from",
    "folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Read files copied from the phone instead of a connected phone.",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write the draft to FILE."
)
@pass_settings
def suggest(settings: Settings, folder: Path | None, output: Path | None) -> None:
    """Draft a profile for the connected phone.

    The draft proposes a hardboot page and mem_min, with reasons. The phone needs root.

    DIR has files from the phone instead: the output of getprop (required), dmesg and `ls -l` of the by-name
    folders (by-name), copies of iomem, cmdline, version, partitions and last_kmsg from /proc, of
    /sys/firmware/fdt (fdt) or /proc/device-tree (device-tree, or a tar: device-tree.tar), and boot.img. All
    but getprop may be missing; the draft then knows less.
    """
    if folder is not None:
        found = drafts.read_folder(folder)
    else:
        with reach(settings.serial) as handset:
            found = drafts.ask_phone(handset)
    if MARK in found.text("cmdline"):
        log.warn("a ROM is running; restart the phone into its own system and run this again")
    result = drafts.suggest(found)
    if output is not None:
        write_atomic(output, [result.text.encode()])
    for note in result.notes:
        log.warn(note)
    for difference in result.differences:
        log.warn(f"the profile that ships with hardboot differs: {difference}")
    made = result.profile
    proposed = {name: made.evidence[name] for name in ("hardboot.page", "mem_min")}
    document = {
        "name": made.name,
        "profile": result.text,
        "hardboot_page": made.hardboot.page,
        "mem_min": made.mem_min,
        "reasons": {name: one.source for name, one in proposed.items()},
        "unknown": {name: one.source for name, one in made.evidence.items() if one.status == "unknown"},
        "notes": list(result.notes),
        "differences": list(result.differences),
    }

    def human() -> None:
        if output is None:
            echo_lines(result.text)
            return
        echo(f"Wrote {output}: a draft for {made.title}. Read and complete it: docs/profiles.md")
        for name, value in (("hardboot.page", made.hardboot.page), ("mem_min", made.mem_min)):
            text = f"{name}: {'unknown' if value is None else f'{value:#x}'}: {proposed[name].source}"
            for line in wrap(text, 80, subsequent_indent="  ", break_on_hyphens=False):
                echo(line)

    settings.emit(document, human)


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


def _print_item(text: str, width: int) -> None:
    """Print an entry of a list, folded at `width`."""
    for line in wrap(text, width, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False):
        echo(line)

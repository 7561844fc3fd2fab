"""hardboot devices: the profiles of phones: list, show, check, suggest."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import click

from hardboot.commands.common import Group, Settings, pass_settings

if TYPE_CHECKING:
    from hardboot.commands.output import Output
    from hardboot.profile import Profile

_NOT_SHOWN = ("name", "title", "codenames", "notes")  # told before and behind the table
_DECIMAL = ("skip", "cells")  # endings of facts that are counts


@click.group(cls=Group)
def devices() -> None:
    """Profiles of phones: list, show, check, suggest."""


@devices.command("list")
@pass_settings
def list_devices(settings: Settings) -> None:
    """List the phones hardboot has a profile of."""
    from hardboot import profile

    known = list(profile.everything())
    document = [
        {
            "name": one.name,
            "title": one.title,
            "codenames": list(one.codenames),
            "arch": one.arch,
            "soc": one.soc,
            "status": one.status,
        }
        for one in known
    ]

    def human() -> None:
        rows = [(one.name, one.title, one.arch, one.status) for one in known]
        _print_table(("name", "phone", "arch", "status"), rows)

    settings.emit(document, human)


@devices.command()
@click.argument("name")
@pass_settings
def show(settings: Settings, name: str) -> None:
    """Show everything that is known of phone NAME, and how far it can be trusted."""
    from hardboot import profile

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
        from hardboot.commands.output import Output

        out = Output()
        stated = {fact: _text(fact, value) for fact, value, _, _ in rows}
        out.print(f"{phone.name}: {phone.title} ({', '.join(phone.codenames)})", markup=False)
        _print_table(
            ("fact", "value", "evidence"),
            [
                (fact, stated[fact] + (" (disputed)" if fact in conflicts else ""), status)
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
                out.print(title)
                for line in lines:
                    _print_item(out, line)
        out.print("Where each was read: --json, or the file devices/*.toml itself.", markup=False)

    settings.emit(document, human)


@devices.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE]...")
@pass_settings
def check(settings: Settings, files: tuple[Path, ...]) -> None:
    """Check profiles: the FILEs given, else all that ship with hardboot."""
    from hardboot import profile
    from hardboot.base.errors import InputError

    shipped = list(profile.everything())
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
        settings.emit(document, lambda: click.echo(f"{len(given)} profiles checked, nothing is wrong."))
        return
    raise InputError(
        "\n".join(
            [f"{len(found)} problems:", *(f"  {origin}: {fact}: {what}" for origin, fact, what in found)]
        ),
        state="Nothing was changed.",
        fix="Correct the profile and check it again.",
    )


@devices.command()
@click.option(
    "--from",
    "folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Files copied from the phone, instead of a connected one.",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write the draft there."
)
@pass_settings
def suggest(settings: Settings, folder: Path | None, output: Path | None) -> None:
    """Draft a profile for the connected phone, with root; or from files copied off it.

    DIR holds what these print, each in a file of that name: getprop (needed), iomem, cmdline, version,
    partitions (all in /proc), by-name (ls -l of the by-name folders), dmesg, last_kmsg. And fdt (a copy of
    /sys/firmware/fdt) or device-tree (a copy of /proc/device-tree, or a tar of it: device-tree.tar), and
    boot.img. The more there is, the more is known. Proposed are the hardboot page and mem_min, with reasons.
    """
    from hardboot import suggest as drafts
    from hardboot.base import log
    from hardboot.base.files import write_atomic
    from hardboot.device.handset import reach
    from hardboot.device.record import MARK

    if folder is not None:
        found = drafts.read(folder)
    else:
        with reach(settings.serial) as handset:
            found = drafts.ask(handset)
    if MARK in found.text("cmdline"):
        log.warn("a ROM runs that hardboot has started: restart the phone into its own system and ask again")
    result = drafts.suggest(found)
    if output is not None:
        write_atomic(output, [result.text.encode()])
    for note in result.notes:
        log.warn(note)
    for difference in result.differences:
        log.warn(f"the profile that ships says something else: {difference}")
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
            click.echo(result.text, nl=False)
            return
        click.echo(f"{output}: a draft for {made.title}. Read it, and complete it: docs/profiles.md")
        for name, value in (("hardboot.page", made.hardboot.page), ("mem_min", made.mem_min)):
            text = f"{name}: {'unknown' if value is None else f'{value:#x}'}: {proposed[name].source}"
            click.echo("\n".join(wrap(text, 80, subsequent_indent="  ", break_on_hyphens=False)))

    settings.emit(document, human)


def _facts(phone: "Profile") -> list[tuple[str, Any, str, str]]:
    """Each fact with its value, the status of its evidence ("" where none is needed) and its source."""
    from hardboot import profile

    rows: list[tuple[str, Any, str, str]] = []
    for fact, value in profile.facts(phone).items():
        if fact not in _NOT_SHOWN:
            entry = phone.evidence_for(fact)
            rows.append((fact, value, entry.status if entry else "", entry.source if entry else ""))
    return rows


def _conflicts(phone: "Profile") -> dict[str, list[tuple[int | None, str]]]:
    """The facts for which other values are stated elsewhere; None where such a value is computed."""
    return {
        fact: [(other.value, other.source) for other in entry.others]
        for fact, entry in phone.evidence.items()
        if entry.others
    }


def _disputes(
    phone: "Profile", stated: dict[str, str], conflicts: dict[str, list[tuple[int | None, str]]]
) -> Iterator[str]:
    """Each value of each disputed fact, with who states it."""
    for fact, others in conflicts.items():
        if fact in stated:
            yield f"{fact}: {stated[fact]} here: {phone.evidence[fact].source}"
        for value, source in others:
            yield f"{fact}: {'' if value is None else f'{_text(fact, value)} elsewhere: '}{source}"


def _plain(value: Any) -> Any:
    """A value as JSON has it; ranges with an exclusive end."""
    import msgspec

    from hardboot.base.memory import Range

    if isinstance(value, Range):
        return {"start": value.start, "end": value.end}
    return msgspec.to_builtins(value)


def _text(fact: str, value: Any) -> str:
    """A value as people read it; ranges without the name, which is in the fact's."""
    from hardboot.base.memory import Range
    from hardboot.base.sizes import human_size
    from hardboot.profile.schema import Carry

    if isinstance(value, Range):
        return f"{value.start:#010x}-{value.end:#010x} ({human_size(value.size)})"
    if isinstance(value, Carry):
        return f"{value.node}: {', '.join(value.properties)}"
    if isinstance(value, bool) or not isinstance(value, int | tuple):
        return str(value)
    if isinstance(value, int):
        if fact.endswith("size"):
            return human_size(value)
        return str(value) if fact.endswith(_DECIMAL) else f"{value:#x}"
    return "\n".join(
        f"<{' '.join(f'{cell:#x}' for cell in item)}>" if isinstance(item, tuple) else str(item)
        for item in value
    )


def _print_item(out: "Output", text: str) -> None:
    """One entry of a list, as wide as the terminal."""
    from rich.text import Text

    lines = wrap(text, out.width, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False)
    out.print(Text("\n".join(lines)), soft_wrap=True)


def _print_table(titles: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from hardboot.commands.output import Output

    table = Table(*titles, box=SIMPLE_HEAD, pad_edge=False)
    for column in table.columns:
        column.overflow = "fold"
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Output().print(table)

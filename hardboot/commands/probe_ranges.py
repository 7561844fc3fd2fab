"""hardboot probe --ranges: measure what is overwritten between a reset and the host kernel."""

import re
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import click

from hardboot import memorymap
from hardboot import profile as profiles
from hardboot.attempts.recording import recorded
from hardboot.base.errors import HardbootError
from hardboot.base.files import write_atomic
from hardboot.base.memory import Range
from hardboot.base.sizes import human_size
from hardboot.commands import planpage
from hardboot.commands.common import Settings, confirm, count, echo, journaled
from hardboot.commands.text_output import TextOutput
from hardboot.device import host
from hardboot.device.phone import Phone
from hardboot.flows import load as loading
from hardboot.flows.journal import Journal
from hardboot.memorymap import MemoryMap
from hardboot.probe import overwritten, ranges
from hardboot.probe.overwritten import Overwritten
from hardboot.probe.ranges import Measurement, Round
from hardboot.profile import Profile

_ADDRESSES = re.compile(r"(0x[0-9a-fA-F]{1,13})-(0x[0-9a-fA-F]{1,13})")


class RangeType(click.ParamType[Range]):
    """Physical addresses as START-END in hex, the end exclusive."""

    name = "range"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Range:
        """Return the range in `value`."""
        if isinstance(value, Range):
            return value
        found = _ADDRESSES.fullmatch(value)
        start, end = (int(one, 16) for one in found.groups()) if found else (0, 0)
        if start >= end:
            self.fail(f"{value!r} is not START-END in hex, such as 0x40000000-0x44000000", param, ctx)
        return Range(start, end)


def measure(
    settings: Settings, wanted: tuple[Range, ...], *, svg: Path | None, dry_run: bool, wait_s: float
) -> None:
    """Measure, print the picture, and write what is new into the user's copy of the profile."""
    with journaled(settings, restarts=True) as (phone, journal):
        loading.check_tested(phone.profile, allowed=True)
        host.look(phone)
        measurement = Measurement(phone, wanted)
        first = measurement.prepare(journal)
        if first is None or dry_run:
            document = _plan(phone, measurement, first)
            settings.emit(document, lambda: _show_plan(measurement, first))
            return
        rounds = count(measurement.rounds(), "time")
        effect = (
            f"This fills free RAM of {phone.profile.name} {phone.serialno} and resets it about {rounds}; "
            "its own system runs from RAM meanwhile."
        )
        confirm(settings, effect, state="Nothing was restarted.")
        kernel = phone.kernel().release

        def another() -> Journal:
            return Journal(phone.profile.name, phone.serialno)

        try:
            result = ranges.measure(
                measurement,
                first,
                wait_s=wait_s,
                journal=another,
                recorded=partial(recorded, phone, command=settings.words, only_failed=True),
            )
        except HardbootError as error:
            error.result = _document(phone, measurement.result, None, [])
            raise
        known = profiles.read(settings.profile) if settings.profile else phone.profile
        path = overwritten.save(known, settings.profile, kernel, result)
        new = overwritten.learned(known, result)
        document = _document(phone, result, path, new)
    picture = overwritten.draw(known, result)
    if svg is not None:
        title = f"RAM of {known.name} that is overwritten before the host kernel"
        write_atomic(svg, [memorymap.svg(picture, title).encode()])
    settings.emit(document, lambda: _show(picture, known, result, path, new))


def _addresses(found: Iterable[Range]) -> list[dict[str, int]]:
    return [{"start": one.start, "end": one.end} for one in found]


def _document(phone: Phone, result: Overwritten, path: Path | None, new: list[Range]) -> dict[str, Any]:
    return {
        "device": phone.profile.name,
        "serial": phone.serialno,
        "tested": _addresses(result.tested),
        "changed": _addresses(result.changed),
        "untested": _addresses(result.untested),
        "new": [{"name": one.name, "start": one.start, "end": one.end} for one in new],
        "unseen": [one.name for one in overwritten.unseen(phone.profile, result)],
        "profile": str(path) if path else None,
    }


def _plan(phone: Phone, measurement: Measurement, first: Round | None) -> dict[str, Any]:
    return {
        "device": phone.profile.name,
        "serial": phone.serialno,
        "rounds": measurement.rounds() if first else 0,
        "would_test": _addresses(measurement.left),
    }


def _show_plan(measurement: Measurement, first: Round | None) -> None:
    for one in measurement.left:
        echo(f"  {one}")
    size = human_size(sum(one.size for one in measurement.left))
    if first is None:
        echo("Nothing of it can be filled: it is where the guest itself lies.")
    else:
        echo(
            f"{size} would be compared, in about {count(measurement.rounds(), 'round')}. "
            "Nothing was restarted."
        )


def _show(
    picture: MemoryMap, known: Profile, result: Overwritten, path: Path | None, new: list[Range]
) -> None:
    out = TextOutput()
    planpage.print_picture(out, picture)
    out.print()
    tested, changed = (human_size(sum(one.size for one in part)) for part in (result.tested, result.changed))
    echo(f"{changed} of {tested} had changed, in {count(len(result.changed), 'range')}:")
    for one in result.changed:
        echo(f"  {one}")
    for one in overwritten.unseen(known, result):
        echo(f"The profile's {one.name} was not touched.")
    if path is None:
        echo("The profile knows all of it.")
    for one in new:
        echo(f"New in {path}: {one}")

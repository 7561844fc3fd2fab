"""hardboot attempts: what became of boots, and why they failed."""

import shlex
from datetime import datetime
from pathlib import Path

import click

from hardboot.attempts import store
from hardboot.attempts.attempt import Attempt
from hardboot.attempts.bundle import write
from hardboot.base.sizes import human_size
from hardboot.commands import completion
from hardboot.commands.command import Command, Group
from hardboot.commands.common import Settings, count, echo, pass_settings

_argument = click.argument("id", default=store.LAST, shell_complete=completion.attempts)


@click.group(cls=Group, example="hardboot attempts list\nhardboot attempts show\nhardboot attempts bundle")
def attempts() -> None:
    """Show what became of boots, and why they failed.

    `boot`, `exec`, `rom boot` and `selftest` keep a record of each start on this computer: plan, phases,
    outcome, logs, likely cause; `bench` and `probe --ranges` of one that fails. The newest 20 of each phone
    are kept, and at most 64 MiB.
    """


@attempts.command(name="list", cls=Command, example="hardboot attempts list")
@pass_settings
def list_attempts(settings: Settings) -> None:
    """List the attempts on this computer, newest first; --serial chooses a phone."""
    found = store.matching(settings.serial)

    def human() -> None:
        if not found:
            echo("No attempts. Each start of a ROM is recorded: hardboot boot IMAGE")
        for one in found:
            image = one.image.name if one.image else "unknown image"
            way = f" by {one.via}" if one.via else ""
            echo(f"{one.id}  {one.device} {one.serial}  {image}{way}: {one.outcome_text}")
            if one.cause:
                echo(f"  likely cause: {one.cause.sentence}")

    settings.emit({"attempts": [one.document() for one in found]}, human)


@attempts.command(cls=Command, example="hardboot attempts show\nhardboot attempts show last --json")
@_argument
@pass_settings
def show(settings: Settings, id: str) -> None:
    """Show an attempt: phases, outcome, likely cause, and the files that hold the rest.

    ID is that of `hardboot attempts list`, or `last`, the default.
    """
    found = store.get(id, settings.serial)
    paths = store.files(found)
    document = {**found.document(), "files": [str(path) for path in paths]}
    settings.emit(document, lambda: _show(found, paths))


def _show(one: Attempt, paths: list[Path]) -> None:
    rows = [
        ("began", _time(one.began)),
        ("phone", f"{one.device} {one.serial}"),
        ("command", shlex.join(one.command)),
    ]
    if one.image:
        release = f", kernel {one.image.release}" if one.image.release else ""
        rows.append(("image", f"{one.image.name}{release}, sha256 {one.image.sha256}"))
    rows += [("versions", ", ".join(f"{name} {value or 'missing'}" for name, value in one.versions.items()))]
    rows += [("way", one.via)] if one.via else []
    rows += [("host", f"{one.host.release}, boot id {one.host.boot_id}")] if one.host else []
    rows += [("guest", f"{one.guest.release}, boot id {one.guest.boot_id}")] if one.guest else []
    rows += [
        (f"phase {phase.name}", f"{_clock(phase.began)}, {_seconds(phase.seconds)}") for phase in one.phases
    ]
    rows += [("gone", _clock(one.gone))] if one.gone else []
    rows += [("back", _clock(one.back))] if one.back else []
    rows += [("seen", one.presence)] if one.presence else []
    rows += [(name, value) for name, value in one.reasons.items()]
    rows.append(("outcome", one.outcome_text))
    if one.failure:
        rows.append(("error", one.failure.what))
    if one.cause:
        rows += [("likely cause", f"{one.cause.sentence} ({one.cause.kind})"), ("to do", one.cause.fix)]
    rows.append(("folder", str(store.folder_of(one))))
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        echo(f"  {name:<{width}}  {value}")
    for path in paths:
        echo(f"  {'':<{width}}  {path.name} ({human_size(path.stat().st_size)})")


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S")


def _clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).strftime("%H:%M:%S")


def _seconds(seconds: float | None) -> str:
    return "not ended" if seconds is None else f"{seconds:.1f} s"


@attempts.command(
    cls=Command, example="hardboot attempts bundle\nhardboot attempts bundle last -o report.zip"
)
@_argument
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the zip archive to FILE. Default: hardboot-attempt-ID.zip in this folder.",
)
@pass_settings
def bundle(settings: Settings, id: str, output: Path | None) -> None:
    """Pack an attempt for others to read, without serial numbers, addresses, IMEIs, paths and names.

    ID is that of `hardboot attempts list`, or `last`, the default. Look into the archive before you publish
    it: logs may hold other things that are yours.
    """
    found = store.get(id, settings.serial)
    made = write(found, output or Path(f"hardboot-attempt-{found.id}.zip"))

    def human() -> None:
        removed = ", ".join(count(times, kind, _PLURALS.get(kind)) for kind, times in made.removed.items())
        echo(f"  files    {', '.join(made.names)}")
        echo(f"  removed  {removed or 'nothing'}")
        echo(f"Wrote {made.path}. Look into it before you publish it.")

    document = {
        "id": found.id,
        "path": str(made.path),
        "files": list(made.names),
        "removed": dict(made.removed),
    }
    settings.emit(document, human)


_PLURALS = {"network address": "network addresses"}

"""hardboot doctor: what this computer and the phone can do, and what to do next."""

from collections.abc import Sequence

import click
from rich.text import Text

from hardboot.base import terminal
from hardboot.base.printable import printable
from hardboot.commands.command import Command
from hardboot.commands.common import Settings, pass_settings
from hardboot.commands.text_output import TextOutput
from hardboot.doctor import report
from hardboot.doctor.line import Line
from hardboot.doctor.next_steps import Step
from hardboot.doctor.report import Report

_TITLES = {
    "computer": "This computer",
    "phone": "Phone",
    "profile": "Profile",
    "host": "Host",
    "backups": "Backups",
}
_STYLES = {"ok": "green", "not": "red", "unknown": "yellow"}
_STATE, _NAME = 7, 13  # columns of the longest state, and of the longest name


@click.command(cls=Command, example="hardboot doctor\nhardboot doctor --json")
@pass_settings
def doctor(settings: Settings) -> None:
    """Show what this computer and the phone can do, and what to do next.

    Each line is ok, not as it should be, or unknown, and says how to change or find it. Nothing is changed on
    the phone. It also works without a phone, without root, and for a phone without a profile.
    """
    found = report.examine(settings.serial, settings.chosen(), settings.profile)
    settings.emit(found.document(), lambda: _print(found))


def _print(found: Report) -> None:
    out = TextOutput()
    for group, lines in found.groups.items():
        out.heading(_TITLES[group])
        for line in lines:
            _print_line(out, line)
        out.print()
    _print_steps(out, found.steps)


def _print_line(out: TextOutput, line: Line) -> None:
    indent = 2 + _STATE + 2 + _NAME + 2
    row = f"  {line.state:<{_STATE}}  {line.name:<{_NAME}}  {printable(line.value)}"
    first, *others = terminal.fold(row, out, indent=indent)
    styled = Text(first)
    styled.stylize(_STYLES[line.state], 2, 2 + _STATE)
    out.print(styled)
    for other in others:
        out.print(Text(other))
    if line.how:
        for other in terminal.fold(f"{'':{indent}}{printable(line.how)}", out, indent=indent):
            out.print(Text(other))


def _print_steps(out: TextOutput, steps: Sequence[Step]) -> None:
    out.heading("What you can do now, best first")
    for number, step in enumerate(steps, 1):
        for row in terminal.fold(f"  {number}. {printable(step.what)}:", out, indent=5):
            out.print(Text(row))
        out.print(Text(f"     {printable(step.command)}", style="bold"))

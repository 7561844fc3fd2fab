"""What every command shares: the global options, accepted before and after the verb, prompts, and JSON."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hardboot.base import log
from hardboot.base.errors import HardbootError, RefusedError
from hardboot.base.printable import printable, printable_lines

if TYPE_CHECKING:
    from hardboot.device.phone import Phone
    from hardboot.flows.journal import Journal
    from hardboot.profile import Profile


class Settings:
    """The global options of one run."""

    device: str | None = None
    profile: Path | None = None
    serial: str | None = None
    json: bool = False
    verbose: bool = False
    yes: bool = False

    def chosen(self) -> "Profile | None":
        """Return the profile that --device or --profile names; None without either.

        Raises:
            InputError: If there is no such profile, or its file is wrong.
        """
        from hardboot import profile

        if self.device is not None and self.profile is not None:
            raise click.UsageError("--device cannot be combined with --profile.")
        if self.profile is not None:
            return profile.read(self.profile)
        return None if self.device is None else profile.load(self.device)

    def emit(self, document: Any, human: Callable[[], None]) -> None:
        """Print the result on stdout: `document` as JSON with --json, else by calling `human`."""
        if self.json:
            emit_json(document)
        else:
            human()


def emit_json(document: Any) -> None:
    """Print one JSON document on stdout."""
    print(json.dumps(document, indent=2))


def echo(line: str = "") -> None:
    """Print one line on stdout; names in it cannot control the terminal, nor add lines."""
    click.echo(printable(line))


def echo_lines(text: str) -> None:
    """Print a text of several lines on stdout, a log or a file; it cannot control the terminal."""
    click.echo(printable_lines(text), nl=not text.endswith("\n"))


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun: 1 problem, 2 problems."""
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"


def confirm(settings: Settings, effect: str) -> None:
    """Ask before something that changes the phone; --yes answers.

    Args:
        settings: The global options.
        effect: What will happen to which phone: "This writes a.img to partition boot of virt-arm HB1."

    Raises:
        RefusedError: If the answer is no, or nobody can be asked.
    """
    if settings.yes:
        return
    if not sys.stdin.isatty():
        raise RefusedError(
            f"not confirmed: {effect}", state="Nothing was sent.", fix="Run again with --yes to confirm."
        )
    if not click.confirm(f"{printable(effect)} Continue?", err=True):
        raise RefusedError("not confirmed", state="Nothing was sent.", fix="Answer yes, or add --yes.")


@contextmanager
def journaled(settings: Settings, *, connect_s: float | None = None) -> "Iterator[tuple[Phone, Journal]]":
    """Connect to the phone, alone, and start a journal; an error gets what the journal holds by then.

    Args:
        settings: The global options.
        connect_s: Seconds to wait for a phone that is starting; None is the usual time.
    """
    from hardboot.device import phone as phones
    from hardboot.flows.journal import Journal

    patience = phones.WAIT_S if connect_s is None else connect_s
    with phones.connected(settings.serial, settings.chosen(), exclusive=True, wait_s=patience) as phone:
        journal = Journal(phone.profile.name, phone.serialno)
        try:
            yield phone, journal
        except HardbootError as error:
            error.result = journal.document()
            raise


def wait_option(text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option --wait, passed as `wait_s`, with this help text."""
    from hardboot.flows.restart import WAIT_S

    return click.option(
        "--wait",
        "wait_s",
        metavar="SECONDS",
        type=click.IntRange(1, 3600),
        default=int(WAIT_S),
        show_default=True,
        help=text,
    )


def _store(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    settings = ctx.ensure_object(Settings)
    assert param.name is not None
    if value is not None and value is not False:
        setattr(settings, param.name, value)
    if param.name == "verbose":
        log.configure(verbose=settings.verbose)


def _global_options() -> list[click.Parameter]:
    def option(*names: str, **kwargs: Any) -> click.Option:
        return click.Option(names, expose_value=False, callback=_store, **kwargs)

    return [
        option(
            "--device", metavar="NAME", help="Use this phone profile instead of matching ro.product.device."
        ),
        option(
            "--profile",
            metavar="FILE",
            type=click.Path(path_type=Path),
            help="Use the phone profile in FILE.",
        ),
        option(
            "--serial",
            metavar="SERIAL",
            envvar="ANDROID_SERIAL",
            show_envvar=True,
            help="Use the phone with this serial or HOST:PORT, if several are connected.",
        ),
        option("--json", is_flag=True, help="Print the result as one JSON document."),
        option("-v", "--verbose", is_flag=True, help="Print details, and the traceback of an error."),
        option("-y", "--yes", is_flag=True, help="Answer yes to every question."),
    ]


class Command(click.Command):
    """A verb that also takes the global options."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(_global_options())


class Group(click.Group):
    """A group of verbs; `lazy` maps a name to "module:attribute", imported when it is run, and its help."""

    command_class = Command
    group_class = type

    def __init__(self, *args: Any, lazy: dict[str, tuple[str, str]] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(_global_options())
        self._lazy = lazy or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names: the lazy ones in their own order, then the others."""
        return [*self._lazy, *sorted(self.commands)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of that name; a lazy one is imported now."""
        if cmd_name in self._lazy:
            module, _, attribute = self._lazy[cmd_name][0].partition(":")
            command = getattr(import_module(module), attribute)
            assert isinstance(command, click.Command)
            return command
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of verbs, without importing the lazy ones."""
        rows = [(name, self._lazy[name][1]) for name in self._lazy]
        for name, command in sorted(self.commands.items()):
            rows.append((name, command.get_short_help_str(limit=_SHORT_HELP)))
        with formatter.section("Commands"):
            formatter.write_dl(rows)


_SHORT_HELP = 120  # characters: the first sentence of a command's help is shown whole

pass_settings = click.make_pass_decorator(Settings, ensure=True)

"""What every command shares: the global options, accepted before and after the verb, and the way to print."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from hardboot.base import log
from hardboot.commands.settings import Settings

if TYPE_CHECKING:
    from hardboot.device.phone import Phone
    from hardboot.flows.journal import Journal

__all__ = [
    "Command",
    "Group",
    "Settings",
    "confirm",
    "journaled",
    "pass_settings",
    "wait_option",
]


def confirm(settings: Settings, question: str) -> None:
    """Ask before something that changes the phone; --yes answers.

    Raises:
        RefusedError: If nobody can be asked, or the answer is no.
    """
    from hardboot.base.errors import RefusedError

    if settings.yes:
        return
    if not sys.stdin.isatty():
        raise RefusedError(
            f"not confirmed: {question}",
            state="Nothing was sent.",
            fix="Add --yes to go ahead.",
        )
    if not click.confirm(question, err=True):
        raise RefusedError("not confirmed", state="Nothing was sent.", fix="Answer yes, or add --yes.")


@contextmanager
def journaled(settings: Settings) -> "Iterator[tuple[Phone, Journal]]":
    """The connected phone and a journal; an error takes along what the journal holds by then."""
    from hardboot.base.errors import HardbootError
    from hardboot.device import phone as phones
    from hardboot.flows.journal import Journal

    with phones.connected(settings.serial, settings.device) as phone:
        journal = Journal(phone.profile.name, phone.serialno)
        try:
            yield phone, journal
        except HardbootError as error:
            error.result = journal.document()
            raise


def wait_option(text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The option --wait, which comes as `wait_s`.

    Args:
        text: Its help.
    """
    from hardboot.flows.restart import WAIT_S

    return click.option(
        "--wait",
        "wait_s",
        type=click.FloatRange(1, 3600),
        default=WAIT_S,
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


def _shared_options() -> list[click.Parameter]:
    def option(*names: str, **kwargs: Any) -> click.Option:
        return click.Option(names, expose_value=False, callback=_store, **kwargs)

    return [
        option(
            "--device",
            metavar="NAME",
            help="Profile of the phone; default: matched by ro.product.device.",
        ),
        option(
            "--serial",
            metavar="SERIAL",
            envvar="ANDROID_SERIAL",
            show_envvar=True,
            help="ADB serial or HOST:PORT of the phone; not needed when there is one.",
        ),
        option("--json", is_flag=True, help="One JSON document on stdout, for programs."),
        option("-v", "--verbose", is_flag=True, help="Say more; show where a bug happened."),
        option("-y", "--yes", is_flag=True, help="Answer yes to every question."),
    ]


class Command(click.Command):
    """A verb that also takes the global options behind it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(_shared_options())


class Group(click.Group):
    """A group of verbs; `lazy` maps a name to "module:attribute", imported when it is run."""

    command_class = Command
    group_class = type

    def __init__(self, *args: Any, lazy: dict[str, tuple[str, str]] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(_shared_options())
        self._lazy = lazy or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names: the lazy ones in their own order, then the others."""
        return [*self._lazy, *sorted(self.commands)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now if it is lazy."""
        if cmd_name in self._lazy:
            module, _, attribute = self._lazy[cmd_name][0].partition(":")
            command = getattr(import_module(module), attribute)
            assert isinstance(command, click.Command)
            return command
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of verbs, without importing the lazy ones."""
        rows = [(name, self._lazy[name][1]) for name in self._lazy]
        for name, command in sorted(self.commands.items()):
            rows.append((name, command.get_short_help_str(formatter.width)))
        with formatter.section("Commands"):
            formatter.write_dl(rows)


pass_settings = click.make_pass_decorator(Settings, ensure=True)

"""Commands and groups: the program's options, accepted before and after every verb, and their help."""

from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from hardboot.base import log
from hardboot.base.interrupts import if_cut_off
from hardboot.commands import completion
from hardboot.commands.common import Settings

Sections = Mapping[str, Mapping[str, tuple[str, str]]]

_NO_BREAK = "\u2011"  # NON-BREAKING HYPHEN
_OTHERS = "Commands"  # title of the section of the commands that are not imported lazily
_SHORT_HELP = 120  # characters: the first sentence of a command's help is shown whole
_EVERYWHERE = "Every command also takes --device, --profile, --serial, --json, -v and -y (hardboot --help)."


class _Formatter(click.HelpFormatter):
    """Folds between words only: click also folds at hyphens, in the names of options and files."""

    def write(self, string: str) -> None:
        """Write folded text."""
        super().write(string.replace(_NO_BREAK, "-"))

    def write_text(self, text: str) -> None:
        """Fold a paragraph."""
        super().write_text(text.replace("-", _NO_BREAK))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Fold the second of two columns."""
        super().write_dl(((name, text.replace("-", _NO_BREAK)) for name, text in rows), col_max, col_spacing)


class _ProgramOption(click.Option):
    """An option of the program; its value goes into Settings, wherever it is given."""

    def __init__(self, *names: str, **attributes: Any) -> None:
        super().__init__(names, expose_value=False, callback=_store, **attributes)


def _store(ctx: click.Context, param: click.Parameter, value: object) -> None:
    settings = ctx.ensure_object(Settings)
    assert param.name is not None
    if value is not None and value is not False:
        setattr(settings, param.name, value)
    if param.name == "verbose":
        log.configure(verbose=settings.verbose)


def _program_options() -> list[click.Parameter]:
    return [
        _ProgramOption(
            "--device",
            metavar="NAME",
            shell_complete=completion.devices,
            help="Use this phone profile instead of matching ro.product.device.",
        ),
        _ProgramOption(
            "--profile",
            metavar="FILE",
            type=click.Path(path_type=Path),
            help="Use the phone profile in FILE.",
        ),
        _ProgramOption(
            "--serial",
            metavar="SERIAL",
            envvar="ANDROID_SERIAL",
            show_envvar=True,
            shell_complete=completion.serials,
            help="Use the phone with this serial or HOST:PORT, if several are connected.",
        ),
        _ProgramOption("--json", is_flag=True, help="Print the result as one JSON document."),
        _ProgramOption("-v", "--verbose", is_flag=True, help="Print details, and the traceback of an error."),
        _ProgramOption("-y", "--yes", is_flag=True, help="Answer yes to every question."),
    ]


class _Page(click.Command):
    """A command with the program's options, which its help only mentions, and with an example.

    Args:
        example: Command lines, one a line.
    """

    def __init__(self, *args: Any, example: str = "", **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.example = example
        self.params.extend(_program_options())

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the command line; errors say to which command they belong.

        Raises:
            UsageError: If it is wrong.
        """
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise

    def get_help(self, ctx: click.Context) -> str:
        """Return the page for the terminal."""
        formatter = _Formatter(width=ctx.terminal_width, max_width=ctx.max_content_width)
        self.format_help(ctx, formatter)
        return formatter.getvalue().rstrip("\n")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options; those of the program on its own page only."""
        left_out = (click.Argument, _ProgramOption) if ctx.parent else click.Argument
        shown = [one for one in self.get_params(ctx) if not isinstance(one, left_out)]
        rows = [record for one in shown if (record := one.get_help_record(ctx))]
        with formatter.section("Options"):
            formatter.write_dl(rows)
            if ctx.parent:
                formatter.write_paragraph()
                formatter.write_text(_EVERYWHERE)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the example; lines of it are not folded."""
        super().format_epilog(ctx, formatter)
        with formatter.section("Example"):
            for line in self.example.splitlines():
                formatter.write(f"{'':{formatter.current_indent}}{line}\n")


class Command(_Page):
    """A verb."""


class Group(_Page, click.Group):
    """A group of verbs.

    Args:
        sections: Titles, each with verbs that are imported when they are run: name, "module:attribute", help.
    """

    command_class = Command
    group_class = type

    def __init__(self, *args: Any, sections: Sections | None = None, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self._sections = sections or {}
        self._lazy = {name: where for rows in self._sections.values() for name, (where, _) in rows.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names in the order of the help."""
        return [name for _, rows in self._tables() for name in rows]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of that name; a lazy one is imported now."""
        if cmd_name in self._lazy:
            module, _, attribute = self._lazy[cmd_name].partition(":")
            with if_cut_off("Nothing was done.", "Run it again."):
                command = getattr(import_module(module), attribute)
            assert isinstance(command, click.Command)
            return command
        return super().get_command(ctx, cmd_name)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, then the verbs."""
        super().format_options(ctx, formatter)
        self.format_commands(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the verbs by section, without importing the lazy ones."""
        for title, rows in self._tables():
            with formatter.section(title):
                formatter.write_dl(list(rows.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the verbs and options that begin with `incomplete`, without importing the lazy ones."""
        verbs = [
            CompletionItem(name, help=text)
            for _, rows in self._tables()
            for name, text in rows.items()
            if name.startswith(incomplete)
        ]
        return [*verbs, *click.Command.shell_complete(self, ctx, incomplete)]

    def _tables(self) -> Iterable[tuple[str, dict[str, str]]]:
        """Return the sections of the help: titles, and the help of each verb."""
        tables: dict[str, dict[str, str]] = {}
        for name, command in sorted(self.commands.items()):
            tables.setdefault(_OTHERS, {})[name] = command.get_short_help_str(limit=_SHORT_HELP)
        for title, rows in self._sections.items():
            tables.setdefault(title, {}).update({name: text for name, (_, text) in rows.items()})
        return tables.items()

"""The help pages of all commands."""

from collections.abc import Iterator

import click

from hardboot.commands import cli


def _pages(command: click.Command, name: str, parent: click.Context | None) -> Iterator[click.Context]:
    context = click.Context(command, info_name=name, parent=parent, **command.context_settings)
    yield context
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            assert found
            yield from _pages(found, below, context)


ALL = {context.command_path: context for context in _pages(cli.root, "hardboot", None)}


def narrow(path: str, width: int) -> str:
    """Return the help page of a command as a terminal of `width` columns shows it."""
    context = ALL[path]
    sized = click.Context(
        context.command, info_name=context.info_name, parent=context.parent, terminal_width=width
    )
    return context.command.get_help(sized)

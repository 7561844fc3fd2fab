"""The help of every command: complete, within the terminal, and in one form."""

from collections.abc import Iterator

import click
import pytest

from hardboot.commands import cli

# Words that begin a description of a thing; help says what to do.
_NO_VERBS = {"a", "also", "an", "all", "the", "what", "where", "which", "whose", "more", "other", "words"}


def commands(command: click.Command, name: str, parent: click.Context | None) -> Iterator[click.Context]:
    context = click.Context(command, info_name=name, parent=parent)
    yield context
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            assert found
            yield from commands(found, below, context)


ALL = {context.command_path: context for context in commands(cli.root, "hardboot", None)}


@pytest.mark.parametrize("width", [60, 80])
@pytest.mark.parametrize("path", ALL)
def test_help_fits_the_terminal_and_nothing_is_cut_off(path: str, width: int) -> None:
    context = ALL[path]
    narrow = click.Context(
        context.command, info_name=context.info_name, parent=context.parent, terminal_width=width
    )
    lines = context.command.get_help(narrow).splitlines()
    assert max(map(len, lines)) <= width
    assert not [line for line in lines[1:] if line.endswith("...") and "[NAME]" not in line]
    assert not [line for line in lines if "RANGE" in line]


@pytest.mark.parametrize("path", ALL)
def test_help_begins_with_a_verb_and_ends_with_a_full_stop(path: str) -> None:
    command = ALL[path].command
    texts = [command.help or "", *(p.help or "" for p in command.params if isinstance(p, click.Option))]
    for text in texts:
        first = text.partition("\n")[0]
        assert first.split()[0].istitle(), text
        assert first.split()[0].lower() not in _NO_VERBS, text
        assert first.endswith("."), text


def test_every_verb_of_a_lazy_group_has_the_help_of_its_command() -> None:
    for name, (_, text) in cli._VERBS.items():
        assert text.endswith(".")
        assert text.split()[0].lower() not in _NO_VERBS, name

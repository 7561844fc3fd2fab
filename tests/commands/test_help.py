"""The help of every command: complete, within the terminal, in one form, and with an example."""

import click
import pytest
from command_lines import command_lines, problems
from command_pages import ALL, narrow

from hardboot.commands import cli

# Words that begin a description of a thing; help says what to do.
_NO_VERBS = {"a", "also", "an", "all", "the", "what", "where", "which", "whose", "more", "other", "words"}

each_page = pytest.mark.parametrize("path", ALL)


@pytest.mark.parametrize("width", [60, 80])
@each_page
def test_help_fits_the_terminal_and_nothing_is_cut_off(path: str, width: int) -> None:
    lines = narrow(path, width).splitlines()
    assert max(map(len, lines)) <= width
    assert not [line for line in lines[1:] if line.endswith("...") and "]..." not in line]
    assert not [line for line in lines if "RANGE" in line]


@pytest.mark.parametrize("width", [60, 80])
@each_page
def test_help_is_folded_between_words(path: str, width: int) -> None:
    wide, folded = narrow(path, 400), narrow(path, width)
    assert folded.split() == wide.split()


@each_page
def test_help_begins_with_a_verb_and_ends_with_a_full_stop(path: str) -> None:
    command = ALL[path].command
    texts = [command.help or "", *(p.help or "" for p in command.params if isinstance(p, click.Option))]
    for text in texts:
        first = text.partition("\n")[0]
        assert first.split()[0].istitle(), text
        assert first.split()[0].lower() not in _NO_VERBS, text
        assert first.endswith("."), text


@each_page
def test_the_options_of_the_program_are_listed_on_its_own_page_only(path: str) -> None:
    text = narrow(path, 80)
    is_root = path == "hardboot"
    for option in ("--device NAME", "--serial SERIAL", "-v, --verbose", "-y, --yes"):
        assert (f"\n  {option} " in text) == is_root, option
    assert ("Every command also takes --device, --profile, --serial, --json" in text) != is_root
    assert "\n  -h, --help " in text


@each_page
def test_every_page_has_an_example_that_the_program_takes(path: str) -> None:
    example = narrow(path, 60).partition("\nExample:\n")[2]
    lines = list(command_lines(f"```\n{example}\n```"))
    assert len(lines) == len(example.splitlines()) >= 1
    assert [problems(words) for words in lines] == [[]] * len(lines)
    assert any(line.strip().startswith(path) for line in example.splitlines()) or path in (
        "hardboot ramdisk",
        "hardboot exec",
    )


def test_the_commands_are_grouped() -> None:
    text = narrow("hardboot", 80)
    titles = ["Try an image:", "Build a host kernel:", "Images:", "Phone:", "Rescue:"]
    places = [text.index(f"\n{title}\n") for title in titles]
    assert places == sorted(places)
    assert text.index("\n  restore ") > places[-1]
    assert "\nCommands:\n" not in text


def test_every_verb_of_the_first_page_has_the_help_of_its_command() -> None:
    listed = [row for rows in cli._SECTIONS.values() for row in rows.items()]
    assert len(listed) == len({name for name, _ in listed}) == len(cli.root.list_commands(ALL["hardboot"]))
    for name, (_, text) in listed:
        assert text.endswith(".")
        assert text.split()[0].lower() not in _NO_VERBS, name

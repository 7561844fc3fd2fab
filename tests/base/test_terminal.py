"""Lines are folded between words, on a terminal only."""

import io

import pytest
from rich.console import Console

from hardboot.base import terminal


def folded(text: str, width: int = 40, *, indent: int | None = None, tty: bool = True) -> list[str]:
    console = Console(file=io.StringIO(), force_terminal=tty, width=width)
    return terminal.fold(text, console, indent=indent)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("short", ["short"]),
        ("", [""]),
        ("a line of exactly as many characters: 40", ["a line of exactly as many characters: 40"]),
        ("a line that is a bit longer than that: 42.", ["a line that is a bit longer than that:", "  42."]),
        (
            "  an indented one that is a bit longer than it",
            ["  an indented one that is a bit longer", "    than it"],
        ),
        (
            "  name  a value that is too long for the line",
            ["  name  a value that is too long for the", "        line"],
        ),
        (
            "  one  two  a value that is too long for it",
            ["  one  two  a value that is too long for", "            it"],
        ),
        (
            "  a wide first column of a table  its value",
            ["  a wide first column of a table  its", "    value"],
        ),
        (
            "see the option --with-a-long-name-in-it here",
            ["see the option --with-a-long-name-in-it", "  here"],
        ),
        (
            "see /a/path/that/is/a/bit/longer/than/the/terminal here",
            ["see", "  /a/path/that/is/a/bit/longer/than/the/terminal", "  here"],
        ),
    ],
)
def test_a_line_is_folded_between_words(text: str, lines: list[str]) -> None:
    assert folded(text) == lines


def test_the_indent_may_be_given() -> None:
    text = "  state: Nothing was sent to the phone by then."
    assert folded(text, indent=9) == ["  state: Nothing was sent to the phone", "         by then."]
    assert folded("Restart the phone to boot it? Continue now?", indent=0)[1] == "now?"


@pytest.mark.parametrize("width", [0, 1, 20, 39])
def test_a_terminal_that_is_very_narrow_folds_lines_itself(width: int) -> None:
    text = "a line of exactly as many characters: 40"
    assert folded(text, width=width) == [text]
    assert folded(f"{text} more", width=width) == [text, "  more"]


def test_in_a_pipe_nothing_is_folded() -> None:
    assert folded("word " * 20, tty=False) == ["word " * 20]


def test_a_console_is_kept_as_long_as_its_stream() -> None:
    first, second = io.StringIO(), io.StringIO()
    one = terminal.console(first, "test")
    assert terminal.console(first, "test") is one
    assert terminal.console(second, "test") is not one
    assert terminal.console(second, "test").file is second

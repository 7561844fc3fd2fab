"""Lines are folded between words, on a terminal only."""

import io

import pytest
from rich.console import Console

from hardboot.base import terminal


def folded(text: str, width: int = 20, *, indent: int | None = None, tty: bool = True) -> list[str]:
    console = Console(file=io.StringIO(), force_terminal=tty, width=width)
    return terminal.fold(text, console, indent=indent)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("short", ["short"]),
        ("", [""]),
        ("exactly twenty chars", ["exactly twenty chars"]),
        ("a line that is too long", ["a line that is too", "  long"]),
        ("  an indented one that is long", ["  an indented one", "    that is long"]),
        ("  name  value that is long", ["  name  value that", "        is long"]),
        ("  a  b  value that is long", ["  a  b  value that", "        is long"]),
        ("  a wide first column  value", ["  a wide first", "    column  value"]),
        ("see the --long-name-of-it here", ["see the", "  --long-name-of-it", "  here"]),
        ("see /a/path/that/is/longer/than/it here", ["see", "  /a/path/that/is/longer/than/it", "  here"]),
    ],
)
def test_a_line_is_folded_between_words(text: str, lines: list[str]) -> None:
    assert folded(text) == lines


def test_the_indent_may_be_given() -> None:
    text = "  state: Nothing was sent."
    assert folded(text, indent=9) == ["  state: Nothing was", "         sent."]
    assert folded("Restart it? Continue now?", indent=0) == ["Restart it? Continue", "now?"]


def test_in_a_pipe_nothing_is_folded() -> None:
    assert folded("a line that is too long for it", tty=False) == ["a line that is too long for it"]


def test_a_console_is_kept_as_long_as_its_stream() -> None:
    first, second = io.StringIO(), io.StringIO()
    one = terminal.console(first, "test")
    assert terminal.console(first, "test") is one
    assert terminal.console(second, "test") is not one
    assert terminal.console(second, "test").file is second

"""What all commands share: counts, prompts, and text that cannot control the terminal."""

import pytest

from hardboot.base.errors import RefusedError
from hardboot.base.printable import printable
from hardboot.commands.common import Settings, confirm, count


def test_plurals_are_right() -> None:
    assert [count(number, "file") for number in (0, 1, 2)] == ["0 files", "1 file", "2 files"]
    assert count(3, "entry", "entries") == "3 entries"


def test_control_characters_become_escapes() -> None:
    assert printable("a\x1b[2J\n\x7f\u202eü") == "a\\x1b[2J\\n\\x7f\\u202eü"


class Answering:
    """A terminal at which somebody answers."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("answer", [True, False])
def test_a_question_says_what_will_happen(answer: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def ask(question: str, *, err: bool) -> bool:
        assert err, "stdout is for results"
        asked.append(question)
        return answer

    monkeypatch.setattr("sys.stdin", Answering())
    monkeypatch.setattr("hardboot.commands.common.click.confirm", ask)
    if answer:
        confirm(Settings(), "This restarts HB1.")
    else:
        with pytest.raises(RefusedError, match=r"^not confirmed$"):
            confirm(Settings(), "This restarts HB1.")
    assert asked == ["This restarts HB1. Continue?"]


def test_yes_answers_every_question(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings()
    settings.yes = True
    monkeypatch.setattr("sys.stdin", None)
    confirm(settings, "This restarts HB1.")

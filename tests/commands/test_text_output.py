"""Tables on narrow terminals and in pipes."""

import pytest

from hardboot.commands.text_output import TextOutput

ROWS = [
    ("boot", "12", "short"),
    ("recovery", "3456", "a value of several words that is long"),
    ("x", "7", ""),
]


def table(columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TTY_COMPATIBLE", "1" if columns else "0")
    monkeypatch.setenv("NO_COLOR", "1")
    TextOutput().table(("name", "size", "content"), ROWS, right=1)
    return capsys.readouterr().out.splitlines()


def test_in_a_pipe_a_row_is_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert table(0, monkeypatch, capsys) == [
        "  name      size  content",
        "  boot        12  short",
        "  recovery  3456  a value of several words that is long",
        "  x            7",
    ]


def test_the_last_column_is_folded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert table(50, monkeypatch, capsys)[2:4] == [
        "  recovery  3456  a value of several words that is",
        "                  long",
    ]


def test_a_long_value_is_below_its_row_where_there_is_no_room(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert table(40, monkeypatch, capsys) == [
        "  name      size  content",
        "  boot        12  short",
        "  recovery  3456",
        "      a value of several words that is",
        "      long",
        "  x            7",
    ]


@pytest.mark.parametrize("columns", [1, 3, 10, 20])
def test_a_terminal_that_is_very_narrow_folds_lines_itself(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert table(columns, monkeypatch, capsys) == table(40, monkeypatch, capsys)


@pytest.mark.parametrize("columns", [0, 40])
def test_a_long_label_is_not_cut_off(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TTY_COMPATIBLE", "1" if columns else "0")
    monkeypatch.setenv("NO_COLOR", "1")
    TextOutput().rows([("a label that is long", "7 bytes"), ("size", "9")])
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines == ["  a label that is long  7 bytes", "  size                  9"]

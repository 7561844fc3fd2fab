"""Steps, progress and warnings: as lines in a pipe, and on a terminal beside each other."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable

import pytest

from hardboot.base import log


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Move the time that steps measure."""
    now = [100.0]
    monkeypatch.setattr("hardboot.base.log.time.monotonic", lambda: now[0])

    def forward(seconds: float) -> None:
        now[0] += seconds

    return forward


def test_in_a_pipe_a_step_is_a_line_when_it_begins_and_a_long_one_tells_its_time(
    clock: Callable[[float], None], capsys: pytest.CaptureFixture[str]
) -> None:
    with log.step("Reading"):
        assert capsys.readouterr().err == "Reading\n"
        clock(0.9)
    with log.step("Writing"):
        clock(1.24)
    with log.progress("Pushing", 100) as advance:
        advance(100)
    assert capsys.readouterr().err == "Writing\nWriting: 1.2 s\nPushing\n"


def test_a_step_that_fails_leaves_a_line_if_it_was_long_and_marks_the_error(
    clock: Callable[[float], None], capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> None:
        clock(23)
        raise KeyboardInterrupt

    with pytest.raises(ValueError, match="x") as short, log.step("Reading"):
        raise ValueError("x")
    with pytest.raises(KeyboardInterrupt) as long, log.step("Booting a.img"), log.step("Waiting"):
        interrupted()
    assert short.value.__notes__ == ["Reading"]
    assert long.value.__notes__ == ["Waiting", "Booting a.img"]
    assert capsys.readouterr().err == (
        "Reading\nBooting a.img\nWaiting\n"
        "Waiting: stopped after 23.0 s\nBooting a.img: stopped after 23.0 s\n"
    )


def test_a_pipe_gets_a_line_now_and_then(
    clock: Callable[[float], None], capsys: pytest.CaptureFixture[str]
) -> None:
    with log.step("Building", limit_s=600) as show:
        for second in range(1, 65):
            clock(1)
            show(f"file {second}")
    assert capsys.readouterr().err == (
        "Building\nBuilding: file 30 (30 s of 600 s)\nBuilding: file 60 (60 s of 600 s)\nBuilding: 64.0 s\n"
    )


def test_what_ends_at_once_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with log.progress("Pushing", 10, quiet=True) as advance:
        advance(10)
    assert capsys.readouterr().err == ""


def test_details_are_shown_with_verbose_only(capsys: pytest.CaptureFixture[str]) -> None:
    log.detail("no")
    log.configure(verbose=True)
    try:
        log.detail("yes")
    finally:
        log.configure(verbose=False)
    assert capsys.readouterr().err == "  yes\n"


def test_text_is_neither_markup_nor_emoji(capsys: pytest.CaptureFixture[str]) -> None:
    log.say("[bold]a[/bold] :boot:")
    log.warn("[red]b[/red] :x:")
    assert capsys.readouterr().err == "[bold]a[/bold] :boot:\nwarning: [red]b[/red] :x:\n"


def on_terminal(script: str) -> str:
    """Return what a script leaves on a terminal of 60 columns, without styles."""
    master, slave = pty.openpty()
    environment = {**os.environ, "COLUMNS": "60", "TERM": "xterm", "NO_COLOR": "1"}
    with subprocess.Popen([sys.executable, "-c", script], stdout=slave, stderr=slave, env=environment) as run:
        os.close(slave)
        data = b""
        while True:
            try:
                piece = os.read(master, 65536)
            except OSError:
                break
            if not piece:
                break
            data += piece
    os.close(master)
    assert run.returncode == 0, data
    return data.decode()


def screen(output: str) -> list[str]:
    """Return the lines of a terminal, as far as rich's progress moves on it."""
    lines, row, column = [""], 0, 0
    for token in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", output):
        if token == "\r":
            column = 0
        elif token == "\n":
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        elif token.endswith("A"):
            row -= int(token[2:-1] or 1)
        elif token.endswith("K"):
            lines[row] = "" if token[2:-1] == "2" else lines[row][:column]
        elif not token.startswith("\x1b"):
            lines[row] = lines[row][:column].ljust(column) + token + lines[row][column + len(token) :]
            column += len(token)
    return [line.rstrip() for line in lines if line.strip()]


def test_a_warning_stands_on_a_line_of_its_own_beside_a_running_step() -> None:
    shown = screen(
        on_terminal(
            "import time; from hardboot.base import log\n"
            "with log.step('Building', limit_s=600) as show:\n"
            "    show('half'); time.sleep(0.3)\n"
            "    log.warn('look'); time.sleep(0.3)\n"
            "log.say('done')\n"
        )
    )
    assert shown == ["warning: look", "Building", "done"]


def test_a_running_step_shows_its_time_and_limit() -> None:
    output = on_terminal(
        "import time; from hardboot.base import log\n"
        "with log.step('Waiting', limit_s=180):\n    time.sleep(1.5)\n"
    )
    assert "1 s of 180 s" in output
    assert screen(output)[-1].startswith("Waiting: 1.")


def test_progress_in_bytes_leaves_one_line() -> None:
    output = on_terminal(
        "import time; from hardboot.base import log\n"
        "with log.progress('Pushing', 4096) as advance:\n"
        "    advance(2048); time.sleep(0.3)\n"
        "    advance(2048)\n"
    )
    assert "2.0/4.0 KiB" in output
    assert screen(output) == ["Pushing"]

"""Whatever ends a run, it ends with the right code and words: interrupts, full disks, closed streams."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import container_builders as build
import pytest
from in_process import hardboot

from hardboot.base import log, printable
from hardboot.commands import reports


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "x.img"
    path.write_bytes(build.boot())
    return path


def test_what_stops_it_is_told_as_ever(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hardboot.commands.info.describe", stopped)
    assert hardboot("info", image).returncode == 130
    done = hardboot("info", image, "--json")
    assert (done.returncode, '"exit_code": 130' in done.stdout) == (130, False)
    assert "hardboot: interrupted" in done.stderr


def _run(code: str) -> "subprocess.CompletedProcess[str]":
    """Run Python code as a program of its own, which runs hardboot's entry point."""
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("module", ["hardboot.commands.cli", "hardboot.commands.info"])
def test_a_ctrl_c_before_the_command_begins_says_that_nothing_was_done(module: str) -> None:
    done = _run(
        "import sys\n"
        "class CtrlC:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == {module!r}: raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, CtrlC())\n"
        "from hardboot.__main__ import main\n"
        "main(['info', 'missing.img'])"
    )
    assert done.returncode == 130
    assert done.stderr.splitlines() == [
        "hardboot: interrupted",
        "  state: Nothing was done.",
        "  to do: Run it again.",
    ]


def test_a_ctrl_c_while_python_ends_does_not_replace_the_exit_code() -> None:
    done = _run(
        "import atexit, signal\n"
        "atexit.register(signal.raise_signal, signal.SIGINT)\n"
        "from hardboot.__main__ import main\n"
        "main(['info', 'missing.img'])"
    )
    assert (done.returncode, len(done.stderr.splitlines())) == (3, 3)


def test_an_interrupt_says_during_which_step(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> None:
        with log.step("Reading the image"):
            raise KeyboardInterrupt

    monkeypatch.setattr("hardboot.commands.info.describe", stopped)
    lines = hardboot("info", image).stderr.splitlines()
    assert lines[:2] == ["Reading the image", "hardboot: interrupted while reading the image"]
    assert lines[2] == "  state: The last step may be incomplete; the steps before it are done."


def test_an_interrupt_while_an_error_is_told_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = printable.printable

    def interrupted(text: str) -> str:
        signal.raise_signal(signal.SIGINT)
        return told(text)

    monkeypatch.setattr(reports, "printable", interrupted)
    done = hardboot("info", tmp_path / "missing.img")
    assert (done.returncode, len(done.stderr.splitlines())) == (3, 3)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_text_that_stdout_cannot_encode_is_escaped(image: Path) -> None:
    path = image.rename(image.with_name("ü.img"))
    done = subprocess.run(
        [sys.executable, "-m", "hardboot", "info", path],
        capture_output=True,
        timeout=60,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"/\\xfc.img: Android boot image" in done.stdout


@pytest.mark.parametrize("words", [["info", "{}"], ["devices", "list"]], ids=" ".join)
def test_output_that_cannot_be_written_is_no_success(image: Path, words: list[str]) -> None:
    command = [sys.executable, "-m", "hardboot", *(word.format(image) for word in words)]
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, timeout=60, check=False)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("words", ["info x.img", "--json info x.img", "devices list"])
def test_output_that_finds_no_room_is_no_bug(image: Path, words: str, unbuffered: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "hardboot", *words.split()],
            cwd=image.parent,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        )
    assert done.returncode == 3
    assert done.stderr.splitlines()[0] == "hardboot: cannot write: No space left on device"
    assert len(done.stderr.splitlines()) == 3


@pytest.mark.parametrize(("closed", "code"), [(">&-", 0), (">&- 2>&-", 0), ("x >&- 2>&-", 2)])
def test_closed_streams_are_no_bug(image: Path, closed: str, code: int) -> None:
    command = f'"$0" -m hardboot info "$1" {closed}'
    done = subprocess.run(
        ["sh", "-c", command, sys.executable, image], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")

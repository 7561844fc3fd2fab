"""Programs that hardboot runs."""

import os
import sys
import time
from pathlib import Path

import pytest

from hardboot.base import process
from hardboot.base.errors import (
    ToolError,
)


def test_a_failed_program_is_shown_as_a_line_to_paste() -> None:
    script = "import sys; print('last words', file=sys.stderr); sys.exit(3)"
    with pytest.raises(ToolError, match="exited with 3") as caught:
        process.run([sys.executable, "-c", script], timeout_s=30)
    assert "last words" in caught.value.what
    assert "'import sys; print(" in caught.value.fix
    with pytest.raises(ToolError, match="SIGKILL"):
        process.run([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"], timeout_s=30)
    with pytest.raises(ToolError, match="cannot start"):
        process.run(["/nonexistent/program"], timeout_s=30)
    with pytest.raises(ToolError, match="apt-get install some-package"):
        raise_missing()


def raise_missing() -> None:
    try:
        process.find_tool("no-such-program", "some-package")
    except ToolError as error:
        raise ToolError(error.fix, state="", fix="") from error


@pytest.mark.parametrize("follow", [False, True])
def test_a_program_that_takes_too_long_is_ended_with_its_children(follow: bool, tmp_path: Path) -> None:
    script = f"sleep 60 & echo $! > {tmp_path / 'child'}; wait"
    with pytest.raises(ToolError, match="was killed: it took more than 1 s"):
        process.run(["sh", "-c", script], timeout_s=1, on_line=(lambda _line: None) if follow else None)
    child = int((tmp_path / "child").read_text())
    deadline = time.monotonic() + 10
    while Path(f"/proc/{child}").exists() and "Z" not in Path(f"/proc/{child}/stat").read_text().split()[2]:
        assert time.monotonic() < deadline, "a child was left behind"
        time.sleep(0.05)


def test_lines_arrive_as_they_come() -> None:
    seen: list[str] = []
    process.run(["sh", "-c", "echo out; echo err >&2"], timeout_s=30, on_line=seen.append)
    assert sorted(seen) == ["err", "out"]


def test_the_environment_of_a_program_is_added_to() -> None:
    script = "import os; print(os.environ['PATH'] != '', os.environ['HARDBOOT_TEST'])"
    out = process.run([sys.executable, "-c", script], timeout_s=30, env={"HARDBOOT_TEST": "yes"})
    assert out == f"True yes{os.linesep}".encode()


def test_the_last_lines_of_a_followed_program_are_in_its_error() -> None:
    script = "for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do echo line $n; done; exit 3"
    with pytest.raises(ToolError, match="exited with 3") as caught:
        process.run(["sh", "-c", script], timeout_s=30, on_line=lambda _line: None)
    lines = caught.value.what.splitlines()
    assert lines[1:] == [f"  line {number}" for number in range(4, 16)]


def test_programs_of_the_administrator_are_found_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert process.find_tool("mke2fs", "e2fsprogs") in ("/usr/sbin/mke2fs", "/sbin/mke2fs")

"""Run programs: with a time limit, without a shell, and with errors that give the command to paste."""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hardboot.base.errors import ToolError

_TAIL_LINES = 12


def find_tool(name: str, package: str) -> str:
    """Return the full path of program `name`, which Debian ships in `package`.

    Raises:
        ToolError: If it is not installed.
    """
    path = os.environ.get("PATH", os.defpath) + os.pathsep + "/usr/sbin" + os.pathsep + "/sbin"
    found = shutil.which(name, path=path)
    if found is None:
        raise ToolError(
            f"{name} is not installed",
            state="Nothing was changed.",
            fix=f"Install it, on Debian: apt-get install {package}",
        )
    return found


def run(
    command: Sequence[str | Path],
    *,
    timeout_s: float,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
    on_line: Callable[[str], None] | None = None,
) -> bytes:
    """Run `command` to its end and return its standard output.

    Args:
        command: Program and arguments; no shell is involved.
        timeout_s: The whole process group is killed after this many seconds.
        cwd: Working folder.
        env: Variables to add to the environment.
        stdin: What the program reads; None is empty input.
        on_line: Called with each line of its output and error output; the return value is then empty.

    Raises:
        ToolError: If it is missing, exits with a code other than 0, is killed, or takes too long.
    """
    words = [str(word) for word in command]
    child = _start(
        words,
        cwd=cwd,
        env={**os.environ, **env} if env else None,
        stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
        stderr=subprocess.STDOUT if on_line else subprocess.PIPE,
    )
    with child:
        try:
            if on_line:
                output, errors = b"", _follow(child, timeout_s, on_line)
            else:
                output, errors = child.communicate(stdin, timeout=timeout_s)
        except BaseException as error:
            _kill_group(child)
            if isinstance(error, subprocess.TimeoutExpired):
                raise _failed(words, f"was killed: it took more than {timeout_s:.0f} s", b"") from error
            raise
    if child.returncode:
        code = child.returncode
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exited with {code}"
        raise _failed(words, how, errors)
    return output


@dataclass(frozen=True)
class Ended:
    """How a program ended.

    Attributes:
        code: Its exit code; None if it was killed because it took too long.
        text: Its output and error output, mixed.
    """

    code: int | None
    text: str


def attempt(command: Sequence[str | Path], *, timeout_s: float) -> Ended:
    """Run `command` for an answer: any exit code is one, and so is none in time.

    Args:
        command: Program and arguments; no shell is involved.
        timeout_s: The whole process group is killed after this many seconds.

    Raises:
        ToolError: If it cannot be started.
    """
    child = _start([str(word) for word in command], stderr=subprocess.STDOUT)
    with child:
        try:
            output, _ = child.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            _kill_group(child)
            return Ended(None, "")
        except BaseException:
            _kill_group(child)
            raise
    return Ended(child.returncode, output.decode(errors="replace"))


def _start(words: Sequence[str], **options: Any) -> "subprocess.Popen[bytes]":
    """Start a program in a process group of its own, its output in a pipe."""
    try:
        return subprocess.Popen(
            words,
            **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "start_new_session": True, **options},
        )
    except OSError as error:
        raise ToolError(
            f"cannot start {words[0]}: {error.strerror or error}",
            state="The program did not run.",
            fix="Check that it is installed and can be executed.",
        ) from error


def _follow(child: "subprocess.Popen[bytes]", timeout_s: float, on_line: Callable[[str], None]) -> bytes:
    expired = threading.Event()

    def expire() -> None:
        expired.set()
        _kill_group(child)

    timer = threading.Timer(timeout_s, expire)
    timer.start()
    tail: list[bytes] = []
    assert child.stdout is not None
    try:
        for line in child.stdout:
            tail = [*tail[1 - _TAIL_LINES :], line]
            on_line(line.decode(errors="replace").rstrip("\n"))
        child.wait()
    finally:
        timer.cancel()
    if expired.is_set():
        raise subprocess.TimeoutExpired(child.args, timeout_s)
    return b"".join(tail)


def _kill_group(child: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _failed(words: Sequence[str], how: str, errors: bytes) -> ToolError:
    tail = errors.decode(errors="replace").strip().splitlines()[-_TAIL_LINES:]
    detail = "".join(f"\n  {line}" for line in tail)
    return ToolError(
        f"{words[0]} {how}{detail}",
        state="Its output may be missing or incomplete.",
        fix=f"Read its message. The command was: {shlex.join(words)}",
    )


def has_ended(process_id: int) -> bool:
    """Return whether no process of this computer has that ID; always False on Windows.

    There, os.kill with any signal ends the process.
    """
    if os.name == "nt":
        return False
    try:
        os.kill(process_id, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:
        return False
    return False

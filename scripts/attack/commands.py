"""The hardboot commands that run against the attacked phone."""

import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_COMMAND_S = 400  # of one command: it waits 180 s for a phone


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, negative for a signal, and the lines it printed."""

    code: int
    lines: list[str]

    @property
    def state(self) -> str:
        """The state that the error tells."""
        found = [line for line in self.lines if line.startswith("  state: ")]
        return found[-1].removeprefix("  state: ") if found else ""

    @property
    def what(self) -> str:
        """The error."""
        found = [line for line in self.lines if line.startswith("hardboot: ")]
        return found[-1].removeprefix("hardboot: ") if found else ""

    @property
    def shown(self) -> str:
        """The end in one line."""
        if not self.state:
            return f"exit code {self.code}" if self.code else "done"
        return f"exit code {self.code}: {self.what}: {self.state}"

    @property
    def text(self) -> str:
        """All it printed."""
        return "\n".join(self.lines)

    @property
    def bug(self) -> str | None:
        """What hardboot printed if it failed itself; None if it did not."""
        if "Traceback" in self.text or self.code == 1:
            return "a bug: " + " | ".join(self.lines[-3:])
        return None


def start(*words: str | Path, path: str = "") -> "subprocess.Popen[str]":
    """Start a hardboot command in a process group of its own; `path` goes before PATH."""
    return subprocess.Popen(
        [sys.executable, "-m", "hardboot", *map(str, words)],
        env=os.environ | {"PATH": path + os.environ["PATH"]},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def ended(process: "subprocess.Popen[str]", timeout_s: float = _COMMAND_S) -> Ended:
    """Wait for a command."""
    try:
        out, _ = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        out, _ = process.communicate()
        return Ended(-99, [*out.splitlines(), f"  state: it did not end within {timeout_s:.0f} s"])
    return Ended(process.returncode, out.splitlines())


def run(*words: str | Path, timeout_s: float = _COMMAND_S, path: str = "") -> Ended:
    """Run a hardboot command to its end."""
    return ended(start(*words, path=path), timeout_s)


def required(*words: str | Path, timeout_s: float = _COMMAND_S, code: int = 0) -> None:
    """Run a command that must end with `code`, or end the attack."""
    done = run(*words, timeout_s=timeout_s)
    if done.code != code:
        sys.exit(f"{shlex.join(map(str, words))} failed with {done.code}:\n" + "\n".join(done.lines[-8:]))

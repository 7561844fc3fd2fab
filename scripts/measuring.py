"""Measure commands and functions: peers take turns, and the median of the runs counts."""

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

RUNS = 11
TIMEOUT_S = 120
Command = list[str | Path]
HARDBOOT: Command = [Path(sys.executable).with_name("hardboot")]
# As installed: Python keeps what it compiled.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# Debian's programs run on Debian's own Python, not through the launcher of another one.
os.environ["PATH"] = f"/usr/bin:/bin:{os.environ['PATH']}"

_MEASURED = """
import re, sys
from hardboot.__main__ import run
if run(sys.argv[1:]):
    sys.exit(1)
found = re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())
print(found[1], file=sys.stderr)
"""


@dataclass(frozen=True)
class Row:
    """A row of the table: the value of hardboot, that of its peer, their ratio, and the goal."""

    what: str
    ours: str
    theirs: str = ""
    ratio: str = ""
    goal: str = "none"

    def cells(self) -> tuple[str, str, str, str, str]:
        """Return the cells."""
        return self.what, self.ours, self.theirs, self.ratio, self.goal


def compared(what: str, ours: float, theirs: float, goal: str, *, digits: int = 0) -> Row:
    """Return the row of two times in seconds."""
    shown = [f"{value * 1000:.{digits}f} ms" for value in (ours, theirs)]
    return Row(what, shown[0], shown[1], f"{ours / theirs:.2f}", goal)


def seconds(command: Command, before: Callable[[], object]) -> float:
    """Run a command and return how long it took; with a pipe, as Python polls every 50 ms without one."""
    before()
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=TIMEOUT_S)
    return time.perf_counter() - start


def peak_mb(*words: str | Path) -> float:
    """Run a hardboot command and return its peak memory, file pages included."""
    command: Command = [sys.executable, "-c", _MEASURED, *words]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=TIMEOUT_S)
    return int(done.stderr.splitlines()[-1]) * 1024 / 1e6


def race(*commands: Command, before: Callable[[], object] = lambda: None) -> list[float]:
    """Run commands in turn and return the median time of each."""
    rounds = [[seconds(command, before) for command in commands] for _ in range(RUNS)]
    return [statistics.median(times) for times in zip(*rounds, strict=True)]


def best(work: Callable[[], object]) -> float:
    """Return the median time of a function, in seconds."""
    found = []
    for _ in range(RUNS):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def table(rows: list[Row]) -> list[str]:
    """Return the lines of a table of rows, below the machine and its load."""
    return [
        f"Measured on {platform.system()} {platform.machine()} with {os.cpu_count()} CPUs, "
        f"Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}.",
        "",
        "| what | hardboot | peer | ratio | goal |",
        "|---|---|---|---|---|",
        *(f"| {' | '.join(row.cells())} |" for row in rows),
    ]

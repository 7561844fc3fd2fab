"""Time that only tests move: everything on the phone happens on it, and hardboot's own waiting moves it."""

import heapq
import math
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count

# What runs on the phone yields the seconds it sleeps, and returns its exit code.
Steps = Generator[float, None, int]
FOREVER = math.inf


@dataclass(eq=False)
class Process:
    """Something that runs on the phone, or its hardware."""

    pid: int
    name: str
    steps: Steps
    code: int | None = None  # None while it runs

    def kill(self) -> None:
        """End it where it stands."""
        if self.code is None:
            self.code = 137
            with suppress(ValueError):  # it runs right now, and ends at its next step
                self.steps.close()


@dataclass
class Clock:
    """Stands in for the module `time`; `sleep` lets the phone run meanwhile.

    Attributes:
        now: Seconds, of no known start.
        processes: All that were started and have not ended.
    """

    now: float = 1000.0
    processes: list[Process] = field(default_factory=list)
    _due: list[tuple[float, int, Process]] = field(default_factory=list, repr=False)
    _numbers: "count[int]" = field(default_factory=lambda: count(100), repr=False)

    def monotonic(self) -> float:
        """As time.monotonic()."""
        return self.now

    def time(self) -> float:
        """As time.time(): some day in 2027."""
        return 1_800_000_000.0 + self.now

    def sleep(self, seconds: float) -> None:
        """As time.sleep()."""
        self.run(self.now + seconds)

    def start(self, name: str, steps: Steps, *, after_s: float = 0) -> Process:
        """Let `steps` run from `after_s` seconds from now on."""
        process = Process(next(self._numbers), name, steps)
        self.processes.append(process)
        heapq.heappush(self._due, (self.now + after_s, process.pid, process))
        return process

    def run(self, until: float, *, done: Process | None = None) -> None:
        """Run what is due up to `until`, or until the process `done` has ended and nothing else is due."""
        while self._due and self._due[0][0] <= (until if done is None or done.code is None else self.now):
            due, _, process = heapq.heappop(self._due)
            self.now = max(self.now, due)
            if process.code is None:
                self._step(process)
        if done is None or done.code is None:
            self.now = max(self.now, until)

    def _step(self, process: Process) -> None:
        try:
            seconds = next(process.steps)
        except StopIteration as end:
            process.code = end.value
        else:
            if process.code is None and seconds != FOREVER:
                heapq.heappush(self._due, (self.now + seconds, next(self._numbers), process))
        self.processes = [one for one in self.processes if one.code is None]

"""Restarts that were measured, and what follows from them."""

import statistics
from dataclasses import dataclass
from typing import Any

from hardboot.device.handset import KernelIdentity

REBOOT, HARDBOOT, SOFT = "reboot", "hardboot", "soft"
_PHASES = ("quiesce", "reset", "kernel", "userland")


def phases_of(method: str) -> tuple[str, ...]:
    """Return the phases of a restart: soft kexec jumps into the new kernel instead of a reset."""
    return tuple("kexec" if method == SOFT and name == "reset" else name for name in _PHASES)


@dataclass(frozen=True)
class Run:
    """One restart.

    Attributes:
        method: REBOOT, HARDBOOT or SOFT.
        seconds: From the command to a root shell of the new kernel.
        phases: Seconds of each of `phases_of`; those that cannot be told apart are joined, their names by +.
    """

    method: str
    seconds: float
    phases: dict[str, float]


@dataclass(frozen=True)
class Bench:
    """All runs, and the kernels they ended in: of the boot partition, and of the image."""

    runs: tuple[Run, ...]
    host: KernelIdentity
    image: str
    guest: KernelIdentity | None

    def of(self, method: str) -> list[Run]:
        """Return the runs of one method, the quickest first."""
        return sorted((run for run in self.runs if run.method == method), key=lambda run: run.seconds)

    @property
    def methods(self) -> list[str]:
        """The methods that were measured, in this order."""
        return list(dict.fromkeys(run.method for run in self.runs))

    def median(self, method: str) -> float:
        """Return the median of the seconds of one method."""
        return statistics.median(run.seconds for run in self.of(method))

    def typical(self, method: str) -> Run:
        """Return the run in the middle: its phases add up, medians of phases would not."""
        runs = self.of(method)
        return runs[(len(runs) - 1) // 2]

    def ratio(self, method: str) -> float:
        """Return the median relative to that of a full reboot."""
        return self.median(method) / self.median(REBOOT)

    def document(self) -> dict[str, Any]:
        """Return the runs as JSON has them."""
        return {
            "runs": [
                {
                    "way": run.method,
                    "seconds": round(run.seconds, 3),
                    "phases": {name: round(seconds, 3) for name, seconds in run.phases.items()},
                }
                for run in self.runs
            ],
            "median": {method: round(self.median(method), 3) for method in self.methods},
            "ratio": {method: round(self.ratio(method), 3) for method in self.methods},
        }

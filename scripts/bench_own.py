"""Measure hardboot's own share of a boot on a virtual phone, by phase: all but the reset and what follows."""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hardboot.device.connection import open_transport

TIMEOUT_S = 3600
AFTER_RESET = "reset and boot"
# Uptime in seconds, and when each process of adbd started, in hundredths.
_STARTED = "cat /proc/uptime; for p in $(pidof adbd); do cut -d' ' -f22 /proc/$p/stat 2>/dev/null; done"


@dataclass(frozen=True)
class OwnShare:
    """Seconds of hardboot's own in one boot.

    Attributes:
        phases: By name: those before the reset, "program" for what belongs to none of them, and "notice" from
            the guest's adbd on.
        pushed_bytes: Bytes that were sent.
    """

    phases: dict[str, float]
    pushed_bytes: int

    @property
    def seconds(self) -> float:
        """Return the whole share, without "program"."""
        return sum(seconds for name, seconds in self.phases.items() if name != "program")


def hardboot(*words: str | Path, state: Path) -> str:
    """Run a hardboot command, with its steps on the terminal, and return what it prints."""
    command = [sys.executable, "-m", "hardboot", *map(str, words)]
    environment = {**os.environ, "XDG_STATE_HOME": str(state), "ANDROID_ADB_SERVER_PORT": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # as installed: Python keeps what it compiled
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment, timeout=TIMEOUT_S)
    return done.stdout.decode()


def measure(image: Path, serial: str, state: Path) -> OwnShare:
    """Boot an image, return to the host, and return the share of hardboot.

    Args:
        image: Booted on the only virtual phone.
        serial: Of that phone, which runs its host kernel.
        state: Folder of hardboot's state.
    """
    start = time.monotonic()
    done = json.loads(hardboot("--json", "boot", image, state=state))
    end = time.monotonic()
    phases = {phase["name"]: phase["seconds"] for phase in done["phases"]}
    own = {name: seconds for name, seconds in phases.items() if name != AFTER_RESET}
    own["program"] = end - start - sum(phases.values())
    own["notice"] = end - _adbd_started(serial)
    hardboot("reboot", state=state)
    return OwnShare(own, done["pushed_bytes"])


def _adbd_started(serial: str) -> float:
    """Return when the phone's adbd started, on this computer's clock."""
    transport = open_transport(serial)
    try:
        asked = time.monotonic()
        uptime, _, *started = transport.shell(_STARTED, timeout_s=TIMEOUT_S).text.split()
        return (asked + time.monotonic()) / 2 - float(uptime) + min(map(int, started)) / 100
    finally:
        transport.close()


def table(shares: list[OwnShare]) -> Iterator[str]:
    """Yield the lines of a table: the first boot, and the median, least and most of the later ones."""
    first, *later = shares
    yield "| phase | first boot | later boots | least | most |"
    yield "|---|---|---|---|---|"
    for name in first.phases:
        values = [share.phases[name] for share in later]
        yield _row(name, first.phases[name], values)
    yield _row("all but program", first.seconds, [share.seconds for share in later])
    sent = [share.pushed_bytes for share in later]
    yield f"| bytes sent | {first.pushed_bytes} | {max(sent)} | | |"


def _row(name: str, first: float, values: list[float]) -> str:
    shown = (first, statistics.median(values), min(values), max(values))
    return f"| {name} | {' | '.join(f'{value:.2f} s' for value in shown)} |"

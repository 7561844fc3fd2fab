"""Measure hardboot's own share of a boot on a virtual phone, by phase: all but the reset and what follows...

python scripts/bench_own.py [DEVICE] [ROUNDS]
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hardboot.device.connection import open_transport

ROUNDS = 5
TIMEOUT_S = 3600
AFTER_RESET = ("reset and boot", "start")
# Uptime in seconds, and when each process of adbd started, in hundredths.
_STARTED = "cat /proc/uptime; for p in $(pidof adbd); do cut -d' ' -f22 /proc/$p/stat; done"


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
        """Return the whole share."""
        return sum(self.phases.values())


class Phone:
    """A virtual phone with a host kernel, below the state folder `state`."""

    def __init__(self, state: Path, device: str) -> None:
        self._state = state
        self.device = device

    def run(self, *words: str | Path) -> str:
        """Run a hardboot command and return what it prints."""
        command = [sys.executable, "-m", "hardboot", *map(str, words)]
        environment = {**os.environ, "XDG_STATE_HOME": str(self._state), "ANDROID_ADB_SERVER_PORT": "1"}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # as installed: Python keeps what it compiled
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment, timeout=TIMEOUT_S)
        return done.stdout.decode()

    def document(self, *words: str | Path) -> Any:
        """Run a hardboot command and return its JSON."""
        return json.loads(self.run("--json", *words))

    def measure_boot(self, image: Path) -> OwnShare:
        """Boot an image, return to the host, and return the share of hardboot."""
        serial = self.document("virtual", "status", "--name", self.device)["serial"]
        start = time.monotonic()
        done = self.document("boot", image)
        end = time.monotonic()
        phases = {phase["name"]: phase["seconds"] for phase in done["phases"]}
        own = {name: seconds for name, seconds in phases.items() if name not in AFTER_RESET}
        own["program"] = end - start - sum(phases.values())
        own["notice"] = end - _adbd_started(serial)
        self.run("reboot")
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
    yield _row("all", first.seconds, [share.seconds for share in later])
    sent = [share.pushed_bytes for share in later]
    yield f"| bytes sent | {first.pushed_bytes} | {max(sent)} | | |"


def _row(name: str, first: float, values: list[float]) -> str:
    shown = (first, statistics.median(values), min(values), max(values))
    return f"| {name} | {' | '.join(f'{value:.2f} s' for value in shown)} |"


def main(device: str = "virt-arm", rounds: str = str(ROUNDS)) -> None:
    """Give a new virtual phone a host kernel, boot its own image several times, and print the table."""
    with tempfile.TemporaryDirectory(prefix="hb-") as name:
        state = Path(name)
        phone = Phone(state, device)
        tree, kernel, image = state / "linux", state / "kernel", state / "host.img"
        phone.run("virtual", "start", "--device", device)
        try:
            factory = Path(phone.document("virtual", "status", "--name", device)["factory_image"])
            phone.run("virtual", "source", tree)
            phone.run("patch", "apply", tree, "--device", device)
            phone.run("virtual", "kernel", tree, "--arch", device.removeprefix("virt-"), "-o", kernel)
            boot = factory / "boot.img" if factory.is_dir() else factory
            phone.run("host-image", boot, "--kernel", kernel, "-o", image)
            phone.run("flash-host-kernel", image, "--yes", "--reboot")
            shares = [phone.measure_boot(factory) for _ in range(int(rounds) + 1)]
        finally:
            phone.run("virtual", "stop", "--name", device)
    print("\n".join(table(shares)))


if __name__ == "__main__":
    main(*sys.argv[1:])

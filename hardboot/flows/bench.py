"""How long each way to restart a phone takes, measured in one run, from the command to a root shell again.

The ways take turns, so that what slows the phone or this computer slows all of them. What hardboot starts is
loaded beforehand: loading ahead is what kexec is for.
"""

import re
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hardboot.base import log
from hardboot.base.errors import DeviceError, DeviceStateError, RefusedError
from hardboot.base.files import write_atomic
from hardboot.device import cpus, host, record
from hardboot.device.phone import KernelIdentity, Phone
from hardboot.flows import load, rom
from hardboot.flows.execute import execute
from hardboot.flows.journal import Journal
from hardboot.flows.restart import leave, wait_for_change
from hardboot.flows.rom import Rom

REBOOT, HARDBOOT, SOFT = "reboot", "hardboot", "soft"
PHASES = ("quiesce", "reset", "kernel", "userland")

_STAMP = r"^(?:<\d+>)?\[ *(\d+\.\d+)\] "
# init/main.c: run_init_process(), free_initmem() of arch/arm/mm/init.c before it said that.
_INIT = re.compile(_STAMP + r"(?:Run \S+ as init process|Freeing (?:unused kernel|init) )", re.MULTILINE)
# The last line of a kernel that is left: kernel/reboot.c, kernel_restart(); kernel/kexec_core.c (kexec.c
# before 4.3), kernel_kexec(), and machine_kexec() of arch/arm.
_LAST = re.compile(
    _STAMP + r"(?:reboot: |kexec_core: |kexec: )?(?:Restarting system|Starting new kernel|Bye!)", re.MULTILINE
)


@dataclass(frozen=True)
class Run:
    """One restart.

    Attributes:
        way: REBOOT, HARDBOOT or SOFT.
        seconds: From the command to a root shell of the new kernel.
        phases: Seconds of each of PHASES; two that cannot be told apart are one, their names joined by +.
    """

    way: str
    seconds: float
    phases: dict[str, float]


@dataclass(frozen=True)
class Bench:
    """All runs, and which kernels they ended in: of the boot partition, and of the image."""

    runs: tuple[Run, ...]
    host: KernelIdentity
    image: str
    guest: KernelIdentity | None

    def of(self, way: str) -> list[Run]:
        """The runs of one way, the quickest first."""
        return sorted((run for run in self.runs if run.way == way), key=lambda run: run.seconds)

    @property
    def ways(self) -> list[str]:
        """What was measured, in this order."""
        return list(dict.fromkeys(run.way for run in self.runs))

    def median(self, way: str) -> float:
        """Of the seconds of one way."""
        return statistics.median(run.seconds for run in self.of(way))

    def typical(self, way: str) -> Run:
        """The run in the middle: its phases add up, those of several runs do not."""
        runs = self.of(way)
        return runs[(len(runs) - 1) // 2]

    def ratio(self, way: str) -> float:
        """The median against that of a full reboot."""
        return self.median(way) / self.median(REBOOT)

    def document(self) -> dict[str, Any]:
        """The runs as JSON has them."""
        return {
            "runs": [
                {
                    "way": run.way,
                    "seconds": round(run.seconds, 3),
                    "phases": {name: round(seconds, 3) for name, seconds in run.phases.items()},
                }
                for run in self.runs
            ],
            "median": {way: round(self.median(way), 3) for way in self.ways},
            "ratio": {way: round(self.ratio(way), 3) for way in self.ways},
        }


def own_image(phone: Phone, folder: Path) -> Rom:
    """The image in the phone's own boot partition: a guest of the very kernel that a full reboot starts."""
    with log.step("Reading the phone's own boot image"):
        data = phone.pull_partition("boot")
    path = folder / "own-boot.img"
    write_atomic(path, [data])
    return rom.read(path)


def ways(phone: Phone, *, untested: bool) -> tuple[str, ...]:
    """The ways this phone supports; says why one is left out."""
    found = [REBOOT]
    try:
        host.look(phone)
        found.append(HARDBOOT)
    except RefusedError as error:
        log.warn(f"hardboot is left out: {error.what}")
    try:
        load.check_soft(phone, untested=untested)
        cpus.check(phone)
        found.append(SOFT)
    except RefusedError as error:
        log.warn(f"soft is left out: {error.what}")
    return tuple(found)


def bench(phone: Phone, image: Rom, order: Sequence[str], *, rounds: int, wait_s: float) -> Bench:
    """Restart the phone `rounds` times by each way of `order`; it runs its host kernel before and after.

    Raises:
        DeviceError: If another kernel came up than should have.
        DeviceStateError: If the phone does not come back.
    """
    runs: list[Run] = []
    guest = None
    before = phone.kernel()
    for number in range(rounds):
        for way in order:
            before = _home(phone, before, wait_s)
            run, now = _once(phone, image, way, before, wait_s)
            runs.append(run)
            log.say(f"round {number + 1} of {rounds}: {way} {run.seconds:.2f} s")
            before = now
            guest = guest if way == REBOOT else now
    return Bench(tuple(runs), _home(phone, before, wait_s), image.path.name, guest)


def own_bench(phone: Phone, order: Sequence[str], *, rounds: int, wait_s: float) -> Bench:
    """`bench` with the phone's own boot image."""
    with tempfile.TemporaryDirectory() as folder:
        return bench(phone, own_image(phone, Path(folder)), order, rounds=rounds, wait_s=wait_s)


def _home(phone: Phone, now: KernelIdentity, wait_s: float) -> KernelIdentity:
    """The host kernel, restarted into if a guest runs."""
    if not record.is_guest(now):
        return now
    leave(phone)
    return _back(wait_for_change(phone, now, wait_s=wait_s), wait_s)


def _back(found: KernelIdentity | None, wait_s: float) -> KernelIdentity:
    if found is None:
        raise DeviceStateError(
            f"the phone did not come back within {wait_s:.0f} s after a restart",
            state="Nothing was flashed.",
            fix="Look at its screen; hold the power button for 10 s to restart it.",
        )
    if record.is_guest(found):
        raise DeviceError(
            f"a full reboot ended in a guest ({found.release})",
            state="Nothing was flashed.",
            fix="Restart the phone and look: hardboot status",
        )
    return found


def _once(
    phone: Phone, image: Rom, way: str, before: KernelIdentity, wait_s: float
) -> tuple[Run, KernelIdentity]:
    """Restart once; the times are those of this computer's clock."""
    rested: float | None = None
    if way == REBOOT:
        old_start = _kernel_start(phone)
        start = time.monotonic()
        leave(phone)
        now = _back(wait_for_change(phone, before, wait_s=wait_s), wait_s)
        end = time.monotonic()
    else:
        journal = Journal(phone.profile.name, phone.serialno)
        prepared = load.prepare(phone, image, journal, soft=way == SOFT)
        load.load(phone, prepared, journal)
        journal.phases.clear()
        old_start = _kernel_start(phone)
        start = time.monotonic()
        execute(phone, journal, wait_s=wait_s)
        assert journal.guest is not None
        now = journal.guest
        *first, _ = (one.seconds for one in journal.phases)
        rested = start + sum(first)
        end = start + sum(one.seconds for one in journal.phases)
    begun = _kernel_start(phone)
    left = _stamp(phone, "cat /sys/fs/pstore/console-ramoops*", _LAST)
    if left is not None:  # else, of hardboot's own ways, when the last command of the old kernel had ended
        rested = old_start + left
    init = _stamp(phone, "dmesg", _INIT)
    marks = (start, rested, begun, None if init is None else begun + init, end)
    return Run(way, end - start, dict(_split(marks))), now


def _split(marks: Sequence[float | None]) -> Iterator[tuple[str, float]]:
    """The phases between marks; where one is missing or out of order, two are one."""
    last, names = marks[0], []
    assert last is not None
    for name, mark in zip(PHASES, marks[1:], strict=True):
        names.append(name)
        if mark is not None and mark >= last:
            yield "+".join(names), mark - last
            last, names = mark, []


def _kernel_start(phone: Phone) -> float:
    """When the running kernel's clock was 0, on this computer's clock; by then it has unpacked itself."""
    asked = time.monotonic()
    uptime = float(phone.read("cat /proc/uptime").split()[0])
    return (asked + time.monotonic()) / 2 - uptime


def _stamp(phone: Phone, command: str, line: re.Pattern[str]) -> float | None:
    """The kernel's own seconds at the last such line of what `command` prints; None if there is none."""
    found = line.findall(phone.root(f"{command} 2>/dev/null").text.replace("\r", ""))
    return float(found[-1]) if found else None

"""Measure how long each restart method takes, from the command to a root shell of the new kernel.

The methods take turns, so that what slows the phone or this computer slows all of them. The image is loaded
before the clock starts: to load ahead is the purpose of kexec.
"""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext

from hardboot.base import log
from hardboot.base.errors import DeviceError, DeviceStateError, RefusedError
from hardboot.device import cpus, host, record
from hardboot.device.handset import KernelIdentity
from hardboot.device.phone import Phone
from hardboot.flows import load
from hardboot.flows.bench_runs import HARDBOOT, REBOOT, SOFT, Bench, Run, phases_of
from hardboot.flows.execute import execute
from hardboot.flows.journal import Journal
from hardboot.flows.restart import reboot_and_wait
from hardboot.flows.rom import Rom

Recorded = Callable[[Journal], AbstractContextManager[None]]
_STAMP = r"^(?:<\d+>)?\[ *(\d+\.\d+)\] "
# init/main.c: run_init_process(), free_initmem() of arch/arm/mm/init.c before it said that.
_INIT = re.compile(_STAMP + r"(?:Run \S+ as init process|Freeing (?:unused kernel|init) )", re.MULTILINE)
# The last line of a kernel that is left: kernel/reboot.c, kernel_restart(); kernel/kexec_core.c (kexec.c
# before 4.3), kernel_kexec(), and machine_kexec() of arch/arm.
_LAST = re.compile(
    _STAMP + r"(?:reboot: |kexec_core: |kexec: )?(?:Restarting system|Starting new kernel|Bye!)", re.MULTILINE
)


def _unrecorded(_journal: Journal) -> AbstractContextManager[None]:
    return nullcontext()


def supported_methods(phone: Phone, *, untested: bool) -> tuple[str, ...]:
    """Return the methods this phone supports; warn of one that it does not.

    Args:
        phone: The phone, running its host kernel.
        untested: Also allow soft kexec if it has never been tested on such a phone.

    Raises:
        DeviceError: If the phone does not answer.
    """
    methods = [REBOOT]
    try:
        host.look(phone)
        methods.append(HARDBOOT)
    except RefusedError as error:
        log.warn(f"skipping hardboot: {error.what}")
    try:
        load.check_soft(phone, untested=untested)
        cpus.check(phone)
        methods.append(SOFT)
    except RefusedError as error:
        log.warn(f"skipping soft kexec: {error.what}")
    return tuple(methods)


def bench(
    phone: Phone,
    image: Rom,
    methods: Sequence[str],
    *,
    rounds: int,
    wait_s: float,
    recorded: Recorded = _unrecorded,
) -> Bench:
    """Restart the phone `rounds` times by each method; it runs its host kernel before and after.

    Args:
        phone: The phone.
        image: The guest.
        methods: REBOOT, HARDBOOT, SOFT.
        rounds: How often by each.
        wait_s: Seconds to wait at most for each.
        recorded: Keeps a record of what goes wrong with a guest.

    Raises:
        DeviceError: If the wrong kernel came up.
        DeviceStateError: If the phone does not come back.
    """
    runs: list[Run] = []
    guest = None
    now = phone.kernel()
    for number in range(rounds):
        for method in methods:
            before = return_to_host(phone, now, wait_s)
            run, now = measure(phone, image, method, before, wait_s, recorded)
            runs.append(run)
            log.say(f"round {number + 1} of {rounds}: {method} {run.seconds:.2f} s")
            guest = guest if method == REBOOT else now
    return Bench(tuple(runs), return_to_host(phone, now, wait_s), image.path.name, guest)


def return_to_host(phone: Phone, now: KernelIdentity, wait_s: float) -> KernelIdentity:
    """Reboot to the host if a guest runs; return the host kernel.

    Args:
        phone: The phone.
        now: The kernel that is running.
        wait_s: Seconds to wait at most.

    Raises:
        DeviceError: If the reboot ended in a guest.
        DeviceStateError: If the phone does not come back.
    """
    if not record.is_guest(now):
        return now
    return _require_host(reboot_and_wait(phone, now, wait_s=wait_s), wait_s)


def _require_host(kernel: KernelIdentity | None, wait_s: float) -> KernelIdentity:
    if kernel is None:
        raise DeviceStateError(
            f"the phone did not come back within {wait_s:.0f} s after a restart",
            state="Nothing was flashed.",
            fix="Look at its screen; hold the power button for 10 s to restart it.",
        )
    if record.is_guest(kernel):
        raise DeviceError(
            f"a full reboot ended in a guest ({kernel.release})",
            state="Nothing was flashed.",
            fix="Restart the phone, then check: hardboot status",
        )
    return kernel


def measure(
    phone: Phone,
    image: Rom,
    method: str,
    before: KernelIdentity,
    wait_s: float,
    recorded: Recorded = _unrecorded,
) -> tuple[Run, KernelIdentity]:
    """Restart once by `method`; the times are those of this computer's clock.

    Args:
        phone: The phone, running its host kernel.
        image: The guest.
        method: REBOOT, HARDBOOT or SOFT.
        before: The kernel that is running.
        wait_s: Seconds to wait at most.
        recorded: See `bench`.

    Returns:
        The run, and the kernel that came up.

    Raises:
        RefusedError: If the image cannot be loaded.
        DeviceError: If the wrong kernel came up.
        DeviceStateError: If the phone does not come back.
    """
    quiesced: float | None = None
    if method == REBOOT:
        old_start = _kernel_start(phone)
        start = time.monotonic()
        now = _require_host(reboot_and_wait(phone, before, wait_s=wait_s), wait_s)
        end = time.monotonic()
    else:
        journal = Journal(phone.profile.name, phone.serialno)
        with recorded(journal):
            prepared = load.prepare(phone, image, journal, soft=method == SOFT)
            load.load(phone, prepared, journal)
            journal.phases.clear()
            old_start = _kernel_start(phone)
            start = time.monotonic()
            execute(phone, journal, wait_s=wait_s)
        assert journal.guest is not None
        now = journal.guest
        *first, _ = (phase.seconds for phase in journal.phases)
        quiesced = start + sum(first)
        end = start + sum(phase.seconds for phase in journal.phases)
    new_start = _kernel_start(phone)
    left = _log_time(phone, "cat /sys/fs/pstore/console-ramoops*", _LAST)
    if left is not None:  # else, for hardboot's own methods, the end of the last command of the old kernel
        quiesced = old_start + left
    init = _log_time(phone, "dmesg", _INIT)
    marks = (start, quiesced, new_start, None if init is None else new_start + init, end)
    return Run(method, end - start, dict(_split(phases_of(method), marks))), now


def _split(phases: Sequence[str], marks: Sequence[float | None]) -> Iterator[tuple[str, float]]:
    """Return the phases between marks; a mark that is missing or out of order joins two phases."""
    last, names = marks[0], []
    assert last is not None
    for name, mark in zip(phases, marks[1:], strict=True):
        names.append(name)
        if mark is not None and mark >= last:
            yield "+".join(names), mark - last
            last, names = mark, []


def _kernel_start(phone: Phone) -> float:
    """Return when the running kernel's clock was 0 (after it unpacked itself), on this computer's clock."""
    asked = time.monotonic()
    text = phone.read("cat /proc/uptime")
    seconds = re.match(r"\d{1,12}(?:\.\d{1,6})?\b", text)
    if not seconds:
        raise DeviceError(
            f"/proc/uptime on the phone holds no time: {text[:40]!r}",
            state="Nothing was flashed.",
            fix="Look at it on the phone: adb shell cat /proc/uptime",
        )
    uptime = float(seconds[0])
    return (asked + time.monotonic()) / 2 - uptime


def _log_time(phone: Phone, command: str, line: re.Pattern[str]) -> float | None:
    """Return the kernel's seconds at the last such line of a kernel log; None if there is none.

    Args:
        phone: The phone.
        command: Prints the log.
        line: Its first group are the seconds.
    """
    times = line.findall(phone.root(f"{command} 2>/dev/null").text)
    return float(times[-1]) if times else None

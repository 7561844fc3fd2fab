"""The panic kernel: it waits in memory set aside for it, and starts when the running kernel crashes.

Nothing but that memory is written. The bootloader does not run: no reset, and RAM keeps what it holds.
"""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from hardboot import devicetree, layout
from hardboot.base import cmdline as cmdlines
from hardboot.base import log
from hardboot.base.cmdline import CommandLine
from hardboot.base.errors import DeviceError, DeviceStateError, RefusedError
from hardboot.base.memory import PAGE_SIZE, Range
from hardboot.base.sizes import align_up
from hardboot.crash import pull as dump
from hardboot.crash.elfcorehdr import CRASHKERNEL, Running, describe, look
from hardboot.device import host, record
from hardboot.device.phone import Phone, connect
from hardboot.flows import boot, planning
from hardboot.flows import load as loading
from hardboot.flows import rom as roms
from hardboot.flows.journal import HOST_CAME_BACK, PHONE_SILENT, Journal
from hardboot.flows.restart import run_detached, wait_for_change
from hardboot.flows.rom import Rom
from hardboot.layout import BootPlan, Segment
from hardboot.payload import agent, agent_errors

# At the end of the region, and none of the panic kernel's RAM: ARM kernels map it as they map the old memory.
_HEADER_ROOM = 2 << 20  # bytes; kernels map RAM in pieces of 2 MiB
# The other CPUs still run in the crashed kernel; drivers are to expect devices that were not shut down.
_OWN_WORDS = "maxcpus=1 reset_devices"
_PANIC_S = 5  # seconds a kernel waits after a panic, if it would wait for ever

CAPTURE_UP = "capture-up"
RESTARTED = "restarted"
_SETTLE_S = 10.0  # a kernel that still answers after this did not crash
_LOAD_TIMEOUT_S = 120.0
_POLL_S = 0.5
_SYNC_S = 30.0


@dataclass(frozen=True)
class Prepared:
    """A panic kernel planned for a connected phone."""

    rom: Rom
    plan: BootPlan
    running: Running
    tree_reason: str
    cmdline: CommandLine


def prepare(phone: Phone, rom: Rom, journal: Journal, *, append: str | None = None) -> Prepared:
    """Plan a panic kernel for the running kernel; nothing is pushed.

    Args:
        phone: The phone; whatever kernel runs is the one that may crash.
        rom: Kernel and ramdisk that are to look at it then.
        journal: Takes the phases.
        append: Words behind its command line.

    Raises:
        RefusedError: If no memory is set aside, or the planner refuses.
        DeviceError: If there is no root, or the phone does not answer.
    """
    with journal.phase("check"), log.step("Checking the phone"):
        journal.host = phone.kernel()
        running = look(phone)
        live_tree = phone.device_tree()
    with journal.phase("plan"), log.step("Planning"):
        if running.region.size <= 2 * _HEADER_ROOM:
            raise RefusedError(
                f"the memory set aside is too small: {running.region}",
                state="Nothing was sent.",
                fix=f"Give the running kernel more: {CRASHKERNEL}.",
            )
        usable = Range(running.region.start, running.region.end - _HEADER_ROOM, "memory of the panic kernel")
        data = describe(running)
        elf_header = Range.sized(usable.end, align_up(len(data), PAGE_SIZE), "elfcorehdr")
        own = f"elfcorehdr={elf_header.start:#x} mem={usable.size >> 10}K@{usable.start:#x} {_OWN_WORDS}"
        parts = [
            (cmdlines.ROM, rom.cmdline),
            (cmdlines.BOOTLOADER, _bootloader_words(phone, journal.host.cmdline)),
            (cmdlines.APPENDED, append),
            (cmdlines.MARK, own),
        ]
        line = cmdlines.compose(rom.cmdline, parts, size=cmdlines.SIZES[phone.profile.arch])
        choice = devicetree.choose(rom.trees, phone.profile, live_tree)
        tree = choice.tree and devicetree.for_panic_kernel(choice.tree, elf_header=elf_header, memory=usable)
        guest = rom.guest(tree=tree, live_tree=live_tree, cmdline=line.text)
        plan = layout.plan_panic_kernel(phone.profile, guest, usable)
        header = Segment(elf_header.name, elf_header.start, data, elf_header.size)
        plan = replace(plan, segments=(*plan.segments, header))
    return Prepared(rom, plan, running, choice.reason, line)


def load(phone: Phone, prepared: Prepared, journal: Journal) -> None:
    """Push the panic kernel into the memory set aside for it, instead of what is there. The phone runs on.

    Raises:
        DeviceError: If something did not arrive or the kernel refused it; no panic kernel is loaded then.
    """
    plan = prepared.plan
    try:
        with journal.phase("ask"), log.step("Asking the running kernel"):
            if host.ask(phone, None).kexec_crash_loaded:
                journal.replaced = "a panic kernel"
                log.warn("this replaces the panic kernel that is loaded")
        with journal.phase("push"), tempfile.TemporaryDirectory() as folder:
            segments, _ = loading.push(phone, plan.segments, journal, Path(folder))
        with journal.phase("load"), log.step("Loading the panic kernel"):
            output = phone.root(
                agent.load_command(host.AGENT, agent.KEXEC_ON_CRASH, plan.entry, segments),
                timeout_s=_LOAD_TIMEOUT_S,
            )
            if output.code:
                raise agent_errors.failure("load", output.text)
    finally:
        phone.clean()


def unload(phone: Phone) -> bool:
    """Drop the panic kernel; returns False if there was none.

    Raises:
        DeviceError: If there is no root, or the kernel refused.
    """
    try:
        was_loaded = host.ask(phone, None).kexec_crash_loaded is not False
        output = phone.root(agent.unload_command(host.AGENT, agent.KEXEC_ON_CRASH))
        if output.code:
            raise agent_errors.failure("unload", output.text)
    finally:
        phone.clean()
    return was_loaded


def add_crashkernel(phone: Phone, journal: Journal, *, wait_s: float) -> None:
    """Boot the phone's own system from RAM, with memory set aside for a panic kernel; nothing is flashed.

    Raises:
        RefusedError: If the running kernel is no host.
        DeviceError: If the boot partition cannot be read, or the host came back without the memory.
        DeviceStateError: If the phone stays silent.
    """
    if any(word.startswith("crashkernel=") for word in phone.kernel().cmdline.split()):
        log.say("The running kernel has crashkernel= on its command line already.")
        return
    with tempfile.TemporaryDirectory() as folder:
        with log.step("Reading the boot partition"):
            content = phone.pull_partition("boot")
        image = Path(folder) / "boot-partition.img"
        image.write_bytes(content)
        rom = roms.read(image)
        prepared = loading.prepare(phone, rom, journal, append=CRASHKERNEL)
        boot.boot(phone, prepared, journal, wait_s=wait_s)


def is_loaded(phone: Phone) -> bool:
    """True if a panic kernel waits."""
    return phone.root("cat /sys/kernel/kexec_crash_loaded").text.strip() == "1"


@contextmanager
def captured(serial: str | None, device: str | None, *, wait_s: float) -> Iterator[Phone]:
    """The phone, as soon as a panic kernel runs on it.

    Raises:
        RefusedError: If another kernel runs, and no panic kernel waits.
        DeviceError: If none answers within `wait_s` seconds.
    """
    deadline = time.monotonic() + wait_s
    with log.step("Waiting for the panic kernel"):
        phone = _wait_for_capture(serial, device, deadline)
    try:
        yield phone
    finally:
        phone.transport.close()


def _wait_for_capture(serial: str | None, device: str | None, deadline: float) -> Phone:
    while True:
        try:
            phone = connect(serial, device)
            if dump.is_there(phone):
                return phone
            release, waiting = phone.kernel().release, is_loaded(phone)
            phone.transport.close()
            if not waiting:
                raise RefusedError(
                    f"there is no dump: the running kernel {release} was not started by a panic",
                    state="Nothing was written.",
                    fix="Load a panic kernel before the next crash: hardboot load --panic IMAGE",
                )
            problem = DeviceError(
                f"the kernel {release} runs on: it has not crashed",
                state="Nothing was written.",
                fix="Crash it: hardboot crash trigger",
            )
        except DeviceError as error:
            problem = error
        if time.monotonic() > deadline:
            raise problem
        time.sleep(_POLL_S)


def trigger(phone: Phone, journal: Journal, *, wait_s: float) -> None:
    """Crash the running kernel, and see what comes up: the panic kernel, or the bootloader's own.

    Raises:
        DeviceStateError: If the phone stays silent, or does not crash.
        DeviceError: If a panic kernel was loaded, and the host kernel came back instead.
    """
    waiting = is_loaded(phone)
    journal.host = before = phone.kernel()
    with journal.phase("crash"), log.step("Crashing the running kernel, waiting for the next one"):
        # A kernel that would stand still for ever is given a time, so that it restarts if nothing starts.
        patience = f"[ $(cat /proc/sys/kernel/panic) != 0 ] || echo {_PANIC_S} > /proc/sys/kernel/panic"
        crash = "(sleep 0.2; echo c > /proc/sysrq-trigger) </dev/null >/dev/null 2>&1 &"
        run_detached(phone, f"sync; {patience}; {crash}", timeout_s=_SYNC_S)

        def still(seconds: float) -> None:
            if seconds > _SETTLE_S:
                raise DeviceStateError(
                    "the phone did not crash: its kernel runs on",
                    state="Nothing was flashed.",
                    fix="See whether it has SysRq: adb shell su -c 'ls /proc/sysrq-trigger'",
                )

        now = wait_for_change(phone, before, wait_s=wait_s, on_old_kernel=still)
    if now is None:
        journal.outcome = PHONE_SILENT
        raise DeviceStateError(
            f"the phone crashed and has been silent for {wait_s:.0f} s",
            state="Nothing was flashed.",
            fix="Hold the power button to restart it, then read what the panic kernel said: hardboot log",
        )
    journal.guest = now
    if dump.is_there(phone):
        journal.outcome = CAPTURE_UP
        return
    journal.outcome = HOST_CAME_BACK if waiting else RESTARTED
    if waiting:
        raise DeviceError(
            f"the phone restarted into {now.release} instead of the panic kernel",
            state="Nothing was flashed; the dump is lost.",
            fix="Read what the panic kernel said last: hardboot log",
        )


def _bootloader_words(phone: Phone, running: str) -> str:
    """What the bootloader added, without what hardboot did."""
    words = cmdlines.split(planning.bootloader_words(phone, running) or "")
    return " ".join(word for word in words if cmdlines.key(word) not in ("crashkernel", record.MARK))

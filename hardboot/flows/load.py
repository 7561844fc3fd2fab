"""Load an image into the running kernel, to be started later: check, plan, push, load. And unload it."""

import secrets
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from hardboot.base import log
from hardboot.base.cmdline import CommandLine
from hardboot.base.errors import DeviceError, HardbootError, RefusedError
from hardboot.base.interrupts import if_cut_off
from hardboot.base.memory import Range
from hardboot.base.temporary import temporary_folder
from hardboot.device import cpus, host, record
from hardboot.device import mark as marks
from hardboot.device.handset import KERNEL, KernelIdentity, parse_kernel
from hardboot.device.phone import Phone
from hardboot.device.record import Loaded, LoadState
from hardboot.device.staging import Batch
from hardboot.flows import planning
from hardboot.flows.journal import Journal, RomIdentity
from hardboot.flows.rom import Rom
from hardboot.flows.rom_source import Source
from hardboot.layout import BootPlan, LiveMemory, Segment
from hardboot.payload import agent, agent_errors
from hardboot.payload.agent import AgentSegment
from hardboot.profile import Profile
from hardboot.transport.base import Output

_LOAD_TIMEOUT_S = 120.0
_KEPT_SEGMENTS = ("zImage", "Image", "initrd")  # a device tree is another one each time: it holds the mark
_KASLR_SEED_SIZE = 8  # bytes; arch/arm64/kernel/pi/kaslr_early.c reads a u64


@dataclass(frozen=True)
class Filling:
    """RAM that is filled with a pattern, again and again.

    Attributes:
        pattern: Whole pages.
        places: Ranges of physical addresses, and the byte of the pattern that each begins with.
    """

    pattern: bytes = field(repr=False)
    places: tuple[tuple[Range, int], ...]


@dataclass(frozen=True)
class PreparedRom:
    """A ROM planned for a connected phone; nothing is loaded yet.

    Attributes:
        filling: More RAM that is loaded with it.
    """

    rom: Rom
    plan: BootPlan
    mark: str
    tree_reason: str
    cmdline: CommandLine
    live: LiveMemory
    filling: Filling | None = None

    def described(self, kernel: KernelIdentity, plan: BootPlan) -> Loaded:
        """Return the record of it.

        Args:
            kernel: The kernel into which it is loaded.
            plan: As it is loaded: the flag may be the kernel's own.
        """
        return record.describe(
            kernel,
            plan,
            image=self.rom.path.name,
            sha256=self.rom.sha256,
            release=self.rom.release,
            mark=self.mark,
            cmdline=plan.cmdline,
        )


def read_rom(phone: Phone, source: Source, journal: Journal) -> Rom:
    """Return the ROM, with what it lacks read from the phone."""
    with if_cut_off("Nothing was loaded."), journal.phase("read"):
        rom = source.complete(phone)
    journal.rom = RomIdentity(rom.path.name, rom.sha256, rom.release)
    return rom


def prepare(
    phone: Phone,
    rom: Rom,
    journal: Journal,
    *,
    cmdline: str | None = None,
    append: str | None = None,
    soft: bool = False,
) -> PreparedRom:
    """Check the phone and plan the start; nothing is pushed.

    Args:
        phone: The phone, running its host kernel; for soft kexec any kernel with kexec.
        rom: What to start.
        journal: Takes the phases.
        cmdline: Replaces the ROM's own kernel command line.
        append: Appended to it.
        soft: Plan for soft kexec, without a reset.

    Raises:
        DeviceError: If there is no root, or the phone does not answer.
        RefusedError: If the running kernel does not support it, or the planner refuses.
    """
    try:
        with if_cut_off("Nothing was loaded."), journal.phase("check"), log.step("Checking the phone"):
            support = (cpus.QUERY,) if soft else host.queries(phone.profile)
            kernel, *outputs = phone.roots(KERNEL, *support, *planning.queries(phone))
            journal.host = now = parse_kernel(kernel)
            if soft:
                cpus.parse(outputs[0])
            else:
                host.parse(phone.profile, now.release, outputs[: len(support)])
            live, facts = planning.parse(phone, now.cmdline, outputs[len(support) :])
        with if_cut_off("Nothing was loaded."), journal.phase("plan"), log.step("Planning"):
            mark = marks.new()
            planned = planning.plan(
                phone.profile,
                rom,
                facts,
                cmdline=cmdline,
                append=append,
                mark=mark,
                kaslr_seed=secrets.token_bytes(_KASLR_SEED_SIZE),
                soft=soft,
            )
            if not planned.plan.complete:
                raise RefusedError(
                    "the ROM has no device tree, and the running kernel shows none to use instead",
                    state="Nothing was sent.",
                    fix="Use a ROM with a device tree, or a host kernel with CONFIG_PROC_DEVICETREE.",
                )
        return PreparedRom(rom, planned.plan, mark, planned.tree_reason, planned.cmdline, live)
    except HardbootError:
        phone.clean()
        raise


def load(phone: Phone, prepared: PreparedRom, journal: Journal, *queries: str) -> list[Output]:
    """Push the segments and load them into the running kernel, replacing what is loaded there.

    Args:
        phone: The phone.
        prepared: What is loaded.
        journal: Takes the phases and what is loaded.
        queries: Commands for root that are run once it is loaded; their outputs are returned.

    Raises:
        RefusedError: If the kernel is no host for this profile, or another command uses the phone.
        DeviceError: If something did not arrive or the kernel refused it; nothing is loaded then.
    """
    try:
        with if_cut_off("The image is not loaded; one that was loaded before may be unloaded."):
            return _load(phone, prepared, journal, queries)
    finally:
        with if_cut_off("Nothing was started. Files may stay in the staging folder for now."):
            phone.clean()


def _load(phone: Phone, prepared: PreparedRom, journal: Journal, queries: Sequence[str]) -> list[Output]:
    plan, kernel = prepared.plan, journal.host
    assert kernel is not None
    with journal.phase("ask"), log.step("Asking the running kernel"):
        phone.lock_with_next()
        info = host.ask(phone, plan.flag)
        if info.kexec_loaded:
            old = record.find(phone, kernel)
            log.warn(f"replacing {old}, which was already loaded")
            _unload(phone)
            journal.replaced = str(old)
            info = host.info(phone, plan.flag)  # the flag can only be probed while nothing is loaded
        if plan.flag:
            plan = replace(plan, flag=host.check(phone.profile, info))  # the kernel's own, if it shows one
        elif info.probe:
            raise agent_errors.explain("probe", info.probe)
    description = prepared.described(kernel, plan)
    record.remember(phone, description)  # before the load: this computer may be interrupted during it
    with journal.phase("push"), temporary_folder() as folder:
        note = folder / "record"
        note.write_bytes(record.encode(description))
        others = [note]
        if prepared.filling:
            others.insert(0, folder / "pattern")
            others[0].write_bytes(prepared.filling.pattern)
        batch, segments = send(phone, plan.segments, journal, folder, *others)
        for place, skip in prepared.filling.places if prepared.filling else ():
            segments.append(AgentSegment(batch.paths[-2], place.start, place.size, skip))
    with journal.phase("load"), log.step("Loading"):
        # One command: it runs to its end even if this computer is interrupted.
        call = agent.load_command(host.AGENT, plan.flag | agent.KEXEC_ARCH_DEFAULT, plan.entry, segments)
        keep = f"cat {shlex.quote(batch.paths[-1])} >{record.RECORD}"
        clear = f"[ ! -e {record.RECORD} ] || rm -f {record.RECORD}"
        with if_cut_off("The image may be loaded; nothing was started."):
            output, *looked = phone.run_with(
                batch,
                phone.guarded(f"{clear}; {call} && {keep} && {host.KEEP_AGENT}"),
                *queries,
                timeout_s=_LOAD_TIMEOUT_S,
                last=True,
            )
        journal.pushed_bytes = phone.pushed_bytes
        journal.output["agent load"] = output.text
        phone.check_lock(output)
        if output.code and "loaded=" in output.text:
            with if_cut_off("The image may be loaded; nothing was started."):
                _unload(phone)
            raise _no_record(output.text)
        if output.code:
            raise agent_errors.failure("load", output.text)
    journal.loaded = description
    return looked


def send(
    phone: Phone, segments: Sequence[Segment], journal: Journal, folder: Path, *others: Path
) -> tuple[Batch, list[AgentSegment]]:
    """Send segments and other files to the phone; kernel and ramdisk only if it did not keep them.

    Args:
        phone: The phone.
        segments: What is sent.
        journal: Takes the number of bytes.
        folder: A temporary folder on this computer.
        others: More files.

    Returns:
        The batch for `run_with`, first the segments, and the segments for the agent.

    Raises:
        DeviceError: If something does not arrive.
    """
    for segment in segments:
        (folder / segment.name).write_bytes(segment.data)
    sources = [*(folder / segment.name for segment in segments), *others]
    batch = phone.send([(source, source.name) for source in sources], keep=_KEPT_SEGMENTS)
    journal.pushed_bytes = phone.pushed_bytes
    parts = zip(batch.paths, segments, strict=False)
    return batch, [AgentSegment(path, segment.addr, segment.memsz) for path, segment in parts]


def unload(phone: Phone) -> LoadState:
    """Unload what is loaded, whoever loaded it; return what it was.

    Raises:
        DeviceError: If there is no root, or the kernel refused.
    """
    with if_cut_off("Nothing was unloaded."), log.step("Asking the running kernel"):
        phone.lock_with_next()
        host.ask(phone, None)
        state = record.find(phone, phone.kernel())
    try:
        if state.loaded is not False:
            with if_cut_off("What was loaded may be unloaded; nothing was started."):
                _unload(phone)
    finally:
        with if_cut_off("What was loaded may be unloaded; nothing was started."):
            phone.clean()
    return state


def _unload(phone: Phone) -> None:
    output = phone.root_locked(agent.unload_command(host.AGENT, 0))
    if output.code:
        raise agent_errors.failure("unload", output.text)
    phone.root(f"rm -f {record.RECORD}")


def _no_record(text: str) -> DeviceError:
    shown = " ".join(text.split())[-200:]
    return DeviceError(
        f"the record of what was loaded cannot be written to {record.RECORD}: {shown}",
        state="It was unloaded again; the phone is running as before.",
        fix="Check that root may write to /dev on the phone: adb shell su -c 'touch /dev/x'",
    )


def check_tested(profile: Profile, *, allowed: bool) -> None:
    """Refuse a phone on which hardboot has never been tested, or warn if that is `allowed`.

    Raises:
        RefusedError: If the profile is untested and that is not `allowed`.
    """
    if profile.status != "untested":
        return
    what = f"hardboot has never been tested on {profile.title}; its addresses may be wrong"
    if not allowed:
        raise RefusedError(
            what,
            state="Nothing was sent.",
            fix=f"Read `hardboot devices show {profile.name}`, make sure that you can reflash boot (fastboot "
            "or download mode), then add --untested.",
        )
    log.warn(what)


def check_soft(phone: Phone, *, untested: bool) -> None:
    """Check that the profile allows soft kexec.

    Args:
        phone: The phone.
        untested: Also allow it if it has never been tested on such a phone.

    Raises:
        RefusedError: If it does not work on this phone, or has never been tested and that is not allowed.
    """
    profile = phone.profile
    works, entry = profile.soft.works, profile.evidence_for("soft.works")
    if works:
        return
    never = f"soft kexec has never been tested on {profile.title}"
    if works is None and untested:
        log.warn(never)
        return
    if works is None:
        raise RefusedError(
            never,
            state="Nothing was sent.",
            fix="Leave out --via soft. To try it, make sure you can restart the phone, then add --untested.",
        )
    raise RefusedError(
        f"soft kexec does not work on {profile.title}" + (f": {entry.source}" if entry else ""),
        state="Nothing was sent.",
        fix="Leave out --via soft.",
    )

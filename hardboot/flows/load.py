"""Load an image and leave the phone running: check, plan, push, load. And drop what is loaded."""

import secrets
import shlex
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hardboot.base import log
from hardboot.base.cmdline import CommandLine
from hardboot.base.errors import DeviceError, HardbootError, RefusedError
from hardboot.base.files import sha256_file
from hardboot.device import cpus, host, record
from hardboot.device.handset import KERNEL, parse_kernel
from hardboot.device.phone import Phone
from hardboot.device.record import Found
from hardboot.flows import planning
from hardboot.flows.journal import Journal
from hardboot.flows.rom import Rom
from hardboot.layout import BootPlan, LiveMemory, Segment
from hardboot.payload import agent
from hardboot.payload.agent import AgentSegment

_LOAD_TIMEOUT_S = 120.0


@dataclass(frozen=True)
class Prepared:
    """A plan made for a connected phone; nothing was loaded."""

    rom: Rom
    plan: BootPlan
    mark: str
    tree_reason: str
    cmdline: CommandLine
    live: LiveMemory


def prepare(
    phone: Phone,
    rom: Rom,
    journal: Journal,
    *,
    cmdline: str | None = None,
    append: str | None = None,
    soft: bool = False,
) -> Prepared:
    """Check the phone and plan the start; nothing is pushed.

    Args:
        phone: The phone, running its host kernel; for a soft start any kernel with kexec.
        rom: What to start.
        journal: Takes the phases.
        cmdline: Replaces the ROM's own kernel command line.
        append: Words behind it.
        soft: Start without a reset.

    Raises:
        DeviceError: If there is no root, or the phone does not answer.
        RefusedError: If the running kernel cannot do it, or the planner refuses.
    """
    try:
        with journal.phase("check"), log.step("Checking the phone"):
            support = (cpus.QUESTION,) if soft else host.questions(phone.profile)
            kernel, *answers = phone.roots(KERNEL, *support, *planning.questions(phone))
            journal.host = now = parse_kernel(kernel)
            if soft:
                cpus.parse(answers[0])
            else:
                host.parse(phone.profile, now.release, answers[: len(support)])
            live, running = planning.parse(phone, now.cmdline, answers[len(support) :])
        with journal.phase("plan"), log.step("Planning"):
            mark = f"{record.MARK}={secrets.token_hex(4)}"
            made = planning.plan(
                phone.profile, rom, running, cmdline=cmdline, append=append, mark=mark, soft=soft
            )
            if not made.plan.complete:
                raise RefusedError(
                    "the ROM brings no device tree, and the phone shows none to take instead",
                    state="Nothing was sent.",
                    fix="Use a ROM with a device tree, or a host kernel with CONFIG_PROC_DEVICETREE.",
                )
        return Prepared(rom, made.plan, mark, made.tree_reason, made.cmdline, live)
    except HardbootError:
        phone.clean()
        raise


def load(phone: Phone, prepared: Prepared, journal: Journal) -> None:
    """Push the segments and give them to the running kernel, instead of what it has. The phone runs on.

    Raises:
        RefusedError: If the kernel turns out to be no host for this profile.
        DeviceError: If something did not arrive or the kernel refused it; nothing is loaded then.
    """
    try:
        _load(phone, prepared, journal)
    finally:
        phone.clean()


def _load(phone: Phone, prepared: Prepared, journal: Journal) -> None:
    plan, kernel = prepared.plan, journal.host
    assert kernel is not None
    with journal.phase("ask"), log.step("Asking the running kernel"):
        info = host.ask(phone, plan.flag)
        if info.kexec_loaded:
            found = record.find(phone, kernel)
            log.warn(f"this replaces what is loaded: {found}")
            _drop(phone)
            journal.replaced = str(found)
            info = host.info(phone, plan.flag)  # only now it can be asked for the flag
        if plan.flag:
            plan = replace(plan, flag=host.check(phone.profile, info))  # the kernel's own, if it names one
        elif info.probe:
            raise agent.explain("probe", info.probe)
    description = record.describe(
        kernel,
        plan,
        image=prepared.rom.path.name,
        sha256=sha256_file(prepared.rom.path),
        release=prepared.rom.release,
        mark=prepared.mark,
    )
    record.remember(phone, description)  # now: this computer may not live to see the end of the load
    with journal.phase("push"), tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "record"
        source.write_bytes(record.encode(description))
        segments, (note,) = push(phone, plan.segments, journal, Path(folder), source)
    with journal.phase("load"), log.step("Loading"):
        # One command: it ends also if this computer does not live to see it.
        call = agent.load_command(host.AGENT, plan.flag | agent.KEXEC_ARCH_DEFAULT, plan.entry, segments)
        keep = f"cat {shlex.quote(note)} >{record.RECORD}"
        output = phone.root(
            f"rm -f {record.RECORD}; {call} && {keep} && {host.KEEP_AGENT}", timeout_s=_LOAD_TIMEOUT_S
        )
        if output.code and "loaded=" in output.text:
            _drop(phone)
            raise _no_record(output.text)
        if output.code:
            raise agent.failure("load", output.text)
    journal.loaded = description


def push(
    phone: Phone, segments: Sequence[Segment], journal: Journal, folder: Path, *others: Path
) -> tuple[list[AgentSegment], list[str]]:
    """Bring `segments` to the phone, by way of `folder` on this computer, and other files with them.

    Returns:
        The segments, and the paths of the other files on the phone.
    """
    for segment in segments:
        (folder / segment.name).write_bytes(segment.data)
    sources = [*(folder / segment.name for segment in segments), *others]
    staged = phone.stage_all([(source, source.name) for source in sources])
    journal.pushed_bytes += sum(len(segment.data) for segment in segments)
    pushed = [
        AgentSegment(path, segment.addr, segment.memsz)
        for path, segment in zip(staged, segments, strict=False)
    ]
    return pushed, staged[len(segments) :]


def unload(phone: Phone) -> Found:
    """Drop what is loaded, whoever loaded it; returns what it was.

    Raises:
        DeviceError: If there is no root, or the kernel refused.
    """
    with log.step("Asking the running kernel"):
        host.ask(phone, None)
        found = record.find(phone, phone.kernel())
    try:
        if found.loaded is not False:
            _drop(phone)
    finally:
        phone.clean()
    return found


def _drop(phone: Phone) -> None:
    output = phone.root(agent.unload_command(host.AGENT, 0))
    if output.code:
        raise agent.failure("unload", output.text)
    phone.root(f"rm -f {record.RECORD}")


def _no_record(said: str) -> DeviceError:
    shown = " ".join(said.split())[-200:]
    return DeviceError(
        f"what was loaded could not be written down in {record.RECORD}: {shown}",
        state="The phone runs on; nothing is loaded.",
        fix="See that root may write to /dev on the phone: adb shell su -c 'touch /dev/x'",
    )


def check_soft(phone: Phone, *, untested: bool) -> None:
    """See that the profile allows a start without a reset.

    Raises:
        RefusedError: If it does not work on this phone, or nobody has tried and that is not allowed.
    """
    profile = phone.profile
    works, entry = profile.soft.works, profile.evidence_for("soft.works")
    if works:
        return
    if works is None and untested:
        log.warn(f"nobody has tried yet to start a kernel on {profile.title} without a reset")
        return
    reason = f": {entry.source}" if entry else ""
    raise RefusedError(
        f"nobody has tried yet to start a kernel on {profile.title} without a reset"
        if works is None
        else f"a start without a reset does not work on {profile.title}{reason}",
        state="Nothing was sent.",
        fix="Leave --soft out; or try it, with a way back to a working system: --untested"
        if works is None
        else "Leave --soft out.",
    )

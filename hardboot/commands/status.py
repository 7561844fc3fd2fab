"""hardboot status: show the running kernel and its hardboot support."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import click

from hardboot import profile
from hardboot.attempts import aftermath
from hardboot.base import log
from hardboot.base.errors import DeviceError
from hardboot.commands.command import Command
from hardboot.commands.common import Settings, connected, echo, pass_settings
from hardboot.device import host, record, unlocked
from hardboot.device.handset import BOOT_MODE, KERNEL, KernelIdentity, is_recovery, parse_kernel
from hardboot.device.phone import Phone
from hardboot.device.record import Loaded, LoadState
from hardboot.doctor import backups
from hardboot.doctor.next_steps import Situation, Step, next_steps, running
from hardboot.doctor.profiled import fastboot_works, places
from hardboot.flows import transaction_record
from hardboot.flows.transaction_record import Transaction
from hardboot.payload.agent import AgentInfo


@dataclass(frozen=True)
class _Seen:
    """The answers of a phone.

    Attributes:
        info: Of the agent; if it does not run, of the kernel's files alone.
        problem: Why the agent does not run; None if it does.
        unlocked: Whether the bootloader is; None if it does not tell.
        rom: Of the running guest, if this computer loaded it.
        change: A change to partitions that is not settled; None if there is none.
        step: The best thing to do next; None if nothing can be said.
    """

    phone: Phone
    kernel: KernelIdentity
    recovery: bool
    state: LoadState
    info: AgentInfo
    problem: str | None
    unlocked: bool | None
    rom: Loaded | None
    change: Transaction | None
    step: Step | None = None


@click.command(cls=Command, example="hardboot status")
@pass_settings
def status(settings: Settings) -> None:
    """Show the running kernel, its hardboot support, and the loaded image."""
    with connected(settings) as phone:
        seen = _look(phone)
        aftermath.collect(phone)
    seen = replace(seen, step=_next_step(seen, settings.serial))
    path = settings.profile or profile.path_of(seen.phone.profile.name)
    settings.emit(_document(seen, path), lambda: _print(seen, path))


def _look(phone: Phone) -> _Seen:
    queries = (KERNEL, BOOT_MODE, record.QUERY, unlocked.QUERY, transaction_record.QUERY)
    said, mode, loaded, lock, change = phone.roots(*queries)
    kernel = parse_kernel(said)
    state = record.parse(loaded, kernel)
    problem = None
    try:
        info = host.ask(phone, phone.profile.hardboot.flag)
    except DeviceError as error:  # most likely /data is full or read-only; else this fails, too
        info, problem = host.info_without_agent(phone, kernel), error.what
        log.warn(f"the agent does not run on the phone: {problem}")
    return _Seen(
        phone=phone,
        kernel=kernel,
        recovery=is_recovery(mode),
        state=state,
        info=info,
        problem=problem,
        unlocked=unlocked.parse(lock.text),
        rom=record.recall(phone, kernel),
        change=transaction_record.of_both(phone.serialno, transaction_record.parse(change.text)),
    )


def _next_step(seen: _Seen, serial: str | None) -> Step | None:
    """Return the best thing to do next, as far as the kernel tells; hardboot doctor looks farther."""
    known, state = seen.phone.profile, seen.state
    situation = Situation(
        profile=known.name,
        untested=known.status == "untested",
        root=True,
        locked=None if seen.unlocked is None else not seen.unlocked,
        fastboot=fastboot_works(known),
        places=places(known),
        running=running(seen.kernel, recovery=seen.recovery),
        host=host.is_supported(known, seen.info),
        soft=known.soft.works is True,
        loaded=str(state) if state.loaded or state.record else None,
        backup=backups.has_own_boot(backups.of_phone(seen.phone.serialno)),
        change=seen.change,
        serial=serial,
    )
    return next((one for one in next_steps(situation) if not one.command.startswith("hardboot status")), None)


def _document(seen: _Seen, path: Path | None) -> dict[str, Any]:
    info, found = seen.info, seen.state
    return {
        "device": seen.phone.profile.name,
        "serial": seen.phone.serialno,
        "kernel": asdict(seen.kernel),
        "guest": record.is_guest(seen.kernel),
        "panic_kernel": record.is_panic_kernel(seen.kernel),
        "recovery": seen.recovery,
        "guest_image": seen.rom.document() if seen.rom else None,
        "profile": str(path),
        "hardboot": {
            "supported": host.is_supported(seen.phone.profile, info),
            "page": info.hardboot_page,
            "flag": info.hardboot_flag,
            "version": info.hardboot_version,
            "probe_errno": info.probe,
        },
        "agent_problem": seen.problem,
        "kexec_loaded": info.kexec_loaded,
        "kexec_crash_loaded": info.kexec_crash_loaded,
        "loaded": found.record.document() if found.record else None,
        "unsettled": seen.change.document() if seen.change else None,
        "next_step": asdict(seen.step) if seen.step else None,
    }


def _print(seen: _Seen, path: Path | None) -> None:
    known = {True: "yes", False: "no", None: "not known (this kernel does not tell)"}
    info, found = seen.info, seen.state
    rows = [
        ("phone", f"{seen.phone.profile.name} {seen.phone.serialno}"),
        *([("profile", str(path))] if path and not profile.is_shipped(path) else []),
        ("kernel", f"{seen.kernel.release}, {_origin(seen)}"),
        ("hardboot", _support(seen)),
        ("loaded", str(found) if found.loaded or found.record else known[info.kexec_loaded]),
        ("crash kernel", known[info.kexec_crash_loaded]),
    ]
    if seen.change:
        rows.append(("unsettled", f"{seen.change.summary}. Settle it: hardboot home"))
    if seen.step:
        rows.append(("next", str(seen.step)))
    for name, value in rows:
        echo(f"  {name:<12} {value}")


def _origin(seen: _Seen) -> str:
    """Return where the running kernel came from, in words."""
    if record.is_panic_kernel(seen.kernel):
        what = "panic kernel; pull the dump: hardboot crash pull FILE"
    elif record.is_guest(seen.kernel):
        from_recovery = seen.rom is not None and seen.rom.start == record.RECOVERY
        what = f"ROM booted by hardboot{' from the recovery partition' if from_recovery else ''}"
    elif seen.recovery:
        known = seen.phone.profile.partitions
        # Since Android 11 it may be a part of vendor_boot; on other phones without its own it is in boot.
        where = next((name for name in ("recovery", "vendor_boot") if name in known), "boot")
        what = f"recovery, from the {where} partition"
    else:
        what = "from the boot partition"
    return f"{what}: {seen.rom.image}" if seen.rom else what


def _support(seen: _Seen) -> str:
    """Return the kernel's hardboot support, in words."""
    info = seen.info
    if info.hardboot_page is not None:
        flag = "not known" if info.hardboot_flag is None else f"{info.hardboot_flag:#x}"
        return f"page {info.hardboot_page:#x}, flag {flag}"
    supported = host.is_supported(seen.phone.profile, info)
    if supported:
        return f"flag {seen.phone.profile.hardboot.flag:#x}; the kernel does not show its page"
    if seen.problem:
        return "not known (the agent does not run)"
    if record.is_guest(seen.kernel):
        return "no (a ROM is running; the host kernel comes back after a restart)"
    if supported is None:
        return "not known (the kernel can be asked only while nothing is loaded)"
    return "no (to add it to the kernel: hardboot patch apply TREE)"

"""hardboot status: show the running kernel and its hardboot support."""

from dataclasses import asdict
from typing import Any

import click

from hardboot.commands.common import Command, Settings, echo, pass_settings
from hardboot.device import host, record
from hardboot.device.handset import KERNEL, KernelIdentity, parse_kernel
from hardboot.device.phone import Phone, connected
from hardboot.device.record import Loaded, LoadState
from hardboot.payload.agent import AgentInfo


@click.command(cls=Command)
@pass_settings
def status(settings: Settings) -> None:
    """Show the running kernel, its hardboot support, and the loaded image."""
    with connected(settings.serial, settings.device) as phone:
        said, loaded = phone.roots(KERNEL, record.QUERY)
        kernel = parse_kernel(said)
        found = record.parse(loaded, kernel)
        info = host.ask(phone, phone.profile.hardboot.flag)
        rom = record.recall(phone, kernel)
        phone.clean()
    settings.emit(_document(phone, kernel, info, found, rom), lambda: _print(phone, kernel, info, found, rom))


def _document(
    phone: Phone, kernel: KernelIdentity, info: AgentInfo, found: LoadState, rom: Loaded | None
) -> dict[str, Any]:
    return {
        "device": phone.profile.name,
        "serial": phone.serialno,
        "kernel": asdict(kernel),
        "guest": record.is_guest(kernel),
        "panic_kernel": record.is_panic_kernel(kernel),
        "guest_image": rom.document() if rom else None,
        "hardboot": {
            "page": info.hardboot_page,
            "flag": info.hardboot_flag,
            "version": info.hardboot_version,
            "probe_errno": info.probe,
        },
        "kexec_loaded": info.kexec_loaded,
        "kexec_crash_loaded": info.kexec_crash_loaded,
        "loaded": found.record.document() if found.record else None,
    }


def _print(
    phone: Phone, kernel: KernelIdentity, info: AgentInfo, found: LoadState, rom: Loaded | None
) -> None:
    known = {True: "yes", False: "no", None: "not known (this kernel does not tell)"}
    what = "ROM booted by hardboot" if record.is_guest(kernel) else "from the boot partition"
    if record.is_panic_kernel(kernel):
        what = "panic kernel; pull the dump: hardboot crash pull FILE"
    if rom:
        what += f": {rom.image}"
    if info.hardboot_page is not None:
        hardboot = f"page {info.hardboot_page:#x}, flag {info.hardboot_flag:#x}"
    elif record.is_guest(kernel):
        hardboot = "no (a ROM is running; the host kernel comes back after a restart)"
    else:
        hardboot = "no"
    for name, value in (
        ("phone", f"{phone.profile.name} {phone.serialno}"),
        ("kernel", f"{kernel.release}, {what}"),
        ("hardboot", hardboot),
        ("loaded", str(found) if found.loaded or found.record else known[info.kexec_loaded]),
        ("crash kernel", known[info.kexec_crash_loaded]),
    ):
        echo(f"  {name:<12} {value}")

"""hardboot status: what runs on the phone, and whether it is a host."""

from dataclasses import asdict
from typing import Any

import click

from hardboot import boot, host
from hardboot.commands.common import Command, Settings, pass_settings
from hardboot.payload.agent import AgentInfo
from hardboot.phone import KernelIdentity, Phone, connected


@click.command(cls=Command)
@pass_settings
def status(settings: Settings) -> None:
    """Look at the phone: which kernel runs, whether it has hardboot support, whether something is loaded."""
    with connected(settings.serial, settings.device) as phone:
        kernel = phone.kernel()
        info = host.ask(phone)
        phone.clean()
    settings.emit(_document(phone, kernel, info), lambda: _print(phone, kernel, info))


def _is_guest(kernel: KernelIdentity) -> bool:
    return any(word.startswith(f"{boot.MARK}=") for word in kernel.cmdline.split())


def _document(phone: Phone, kernel: KernelIdentity, info: AgentInfo) -> dict[str, Any]:
    return {
        "device": phone.profile.name,
        "serial": phone.serialno,
        "kernel": asdict(kernel),
        "guest": _is_guest(kernel),
        "hardboot": {
            "page": info.hardboot_page,
            "flag": info.hardboot_flag,
            "version": info.hardboot_version,
            "probe_errno": info.probe,
        },
        "kexec_loaded": info.kexec_loaded,
        "kexec_crash_loaded": info.kexec_crash_loaded,
    }


def _print(phone: Phone, kernel: KernelIdentity, info: AgentInfo) -> None:
    known = {True: "yes", False: "no", None: "the kernel does not say"}
    what = "a ROM that hardboot booted" if _is_guest(kernel) else "the kernel of the boot partition"
    page = (
        "no" if info.hardboot_page is None else f"page {info.hardboot_page:#x}, flag {info.hardboot_flag:#x}"
    )
    for name, value in (
        ("phone", f"{phone.profile.name} {phone.serialno}"),
        ("kernel", f"{kernel.release}, {what}"),
        ("hardboot", page),
        ("loaded", known[info.kexec_loaded]),
    ):
        click.echo(f"  {name:<10} {value}")

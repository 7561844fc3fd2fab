"""What can be done now, best first: each step with its command."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from hardboot.device import record
from hardboot.device.handset import KernelIdentity
from hardboot.flows.transaction_record import Transaction

_FASTBOOT = "adb reboot bootloader; fastboot boot IMAGE"


@dataclass(frozen=True)
class Step:
    """A thing to do.

    Attributes:
        what: In words, in the imperative.
        command: The command line.
    """

    what: str
    command: str

    def __str__(self) -> str:
        """Return both as one line."""
        return f"{self.what}: {self.command}"


_UNLOCK = Step(
    "Unlock the bootloader, which erases all data", "adb reboot bootloader; fastboot flashing unlock"
)
Running = Literal["system", "rom", "recovery", "panic kernel"]
Place = Literal["recovery", "slot"]  # as --via names it
_PLACES: Mapping[Place, str] = {"recovery": "the recovery partition", "slot": "the slot that does not run"}


@dataclass(frozen=True)
class Situation:
    """What decides about the next step, of a phone that answers. None is unknown.

    Attributes:
        profile: Name of its profile.
        untested: Whether hardboot was never tested with that profile.
        root: Whether hardboot gets root.
        locked: Whether the bootloader is locked.
        running: What runs: its own system, a ROM, its recovery, or a panic kernel.
        host: Whether the running kernel is a host.
        soft: Whether the profile says that plain kexec works, and the kernel may have it.
        loaded: What is loaded, in words; None if nothing is.
        backup: Whether there is a backup of its own boot image.
        change: A change to partitions that is not settled; None if there is none.
        profile_fix: How to put a profile right that cannot be used; None if there is none to put right.
        read_only: Whether /data is read-only, so that nothing can be sent.
        fastboot: Whether the bootloader boots images without flashing them.
        places: What an image can be booted from once, on an unlocked phone: see `profiled.places`.
        serial: For `--serial`, if several phones are connected or it was given.
    """

    profile: str | None
    untested: bool
    root: bool
    locked: bool | None
    running: Running
    host: bool | None
    soft: bool
    loaded: str | None
    backup: bool
    change: Transaction | None = None
    profile_fix: str | None = None
    read_only: bool = False
    fastboot: bool | None = None
    places: tuple[Place, ...] = ()
    serial: str | None = None


def running(kernel: KernelIdentity | None, *, recovery: bool) -> Running:
    """Return what runs on a phone; its own system if nothing says otherwise."""
    if kernel and record.is_panic_kernel(kernel):
        return "panic kernel"
    if kernel and record.is_guest(kernel):
        return "rom"
    return "recovery" if recovery else "system"


def next_steps(now: Situation) -> list[Step]:
    """Return the steps that are possible, the best one first; there is at least one."""
    steps = [Step("Put back what its partitions held", "hardboot home")] if now.change else []
    if not now.root:
        steps += _without_root(now)
    elif now.profile is None:
        steps += _without_profile(now)
    else:
        steps += _with_root(now, now.profile)
    return [Step(one.what, _for_phone(one.command, now.serial)) for one in steps]


def _for_phone(command: str, serial: str | None) -> str:
    """Return a command line for the phone `serial`."""
    if serial is None or " --serial " in command:
        return command
    word = shlex.quote(serial)
    if command.startswith("hardboot "):
        return f"{command} --serial {word}"
    return command.replace("adb ", f"adb -s {word} ").replace("fastboot ", f"fastboot -s {word} ")


def _without_root(now: Situation) -> Iterator[Step]:
    if now.locked:
        yield _UNLOCK
    elif now.locked is None:
        ask = "adb reboot bootloader; fastboot getvar unlocked"
        yield Step("Look whether the bootloader is unlocked", ask)
    elif now.fastboot is not False:
        yield Step(f"Boot an image once, without root{_where(now)}", _FASTBOOT)
    if now.running != "system":
        yield Step("Return to the phone's own system", "adb reboot")
    yield Step("Root the phone, grant root to the ADB shell, and look again", "hardboot doctor")


def _without_profile(now: Situation) -> Iterator[Step]:
    if now.profile_fix:
        yield Step(now.profile_fix.rstrip("."), "hardboot doctor")
    else:
        yield Step("Draft a profile from the phone", "hardboot devices suggest --install")
    if now.locked is False:
        yield Step(f"Boot an image once, without a profile{_where(now)}", _FASTBOOT)


def _with_root(now: Situation, profile: str) -> Iterator[Step]:
    untested = " --untested" if now.untested else ""
    if now.running == "panic kernel":
        yield Step("Pull the memory dump of the kernel that crashed", "hardboot crash pull DUMP")
    elif now.read_only:
        yield Step("Restart the phone: its /data is read-only", "hardboot reboot")
        return
    if now.running != "system":
        yield Step("Return to the phone's own system", "hardboot reboot")
    if now.running == "rom":
        yield Step("Boot another image from RAM", f"hardboot boot IMAGE --from-rom{untested}")
    elif now.running != "panic kernel":
        yield from _to_boot(now, profile, untested)
    if not now.backup and now.running == "system":
        yield Step("Back up the boot partition; nothing is written to the phone", "hardboot backup")
    if now.host is False and now.running == "system":
        yield from _to_host(now, profile)


def _to_boot(now: Situation, profile: str, untested: str) -> Iterator[Step]:
    if now.loaded:
        yield Step(f"Boot {now.loaded}, which is loaded", "hardboot exec")
        yield Step("Unload it", "hardboot unload")
    if now.host:
        look = Step("Check an image; nothing is changed", _boot(" --dry-run"))
        boot = Step("Boot an image from RAM; a restart brings the phone's own system back", _boot(untested))
        if now.untested:
            yield Step("Check the facts that are not verified", f"hardboot devices show {profile}")
            yield Step("Prove hardboot with the phone's own kernel, without a ROM", "hardboot selftest")
        yield from (look, boot) if now.untested else (boot, look)
        return
    if now.host is None:
        yield Step("Ask the kernel itself whether it is a host", "hardboot status")
    if now.locked is False and now.fastboot is not False:
        yield Step(f"Boot an image by the bootloader{_where(now)}", _boot(" --via fastboot"))
    for place in now.places if now.locked is False else ():
        yield Step(f"Boot an image once from {_PLACES[place]}", _boot(f" --via {place}"))
    if now.soft:
        yield Step("Boot an image by plain kexec, without a reset", _boot(f" --via soft{untested}"))


def _where(now: Situation) -> str:
    """Return where the bootloader does it, unless it is known to do it."""
    return "" if now.fastboot else ", where the bootloader supports it"


def _boot(options: str) -> str:
    return f"hardboot boot IMAGE{options}"


def _to_host(now: Situation, profile: str) -> Iterator[Step]:
    if now.locked:
        yield _UNLOCK
    apply = f"hardboot patch apply TREE --device {shlex.quote(profile)}"
    yield Step("Add hardboot support to the kernel's source, and build it", apply)
    make = "hardboot host-image BOOT.IMG --kernel KERNEL -o host.img"
    yield Step("Make a host image from the phone's boot image", make)
    if not now.locked:
        yield Step("Write it to the boot partition", "hardboot flash-host-kernel host.img --reboot")

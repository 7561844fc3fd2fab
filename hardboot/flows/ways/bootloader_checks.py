"""What the ways through the bootloader check before they restart the phone."""

from hardboot.base.cmdline import CommandLine
from hardboot.base.errors import RefusedError
from hardboot.device import record, unlocked
from hardboot.device.handset import KERNEL, KernelIdentity, parse_kernel
from hardboot.device.phone import Phone
from hardboot.flows import other_phone, planning, ramdisk_check, transaction
from hardboot.flows.journal import Journal
from hardboot.flows.planning import PhoneFacts
from hardboot.flows.rom import Rom
from hardboot.layout import Arm64Kernel
from hardboot.profile import Profile

UNLOCK = "Unlock the bootloader the way its maker intends; that erases the phone's data."
OTHER_WAY = "Boot it another way: hardboot boot IMAGE --dry-run shows which."


def check_passes_mark(profile: Profile) -> None:
    """Refuse a phone whose bootloader is known not to pass the mark on.

    Raises:
        RefusedError: If it is.
    """
    if profile.cmdline.ignored:
        raise RefusedError(
            f"the bootloader of {profile.title} ignores the command line of images: a ROM could not be told "
            "from the phone's own system",
            state="Nothing was sent.",
            fix=OTHER_WAY,
        )


def check_unlocked(text: str, locked: str) -> bool:
    """Return whether the bootloader is known to be unlocked, from the output of `unlocked.QUERY`.

    Args:
        text: The output.
        locked: The refusal of a locked bootloader, in words.

    Raises:
        RefusedError: If it is locked.
    """
    known = unlocked.parse(text)
    if known is False:
        raise RefusedError(locked, state="Nothing was sent.", fix=UNLOCK)
    return known is True


def untold(way: str) -> RefusedError:
    """Return the refusal of a phone that does not tell whether it is unlocked, for the way of this name."""
    return RefusedError(
        "the phone does not tell whether its bootloader is unlocked",
        state="Nothing was sent.",
        fix=f"If it is, try it: --via {way}",
    )


def own_system(phone: Phone, journal: Journal, locked: str) -> tuple[KernelIdentity, PhoneFacts]:
    """Return what runs, the phone's own system, and what is known of the phone.

    Args:
        phone: A phone whose partitions are to be written.
        journal: Takes the running kernel.
        locked: See `check_unlocked`.

    Raises:
        RefusedError: If its bootloader is locked, a ROM runs, or the partitions should not be written now.
    """
    kernel, lock, *outputs = phone.roots(KERNEL, unlocked.QUERY, *planning.queries(phone))
    journal.host = now = parse_kernel(kernel)
    if record.is_guest(now):
        raise RefusedError(
            "partitions are written from the phone's own system",
            state="Nothing was sent.",
            fix="Return to it first: hardboot home",
        )
    check_unlocked(lock.text, locked)
    transaction.check(phone)
    _, facts = planning.parse(phone, now.cmdline, outputs)
    return now, facts


def check_rom(phone: Phone, rom: Rom, facts: PhoneFacts, line: CommandLine, vendor: str) -> None:
    """Refuse a ROM that cannot start on this phone, as far as that can be told without its bootloader.

    Args:
        phone: The phone.
        rom: The ROM.
        facts: What is known of the phone.
        line: The command line in the header that is sent.
        vendor: That of vendor_boot, which the bootloader adds.
    """
    profile = phone.profile
    arch = "arm64" if isinstance(rom.kernel, Arm64Kernel) else "arm"
    if arch != profile.arch:
        raise RefusedError(
            f"the kernel is for {arch}, {profile.title} is {profile.arch}",
            state="Nothing was sent.",
            fix=f"Use an image for {profile.title}.",
        )
    running = facts.hardware or other_phone.hardware("", facts.bootloader.bootconfig)
    named = other_phone.hardware(f"{vendor} {line.text}", rom.bootconfig)
    other_phone.check(profile, named, rom.trees, live=facts.tree, running=running)
    told = facts.bootloader.for_rom(rom.takes_bootconfig)
    whole = " ".join(part for part in (vendor, line.text, told.cmdline) if part)
    if len(whole.encode()) >= line.size:
        raise RefusedError(
            f"the command line has {len(whole.encode())} bytes with the bootloader's words; kernels of "
            f"{profile.title} read at most {line.size - 1}",
            state="Nothing was sent.",
            fix="Shorten the kernel command line; --cmdline replaces the ROM's.",
        )
    ramdisk_check.check(rom, rom.ramdisk(told.bootconfig), whole)

"""Plan a ROM with what is known of a phone: its profile, files copied from it, or the phone itself."""

from dataclasses import dataclass, field

from hardboot import devicetree, layout
from hardboot.base import cmdline as cmdlines
from hardboot.base import log
from hardboot.base.cmdline import CommandLine
from hardboot.base.errors import RefusedError
from hardboot.device.copies import Copy, copies_query
from hardboot.device.handset import TREE
from hardboot.device.phone import Phone
from hardboot.device.shells import read
from hardboot.flows import bootloader_words, other_phone, ramdisk_check, rom_tree
from hardboot.flows.bootloader_words import BootloaderWords
from hardboot.flows.rom import NO_TREE, Rom
from hardboot.formats.kernels import atags
from hardboot.formats.kernels.atags import Tag
from hardboot.formats.trees.fdt import Fdt
from hardboot.layout import BootPlan, LiveMemory
from hardboot.profile import Profile
from hardboot.transport.base import Output

_IOMEM = "cat /proc/iomem"
_ATAGS = Copy("atags", "/proc/atags")
_NO_PHONE = "the phone's own; phone not connected, room is reserved for it"


@dataclass(frozen=True)
class PhoneFacts:
    """What the planner knows of a phone beyond its profile; None is not known.

    Attributes:
        live: The memory map of the running kernel.
        tree: The device tree that the bootloader passed.
        atags: The ATAGS, where the phone's kernels get them.
        bootloader: What the bootloader added to the kernel command line and the bootconfig.
        hardware: What androidboot.hardware its own system was started with.
    """

    live: LiveMemory | None = None
    tree: Fdt | None = None
    atags: tuple[Tag, ...] | None = None
    bootloader: BootloaderWords = field(default_factory=BootloaderWords)
    hardware: str | None = None


@dataclass(frozen=True)
class Planned:
    """A plan, its command line, and in words why its device tree was chosen."""

    plan: BootPlan
    cmdline: CommandLine
    tree_reason: str


def queries(phone: Phone) -> list[str]:
    """Return the commands for `roots` that get `PhoneFacts`; the first one makes the staging folder.

    Raises:
        DeviceError: If the phone does not answer.
        RefusedError: If the profile knows no boot partition.
    """
    return [
        phone.staging_query(),
        _IOMEM,
        phone.size_query("boot"),
        copies_query([_tree(phone.profile), *bootloader_words.copies(phone)]),
    ]


def parse(phone: Phone, running_cmdline: str, outputs: list[Output]) -> tuple[LiveMemory, PhoneFacts]:
    """Return the memory map, and all facts, from the outputs of `queries`.

    Raises:
        DeviceError: If the phone does not answer.
        RefusedError: If its kernel does not show its ATAGS, or its boot partition is not the profile's.
        InputError: If an output is malformed.
    """
    made, iomem, size, copied = outputs
    phone.take_staging(made)
    live = layout.parse_iomem(read(_IOMEM, iomem))
    has_atags = phone.profile.has_atags
    return live, PhoneFacts(
        live,
        tree=None if has_atags else phone.fetch_device_tree(copied),
        atags=_parse_atags(phone.fetch(_ATAGS, copied)) if has_atags else None,
        bootloader=bootloader_words.parse(phone, running_cmdline, size, copied),
        hardware=other_phone.hardware(running_cmdline),
    )


def _tree(profile: Profile) -> Copy:
    return _ATAGS if profile.has_atags else TREE


def _parse_atags(data: bytes | None) -> tuple[Tag, ...]:
    if data is None:
        raise RefusedError(
            f"the running kernel shows no {_ATAGS.path}",
            state="Nothing was sent.",
            fix="Use a host kernel built with CONFIG_ATAGS_PROC.",
        )
    return atags.parse(data)


def plan(
    profile: Profile,
    rom: Rom,
    facts: PhoneFacts,
    *,
    cmdline: str | None = None,
    append: str | None = None,
    mark: str | None = None,
    kaslr_seed: bytes | None = None,
    soft: bool = False,
) -> Planned:
    """Choose a device tree, compose the command line, and place everything.

    Args:
        profile: The phone.
        rom: What to start.
        facts: What is known beyond the profile.
        cmdline: Replaces the ROM's own kernel command line.
        append: Appended to it.
        mark: The word by which the guest will be recognised.
        kaslr_seed: 8 random bytes for the guest; None plans without them.
        soft: Plan for soft kexec, without a reset.

    Raises:
        RefusedError: If it is unclear which device tree fits, the image is for another phone, or the planner
            refuses.
        InputError: If the device tree, the ATAGS or the command line are malformed, or the kernel cannot
            start with the ramdisk.
    """
    own = (cmdlines.ROM, rom.cmdline) if cmdline is None else (cmdlines.REPLACED, cmdline)
    told = facts.bootloader.for_rom(rom.takes_bootconfig)
    if rom.ignores_bootconfig:
        log.say("The kernel has no support for a bootconfig: its words go into the command line.")
    parts = [
        own,
        (cmdlines.BOOTLOADER, told.cmdline),
        (cmdlines.APPENDED, append),
        (cmdlines.MARK, mark),
    ]
    line = cmdlines.compose(rom.cmdline, parts, size=cmdlines.SIZES[profile.arch])
    named = other_phone.hardware(own[1], rom.bootconfig)
    running = facts.hardware or other_phone.hardware("", facts.bootloader.bootconfig)
    other_phone.check(profile, named, rom.trees, live=facts.tree, running=running)
    tree, reason = _choose_tree(profile, rom, facts)
    live_tree = facts.tree
    if tree is not None:
        made_tree = devicetree.for_guest(tree, live=live_tree, kaslr_seed=kaslr_seed)
        live_tree = made_tree if tree is live_tree else live_tree
        tree = made_tree
    guest = rom.guest(
        tree=tree, live_tree=live_tree, cmdline=line.text, atags=facts.atags, words=told.bootconfig
    )
    made = layout.plan(profile, guest, facts.live, soft=soft)
    ramdisk_check.check(rom, guest.ramdisk, guest.cmdline)
    return Planned(made, line, reason)


def _choose_tree(profile: Profile, rom: Rom, facts: PhoneFacts) -> tuple[Fdt | None, str]:
    """Return the device tree and why it was chosen; None for ATAGS, or if none is known."""
    if profile.has_atags:
        return None, NO_TREE
    if not (rom.trees or facts.tree):
        return None, _NO_PHONE
    choice = rom_tree.choose_tree(profile, rom, facts.tree, facts.bootloader)
    return choice.tree, choice.reason

"""A ROM planned with what is known of a phone: its profile, files copied from it, or the phone itself."""

from dataclasses import dataclass

from hardboot import devicetree, layout
from hardboot.base import cmdline as cmdlines
from hardboot.base.cmdline import CommandLine
from hardboot.base.errors import RefusedError
from hardboot.device.handset import TREE, Copy, read
from hardboot.device.phone import Phone
from hardboot.flows.rom import NO_TREE, Rom
from hardboot.formats.boot import bootimg
from hardboot.formats.kernels import atags
from hardboot.formats.kernels.atags import Tag
from hardboot.formats.trees.fdt import Fdt
from hardboot.layout import BootPlan, LiveMemory
from hardboot.profile import Profile
from hardboot.transport.base import Output

_IOMEM = "cat /proc/iomem"
_ATAGS = Copy("atags", "/proc/atags")
_NO_PHONE = "the phone's own; it is not at hand, so a stand-in is planned for"


@dataclass(frozen=True)
class Running:
    """What the running system tells a planner; None is not known.

    Attributes:
        live: Its memory map.
        tree: The device tree the bootloader gave it.
        atags: The ATAGS, where the phone's kernels get such.
        bootloader: The words the bootloader added to its command line.
    """

    live: LiveMemory | None = None
    tree: Fdt | None = None
    atags: tuple[Tag, ...] | None = None
    bootloader: str | None = None


@dataclass(frozen=True)
class Planned:
    """A plan, and how its parts were chosen.

    Attributes:
        tree_reason: Why this device tree, for people.
    """

    plan: BootPlan
    cmdline: CommandLine
    tree_reason: str


def questions(phone: Phone) -> list[str]:
    """What to ask a connected phone with `roots` for all a planner can use; makes the staging folder.

    Raises:
        DeviceError: If the phone does not answer.
        RefusedError: If the profile knows no boot partition.
    """
    header, tree = _header(phone), _tree(phone.profile)
    phone.make_staging()
    return [_IOMEM, tree.command, phone.partition_command("boot"), header.command]


def parse(phone: Phone, running_cmdline: str, answers: list[Output]) -> tuple[LiveMemory, Running]:
    """The answers to `questions`: the phone's memory map, and that with the rest.

    Raises:
        DeviceError: If the phone does not answer.
        RefusedError: If its kernel does not show its ATAGS, or its boot partition is not the profile's.
        InputError: If an answer is malformed.
    """
    iomem, tree, _, _ = answers
    live = layout.parse_iomem(read(_IOMEM, iomem))
    has_atags = phone.profile.dtb.kind == "none"
    return live, Running(
        live,
        tree=None if has_atags else phone.fetch_device_tree(tree),
        atags=_parse_atags(phone.fetch(_ATAGS, tree)) if has_atags else None,
        bootloader=_bootloader_words(phone, running_cmdline, answers[2:]),
    )


def _tree(profile: Profile) -> Copy:
    return _ATAGS if profile.dtb.kind == "none" else TREE


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
    running: Running,
    *,
    cmdline: str | None = None,
    append: str | None = None,
    mark: str | None = None,
    soft: bool = False,
) -> Planned:
    """Choose a device tree, compose the command line, and place everything.

    Args:
        profile: The phone.
        rom: What to start.
        running: What is known beyond the profile.
        cmdline: Replaces the ROM's own kernel command line.
        append: Words behind it.
        mark: The word by which the guest will be known.
        soft: Start without a reset.

    Raises:
        RefusedError: If it is not clear which device tree fits, or the planner refuses.
        InputError: If the device tree, the ATAGS or the command line are malformed.
    """
    own = (cmdlines.ROM, rom.cmdline) if cmdline is None else (cmdlines.REPLACED, cmdline)
    parts = [
        own,
        (cmdlines.BOOTLOADER, running.bootloader),
        (cmdlines.APPENDED, append),
        (cmdlines.MARK, mark),
    ]
    line = cmdlines.compose(rom.cmdline, parts, size=cmdlines.SIZES[profile.arch])
    tree, reason = None, _NO_PHONE
    if profile.dtb.kind == "none":
        reason = NO_TREE
    elif rom.trees or running.tree:
        choice = devicetree.choose(rom.trees, profile, running.tree)
        tree, reason = choice.tree, choice.reason
    guest = rom.guest(tree=tree, live_tree=running.tree, cmdline=line.text, atags=running.atags)
    return Planned(layout.plan(profile, guest, running.live, soft=soft), line, reason)


def bootloader_words(phone: Phone, running: str) -> str | None:
    """What the bootloader added to the command line of the host image: a guest needs it too."""
    header = _header(phone)
    phone.make_staging()
    return _bootloader_words(phone, running, phone.roots(phone.partition_command("boot"), header.command))


def _header(phone: Phone) -> Copy:
    return Copy("boot-header", phone.partition_path("boot"), max(bootimg.PAGE_SIZES))


def _bootloader_words(phone: Phone, running: str, answers: list[Output]) -> str | None:
    facts, header = answers
    phone.parse_partition("boot", facts)
    return additions(phone.profile, running, phone.fetch(_header(phone), header) or b"")


def additions(profile: Profile, running: str, header: bytes) -> str | None:
    """What the bootloader added to the command line of the image it started.

    Args:
        profile: The phone: what its bootloader does, and the usual line if the image is not at hand.
        running: /proc/cmdline of the kernel in that image.
        header: The first bytes of the image; b"" if it is not at hand.

    Returns:
        The words; None if nobody knows what the image's own are.

    Raises:
        InputError: If `header` is no boot image header, or cut off.
    """
    quirks = profile.cmdline
    if quirks.ignored:
        own: str | None = ""
    else:
        own = bootimg.parse_cmdline(header) if header else quirks.stock
    if own is None:
        return None
    return cmdlines.additions(
        running, own, skip=quirks.skip, replaced=quirks.replaced, dropped=quirks.dropped
    )


def in_boot_partition(profile: Profile, own: str) -> tuple[list[str], list[str]]:
    """What the phone's bootloader would take from and give to the command line `own` of an image it starts.

    Without the words it adds to every line. A kernel that hardboot starts gets its line untouched.

    Returns:
        The words lost, and the words in their place.
    """
    quirks = profile.cmdline
    passed = cmdlines.passed_on(own, skip=quirks.skip, replaced=quirks.replaced, dropped=quirks.dropped)
    if quirks.ignored:
        passed = ""
    return cmdlines.difference(own, passed), cmdlines.difference(passed, own)

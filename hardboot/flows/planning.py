"""Plan a ROM with what is known of a phone: its profile, files copied from it, or the phone itself."""

from dataclasses import dataclass

from hardboot import devicetree, layout
from hardboot.base import cmdline as cmdlines
from hardboot.base.cmdline import CommandLine
from hardboot.base.errors import RefusedError
from hardboot.device.handset import TREE
from hardboot.device.phone import Phone
from hardboot.device.shells import read
from hardboot.device.staging import Copy
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
_NO_PHONE = "the phone's own; phone not connected, room is reserved for it"


@dataclass(frozen=True)
class PhoneFacts:
    """What the planner knows of a phone beyond its profile; None is not known.

    Attributes:
        live: The memory map of the running kernel.
        tree: The device tree that the bootloader passed.
        atags: The ATAGS, where the phone's kernels get them.
        bootloader: The words that the bootloader added to the kernel command line.
    """

    live: LiveMemory | None = None
    tree: Fdt | None = None
    atags: tuple[Tag, ...] | None = None
    bootloader: str | None = None


@dataclass(frozen=True)
class Planned:
    """A plan, its command line, and in words why its device tree was chosen."""

    plan: BootPlan
    cmdline: CommandLine
    tree_reason: str


def queries(phone: Phone) -> list[str]:
    """Return the commands for `roots` that get `PhoneFacts`, after making the staging folder.

    Raises:
        DeviceError: If the phone does not answer.
        RefusedError: If the profile knows no boot partition.
    """
    header, tree = _header(phone), _tree(phone.profile)
    phone.make_staging()
    return [_IOMEM, tree.query, phone.partition_query("boot"), header.query]


def parse(phone: Phone, running_cmdline: str, outputs: list[Output]) -> tuple[LiveMemory, PhoneFacts]:
    """Return the memory map, and all facts, from the outputs of `queries`.

    Raises:
        DeviceError: If the phone does not answer.
        RefusedError: If its kernel does not show its ATAGS, or its boot partition is not the profile's.
        InputError: If an output is malformed.
    """
    iomem, tree, _, _ = outputs
    live = layout.parse_iomem(read(_IOMEM, iomem))
    has_atags = phone.profile.has_atags
    return live, PhoneFacts(
        live,
        tree=None if has_atags else phone.fetch_device_tree(tree),
        atags=_parse_atags(phone.fetch(_ATAGS, tree)) if has_atags else None,
        bootloader=_bootloader_words(phone, running_cmdline, outputs[2:]),
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
        soft: Plan for soft kexec, without a reset.

    Raises:
        RefusedError: If it is unclear which device tree fits, or the planner refuses.
        InputError: If the device tree, the ATAGS or the command line are malformed.
    """
    own = (cmdlines.ROM, rom.cmdline) if cmdline is None else (cmdlines.REPLACED, cmdline)
    parts = [
        own,
        (cmdlines.BOOTLOADER, facts.bootloader),
        (cmdlines.APPENDED, append),
        (cmdlines.MARK, mark),
    ]
    line = cmdlines.compose(rom.cmdline, parts, size=cmdlines.SIZES[profile.arch])
    tree, reason = None, _NO_PHONE
    if profile.has_atags:
        reason = NO_TREE
    elif rom.trees or facts.tree:
        choice = devicetree.choose(rom.trees, profile, facts.tree)
        tree, reason = choice.tree, choice.reason
    guest = rom.guest(tree=tree, live_tree=facts.tree, cmdline=line.text, atags=facts.atags)
    return Planned(layout.plan(profile, guest, facts.live, soft=soft), line, reason)


def bootloader_words(phone: Phone, running: str) -> str | None:
    """Return the words that the bootloader added to the host's command line: a guest needs them too.

    Args:
        phone: The phone.
        running: /proc/cmdline of the host kernel.

    Raises:
        DeviceError: If the phone does not answer.
        RefusedError: If its boot partition is not the profile's.
        InputError: If that holds no boot image.
    """
    header = _header(phone)
    phone.make_staging()
    return _bootloader_words(phone, running, phone.roots(phone.partition_query("boot"), header.query))


def _header(phone: Phone) -> Copy:
    return Copy("boot-header", phone.partition_path("boot"), max(bootimg.PAGE_SIZES))


def _bootloader_words(phone: Phone, running: str, outputs: list[Output]) -> str | None:
    partition, header = outputs
    phone.parse_partition("boot", partition)
    return additions(phone.profile, running, phone.fetch(_header(phone), header) or b"")


def additions(profile: Profile, running: str, header: bytes) -> str | None:
    """Return the words that the bootloader added to the command line of the image it started.

    Args:
        profile: The phone: how its bootloader changes command lines, and its usual image's command line.
        running: /proc/cmdline of the kernel in that image.
        header: The first bytes of the image; b"" if the image is not available.

    Returns:
        The words; None if the image's own command line is not known.

    Raises:
        InputError: If `header` is no boot image header, or truncated.
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
    """Return what the bootloader would change in the command line `own` of an image in the boot partition.

    The words it adds to every command line are not among them. hardboot itself changes nothing.

    Returns:
        The words lost, and the words in their place.
    """
    quirks = profile.cmdline
    passed = cmdlines.passed_on(own, skip=quirks.skip, replaced=quirks.replaced, dropped=quirks.dropped)
    if quirks.ignored:
        passed = ""
    return cmdlines.difference(own, passed), cmdlines.difference(passed, own)

"""What a phone's bootloader adds to the command line and the bootconfig of the image that it starts."""

from dataclasses import dataclass, field

from hardboot import devicetree
from hardboot.base import cmdline as cmdlines
from hardboot.base.sizes import align_up
from hardboot.device.copies import Copy
from hardboot.device.phone import Phone
from hardboot.formats.boot import bootconfig, bootimg, vendorboot
from hardboot.formats.boot.bootconfig import NO_ENTRIES, Entries
from hardboot.formats.boot.bootheader import BootHeaderV3
from hardboot.formats.boot.headerpage import parse_header
from hardboot.profile import Profile
from hardboot.transport.base import Output

_VENDOR_BOOT = "vendor_boot"
_OVERLAYS = "androidboot.dtbo_idx"
_BOOTCONFIG = Copy("bootconfig", "/proc/bootconfig", 1 << 20)
_BLOCK = min(bootimg.PAGE_SIZES)  # bytes; parts of an image begin at a multiple of them


@dataclass(frozen=True)
class BootloaderWords:
    """The words that a guest needs, too.

    Attributes:
        cmdline: Those in the kernel command line; None if they are not known.
        bootconfig: Those in the bootconfig, where the running kernel has one.
    """

    cmdline: str | None = None
    bootconfig: Entries = field(default_factory=dict)

    def for_rom(self, takes_bootconfig: bool) -> "BootloaderWords":
        """Return the words as a ROM gets them: one without a bootconfig finds all in its command line."""
        if takes_bootconfig or not self.bootconfig:
            return self
        return BootloaderWords(f"{self.cmdline or ''} {bootconfig.words(self.bootconfig)}".strip())

    @property
    def overlays(self) -> tuple[int, ...] | None:
        """The overlays of dtbo that the bootloader applied; None if it does not say."""
        values = self.bootconfig.get(_OVERLAYS)
        told = ",".join(values) if values else cmdlines.last_value(self.cmdline or "", _OVERLAYS)
        return None if told is None else devicetree.parse_indexes(told)


def queries(phone: Phone) -> list[str]:
    """Return the commands for `roots` whose outputs `parse` reads.

    Raises:
        DeviceError: If the phone does not answer.
        RefusedError: If the profile knows no boot partition.
    """
    found = [phone.partition_query("boot"), _header(phone, "boot").query]
    if _VENDOR_BOOT in phone.profile.partitions:
        found += [_header(phone, _VENDOR_BOOT).query, _BOOTCONFIG.query]
    return found


def parse(phone: Phone, running: str, outputs: list[Output]) -> BootloaderWords:
    """Return the words from the outputs of `queries`.

    Args:
        phone: The phone.
        running: /proc/cmdline of the host kernel.
        outputs: In the order of the queries.

    Raises:
        DeviceError: If the phone does not answer.
        RefusedError: If its boot partition is not the profile's.
        InputError: If that holds no boot image, or a bootconfig is malformed.
    """
    partition, header, *others = outputs
    phone.parse_partition("boot", partition)
    boot, vendor, config = phone.fetch(_header(phone, "boot"), header) or b"", b"", b""
    if others:
        vendor = phone.fetch(_header(phone, _VENDOR_BOOT), others[0]) or b""
        config = phone.fetch(_BOOTCONFIG, others[1]) or b""
    added = NO_ENTRIES
    if config and _uses_vendor_boot(boot):
        added = bootconfig_additions(config, _own_bootconfig(phone, vendor))
    return BootloaderWords(additions(phone.profile, running, boot, vendor), added)


def ask(phone: Phone, running: str) -> BootloaderWords:
    """Do as `parse` does, after asking the phone."""
    made, *outputs = phone.roots(phone.staging_query(), *queries(phone))
    phone.take_staging(made)
    return parse(phone, running, outputs)


def _header(phone: Phone, name: str) -> Copy:
    """Return how the first page of an image is copied from its partition."""
    return Copy(f"{name}-header", phone.partition_path(name), max(bootimg.PAGE_SIZES))


def _uses_vendor_boot(boot: bytes) -> bool:
    return bool(boot) and isinstance(parse_header(boot), BootHeaderV3)


def _own_bootconfig(phone: Phone, vendor: bytes) -> bytes:
    """Return the bootconfig that the vendor_boot image brings along."""
    place = vendorboot.bootconfig_place(vendor) if vendor else range(0)
    if not place:
        return b""
    path = phone.partition_path(_VENDOR_BOOT)
    blocks = f"skip={place.start // _BLOCK} count={align_up(len(place), _BLOCK) // _BLOCK}"
    command = f"dd if={path} bs={_BLOCK} {blocks} 2>/dev/null"
    size = align_up(len(place), _BLOCK)
    return (phone.pull_copy(Copy("own-bootconfig", path, size, command)) or b"")[: len(place)]


def bootconfig_additions(running: bytes, own: bytes) -> Entries:
    """Return what the bootloader added to a bootconfig: keys that are not the image's own.

    Args:
        running: /proc/bootconfig.
        own: The bootconfig in vendor_boot.

    Raises:
        InputError: If one of them is malformed.
    """
    known = bootconfig.parse(bootconfig.decode(own))
    shown = bootconfig.parse(bootconfig.decode(running))
    return {key: values for key, values in shown.items() if key not in known}


def additions(profile: Profile, running: str, header: bytes, vendor_header: bytes = b"") -> str | None:
    """Return the words that the bootloader added to the command line of the image it started.

    Args:
        profile: The phone: how its bootloader changes command lines, and its usual image's command line.
        running: /proc/cmdline of the kernel in that image.
        header: The first bytes of the image; b"" if the image is not available.
        vendor_header: Those of vendor_boot, whose command line counts from header v3 on.

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
    if vendor_header and _uses_vendor_boot(header):
        own = f"{vendorboot.parse_cmdline(vendor_header)} {own}"
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

"""What a phone's bootloader adds to the command line and the bootconfig of the image that it starts."""

from dataclasses import dataclass, field

from hardboot import devicetree
from hardboot.base import cmdline as cmdlines
from hardboot.base.sizes import align_up
from hardboot.device.copies import Copy, copies_query
from hardboot.device.phone import Phone
from hardboot.formats.boot import bootconfig, bootimg, vendorboot
from hardboot.formats.boot.bootconfig import NO_ENTRIES, Entries
from hardboot.formats.boot.bootheader import BootHeaderV3
from hardboot.formats.boot.headerpage import parse_header
from hardboot.profile import Profile
from hardboot.transport.base import Output

_VENDOR_BOOT = "vendor_boot"
_VENDOR_HEADER = 4096  # bytes, more than VendorHeaderV4 has; nothing is in front of it
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


def copies(phone: Phone) -> list[Copy]:
    """Return the copies whose content `parse` reads.

    Raises:
        DeviceError: If the phone does not answer.
        RefusedError: If the profile knows no boot partition.
    """
    found = [_header(phone, "boot")]
    if _VENDOR_BOOT in phone.profile.partitions:
        found += [_header(phone, _VENDOR_BOOT), _BOOTCONFIG]
    return found


def parse(phone: Phone, running: str, size: Output, copied: Output) -> BootloaderWords:
    """Return the words.

    Args:
        phone: The phone.
        running: /proc/cmdline of the host kernel.
        size: Of `size_query` for the boot partition.
        copied: Of the query of `copies`.

    Raises:
        DeviceError: If the phone does not answer.
        RefusedError: If its boot partition is not the profile's.
        InputError: If that holds no boot image, or a bootconfig is malformed.
    """
    phone.check_size("boot", size)
    boot, *others = (phone.fetch(copy, copied) or b"" for copy in copies(phone))
    vendor, config = others or (b"", b"")
    added = NO_ENTRIES
    if config and _uses_vendor_boot(boot):
        added = bootconfig_additions(config, _own_bootconfig(phone, vendor))
    return BootloaderWords(additions(phone.profile, running, boot, vendor), added)


def ask(phone: Phone, running: str) -> BootloaderWords:
    """Do as `parse` does, after asking the phone."""
    made, size, copied = phone.roots(
        phone.staging_query(), phone.size_query("boot"), copies_query(copies(phone))
    )
    phone.take_staging(made)
    return parse(phone, running, size, copied)


def _header(phone: Phone, name: str) -> Copy:
    """Return how the header of an image is copied; a boot image may have more in front of it."""
    size = _VENDOR_HEADER if name == _VENDOR_BOOT else max(bootimg.PAGE_SIZES)
    return Copy(f"{name}-header", phone.partition_path(name), size)


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

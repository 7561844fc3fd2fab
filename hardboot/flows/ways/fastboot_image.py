"""The boot image that is sent to a bootloader: a ROM in one file."""

from dataclasses import replace

from hardboot.base import log
from hardboot.base.errors import InputError, RefusedError
from hardboot.base.files import naming
from hardboot.flows import image_set
from hardboot.flows.rom import Rom
from hardboot.flows.ways import marked_image
from hardboot.formats.boot.bootimg import BootImage


def make(rom: Rom, cmdline: str, *, as_v2: bool) -> BootImage:
    """Return the image to send.

    A ROM of header v3 or v4 is in several partitions, and a bootloader takes the boot image alone: what else
    was given is only in it when it is packed as an image of header v2.

    Args:
        rom: The ROM, complete.
        cmdline: Kernel command line for the header.
        as_v2: Pack a ROM of header v3 or v4 as one image of header v2.

    Raises:
        RefusedError: If the image would lack something that was given.
        InputError: If a part is malformed, or the command line does not fit into the header.
    """
    path = rom.files.files[image_set.BOOT]
    with naming(path, state="Nothing was sent."):
        image = marked_image.with_parts(rom)
        image = replace(image, lead=b"") if len(image.lead) else image  # the client wants the magic first
        if image.header_version >= marked_image.WITH_VENDOR_BOOT:
            if as_v2:
                image = packed_as_v2(image, rom)
            else:
                _check_alone(rom)
        return marked_image.with_command_line(image, cmdline)


def kept_partitions(rom: Rom, image: BootImage) -> tuple[str, ...]:
    """Return the partitions of the phone that the bootloader adds to `image`."""
    if image.header_version < marked_image.WITH_VENDOR_BOOT:
        return ("dtbo",) if rom.vendor is not None else ()
    return ("vendor_boot", *(() if len(image.ramdisk) else ("init_boot",)), "dtbo")


def packed_as_v2(image: BootImage, rom: Rom) -> BootImage:
    """Return a ROM of header v3 or v4 as one image of header v2; `image` is its boot image.

    Raises:
        InputError: If vendor_boot holds no device tree.
        RefusedError: If it has ramdisks for several boards.
    """
    vendor = rom.vendor
    assert vendor is not None  # a complete ROM
    tree = rom.files.images.get("dtb", vendor.dtb)
    if not len(tree):
        raise InputError(
            "vendor_boot holds no device tree for an image of header v2",
            state="Nothing was sent.",
            fix="Give one: --dtb FILE",
        )
    if "dtbo" in rom.given:
        log.warn("dtbo: the bootloader applies the overlays that are flashed, not the given ones")
    return BootImage(
        kernel=image.kernel,
        ramdisk=rom.ramdisks(),
        dtb=tree,
        header_version=2,
        page_size=vendor.page_size,
        kernel_addr=vendor.kernel_addr,
        ramdisk_addr=vendor.ramdisk_addr,
        tags_addr=vendor.tags_addr,
        dtb_addr=vendor.dtb_addr,
        os_version=image.os_version,
        name=vendor.name,
    )


def _check_alone(rom: Rom) -> None:
    """Refuse to leave out what was given: the flashed images would be booted in its place, unnoticed."""
    extra = sorted((rom.given | rom.files.images.keys() & {"ramdisk", "dtb"}) - {image_set.BOOT, "kernel"})
    if extra:
        raise RefusedError(
            f"fastboot boots the boot image alone: {', '.join(extra)} would be those that are flashed",
            state="Nothing was sent.",
            fix="Send all in one image of header v2, if the bootloader takes that: --as-v2. On a phone with "
            "slots, boot it from the other one: --via slot. Or give boot.img alone.",
        )

"""The boot image that is sent to a bootloader: a ROM in one file, with the mark in its command line."""

from dataclasses import replace

from hardboot.base import log
from hardboot.base.errors import InputError, RefusedError
from hardboot.base.files import naming
from hardboot.flows import host_kernel, image_set
from hardboot.flows.rom import Rom
from hardboot.formats.boot import bootconfig, bootimg, wrappers
from hardboot.formats.boot.bootimg import BootImage
from hardboot.formats.containers import kernel_part
from hardboot.formats.reading import Data, view

_WITH_VENDOR_BOOT = 3  # from this header version on, other partitions hold the rest
_WITH_DTB = 2
# Little Kernel, aboot.c, cmd_boot(): it ends the command line there, and does not know a second field.
_SAFE_CMDLINE = 511  # bytes


def own_cmdline(rom: Rom, *, as_v2: bool) -> str:
    """Return the command line that the image has of its own: from v3 on, vendor_boot has another one."""
    if not as_v2 or rom.vendor is None:
        return rom.image.cmdline
    words = bootconfig.words(rom.bootconfig) if rom.takes_bootconfig else ""
    return f"{rom.cmdline} {words}".strip()


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
        image = bootimg.parse(rom.files.images[image_set.BOOT])
        image = replace(image, lead=b"") if len(image.lead) else image  # the client wants the magic first
        image = _with_kernel(image, rom.files.images.get("kernel"))
        if image.header_version < _WITH_VENDOR_BOOT:
            image = _with_parts(image, rom)
        elif as_v2:
            image = _packed_as_v2(image, rom)
        else:
            _check_alone(rom)
        image = bootimg.renew(replace(image, cmdline=cmdline), grow=True)
        bootimg.build(image)  # refuses a command line that is too long
    if image.header_version < _WITH_VENDOR_BOOT and len(cmdline.encode()) > _SAFE_CMDLINE:
        log.warn(f"older bootloaders cut command lines in images after {_SAFE_CMDLINE} bytes")
    return image


def kept_partitions(rom: Rom, image: BootImage) -> tuple[str, ...]:
    """Return the partitions of the phone that the bootloader adds to `image`."""
    if image.header_version < _WITH_VENDOR_BOOT:
        return ("dtbo",) if rom.vendor is not None else ()
    return ("vendor_boot", *(() if len(image.ramdisk) else ("init_boot",)), "dtbo")


def _with_kernel(image: BootImage, new: Data | None) -> BootImage:
    if new is None:
        return image
    old = host_kernel.read_kernel(image.kernel)
    return replace(image, kernel=host_kernel.replace_kernel(image.kernel, old, new).content)


def _with_parts(image: BootImage, rom: Rom) -> BootImage:
    """Return an image of header v0 to v2 with the ramdisk and the device tree that were given."""
    ramdisk, tree = (rom.files.images.get(name) for name in ("ramdisk", "dtb"))
    if ramdisk is not None:
        mtk = wrappers.split_mtk(image.ramdisk)
        image = replace(image, ramdisk=mtk.around(ramdisk) if mtk else ramdisk)
    if tree is None:
        return image
    if image.header_version >= _WITH_DTB:
        return replace(image, dtb=tree)
    if len(image.dt):
        raise RefusedError(
            "the image has a table of device trees for its bootloader: --dtb cannot replace it",
            state="Nothing was sent.",
            fix="Leave out --dtb, or change the image: hardboot unpack, hardboot pack.",
        )
    known = host_kernel.read_kernel(image.kernel)
    kernel = view(kernel_part.unwrap(image.kernel))[: known.size]
    return replace(image, kernel=kernel_part.with_kernel(image.kernel, kernel, bytes(view(tree))))


def _packed_as_v2(image: BootImage, rom: Rom) -> BootImage:
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
            fix="Send all in one image of header v2, if the bootloader takes that: --as-v2. Or give "
            "boot.img alone.",
        )

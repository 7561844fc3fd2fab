"""A ROM's boot image with the mark in the command line of its header, for the ways through the bootloader."""

from dataclasses import replace

from hardboot.base import cmdline as cmdlines
from hardboot.base import log
from hardboot.base.cmdline import CommandLine
from hardboot.base.errors import RefusedError
from hardboot.device import record
from hardboot.device.handset import KernelIdentity
from hardboot.device.record import ByBootloader, Loaded
from hardboot.flows import host_kernel, image_set
from hardboot.flows.rom import Rom
from hardboot.flows.ways.way import Request
from hardboot.formats.boot import bootconfig, bootimg, wrappers
from hardboot.formats.boot.bootimg import BootImage
from hardboot.formats.containers import kernel_part
from hardboot.formats.reading import Data, view
from hardboot.profile import Profile

WITH_VENDOR_BOOT = 3  # from this header version on, other partitions hold the rest
_WITH_DTB = 2
# Little Kernel, aboot.c, cmd_boot(): it ends the command line there, and does not know a second field.
_SAFE_CMDLINE = 511  # bytes


def command_line(
    profile: Profile, rom: Rom, request: Request, mark: str, *, as_v2: bool = False
) -> CommandLine:
    """Return the command line for the header, with the mark.

    Args:
        profile: Of the phone.
        rom: The ROM.
        request: What the user wants instead of the ROM's own, or appended.
        mark: The mark.
        as_v2: See `own_cmdline`.

    Raises:
        InputError: If it is too long, or a part of it is malformed.
    """
    own = own_cmdline(rom, as_v2=as_v2)
    parts = [
        (cmdlines.ROM, own) if request.cmdline is None else (cmdlines.REPLACED, request.cmdline),
        (cmdlines.APPENDED, request.append),
    ]
    # In front: a bootloader may cut the end off. One that cuts off the start is known.
    parts.insert(2 if profile.cmdline.skip else 0, (cmdlines.MARK, mark))
    return cmdlines.compose(own, parts, size=cmdlines.SIZES[profile.arch])


def describe(kernel: KernelIdentity, start: ByBootloader, rom: Rom, mark: str, line: CommandLine) -> Loaded:
    """Return the record of a ROM that the bootloader will start in place of `kernel`."""
    return record.describe(
        kernel,
        start,
        image=rom.path.name,
        sha256=rom.sha256,
        release=rom.release,
        mark=mark,
        cmdline=line.text,
    )


def own_cmdline(rom: Rom, *, as_v2: bool) -> str:
    """Return the command line that the image has of its own: from v3 on, vendor_boot has another one."""
    if not as_v2 or rom.vendor is None:
        return rom.image.cmdline
    words = bootconfig.words(rom.bootconfig) if rom.takes_bootconfig else ""
    return f"{rom.cmdline} {words}".strip()


def with_parts(rom: Rom) -> BootImage:
    """Return the ROM's boot image with the kernel that was given, and up to header v2 ramdisk and DTB.

    Raises:
        RefusedError: If a part cannot be replaced.
        InputError: If one is malformed.
    """
    image = _with_kernel(bootimg.parse(rom.files.images[image_set.BOOT]), rom.files.images.get("kernel"))
    return image if image.header_version >= WITH_VENDOR_BOOT else _with_parts(image, rom)


def with_command_line(image: BootImage, cmdline: str) -> BootImage:
    """Return the image with another command line, and all that depends on its content renewed.

    Raises:
        InputError: If it does not fit into the header.
    """
    made = bootimg.renew(replace(image, cmdline=cmdline), grow=True)
    bootimg.build(made)  # refuses a command line that is too long
    if made.header_version < WITH_VENDOR_BOOT and len(cmdline.encode()) > _SAFE_CMDLINE:
        log.warn(f"older bootloaders cut command lines in images after {_SAFE_CMDLINE} bytes")
    return made


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

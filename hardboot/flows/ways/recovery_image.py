"""The image for the recovery partition: a ROM in one file, with hb-init behind its ramdisk."""

from dataclasses import replace

from hardboot.base import cmdline as cmdlines
from hardboot.base import log
from hardboot.base.cmdline import CommandLine
from hardboot.base.errors import RefusedError
from hardboot.base.files import naming
from hardboot.flows import first_program, image_set
from hardboot.flows.rom import Rom
from hardboot.flows.ways import fastboot_image, marked_image
from hardboot.flows.ways.way import Request
from hardboot.formats.boot import wrappers
from hardboot.formats.boot.bootimg import BootImage
from hardboot.formats.boot.bootloader_message import BOOT_RECOVERY, stored_command
from hardboot.formats.reading import Data
from hardboot.payload import hb_init
from hardboot.profile import Profile

_V2 = 2
_SKIPPED = "skip_initramfs"  # Android's kernels mount root= then, and start nothing from the ramdisk
MESSAGE = stored_command(BOOT_RECOVERY)


def command_line(profile: Profile, rom: Rom, request: Request, mark: str) -> tuple[CommandLine, str]:
    """Return the command line for the header, with the mark and hb-init, and the path of the ROM's own init.

    Raises:
        RefusedError: If the ROM does not start from its ramdisk.
    """
    line = marked_image.command_line(profile, rom, request, mark, as_v2=request.as_v2)
    if _SKIPPED in (word.text for word in line.words):
        raise RefusedError(
            f"the ROM starts without its ramdisk ({_SKIPPED}): hb-init could not take the message to the "
            "bootloader back, and every restart would start the ROM again",
            state="Nothing was sent.",
            fix="Boot it another way: hardboot boot IMAGE --dry-run shows which.",
        )
    init = first_program.named_in(line.text) or first_program.DEFAULT
    parts = [(word.source, word.text) for word in line.words if cmdlines.key(word.text) != first_program.NAME]
    place = next(at for at, (source, _) in enumerate(parts) if source == cmdlines.MARK)
    parts.insert(place + 1, (cmdlines.MARK, first_program.RDINIT))
    own = marked_image.own_cmdline(rom, as_v2=request.as_v2)
    return cmdlines.compose(own, parts, size=line.size), init


def make(
    rom: Rom, cmdline: str, *, as_v2: bool, arch: str, misc: str, former: bytes, init: str, held: BootImage
) -> BootImage:
    """Return the image to write.

    Args:
        rom: The ROM, complete.
        cmdline: See `command_line`.
        as_v2: Pack a ROM of header v3 or v4 as one image of header v2.
        arch: "arm" or "arm64".
        misc: Name of the block device that is the misc partition.
        former: The command in its message to the bootloader, which hb-init writes back.
        init: Path of the ROM's own init.
        held: The recovery that the partition holds.

    What else the phone's recovery brings for its bootloader, the overlays of header v1 and v2, is kept.

    Raises:
        RefusedError: If it is no image for that partition.
        InputError: If a part is malformed, or the command line does not fit into the header.
    """
    with naming(rom.files.files[image_set.BOOT], state="Nothing was sent."):
        image = _one_image(rom, held.header_version, as_v2=as_v2)
        if len(held.recovery_dtbo) and not len(image.recovery_dtbo):
            log.warn("from the phone's recovery: its overlays (recovery_dtbo), which the image does not have")
            image = replace(image, recovery_dtbo=held.recovery_dtbo)
        step = hb_init.message_step("misc", misc, MESSAGE, former)
        packed = first_program.add(bare_ramdisk(image), arch, [step], init)
        mtk = wrappers.split_mtk(image.ramdisk)
        image = replace(image, ramdisk=mtk.around(packed) if mtk else packed)
        return marked_image.with_command_line(image, cmdline)


def bare_ramdisk(image: BootImage) -> Data:
    """Return the ramdisk of an image as its kernel gets it."""
    mtk = wrappers.split_mtk(image.ramdisk)
    return mtk.data if mtk else image.ramdisk


def _one_image(rom: Rom, version: int, *, as_v2: bool) -> BootImage:
    """Return the ROM as one image of the header version that the phone's recovery has."""
    image = marked_image.with_parts(rom)
    several = image.header_version >= marked_image.WITH_VENDOR_BOOT
    if several and as_v2:
        image = fastboot_image.packed_as_v2(image, rom)
    if image.header_version != version:
        packed = (
            "pack it as one of header v2: --as-v2"
            if several and version == _V2
            else f"make one of header v{version}: hardboot unpack, hardboot pack"
        )
        raise RefusedError(
            f"the image has header v{image.header_version}, the phone's recovery has v{version}"
            + (": the rest of a ROM from v3 on is in other partitions" if several else ""),
            state="Nothing was sent.",
            fix=f"Boot it another way (hardboot boot IMAGE --dry-run shows which), or {packed}",
        )
    return image

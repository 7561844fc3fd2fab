"""Check that a ROM's kernel can start with its ramdisk."""

from hardboot.base import log
from hardboot.base.errors import InputError
from hardboot.flows.rom import Rom
from hardboot.formats.reading import Data
from hardboot.images.ramdisk import startable


def check(rom: Rom, ramdisk: Data, cmdline: str) -> None:
    """Refuse a ramdisk with which the kernel cannot start; warn of one with which it is likely not to.

    Args:
        rom: What to start.
        ramdisk: As its kernel gets it.
        cmdline: As its kernel gets it.

    Raises:
        InputError: If the kernel cannot start with it.
    """
    try:
        for warning in startable.check(ramdisk, rom.identity, cmdline):
            log.warn(warning)
    except InputError as error:
        file = str(rom.path) if rom.replaced_ramdisk is None else None
        raise InputError(error.what, file=file, state="Nothing was sent.", fix=error.fix) from error

"""Check that a ROM's kernel can start with its ramdisk."""

from hardboot.base import log
from hardboot.base.errors import InputError
from hardboot.flows.rom import Rom
from hardboot.images.ramdisk import startable
from hardboot.layout import Guest


def check(rom: Rom, guest: Guest) -> None:
    """Refuse a ramdisk with which the kernel cannot start; warn of one with which it is likely not to.

    Args:
        rom: What to start.
        guest: The same for the planner: with the ramdisk and the command line that its kernel gets.

    Raises:
        InputError: If the kernel cannot start with it.
    """
    try:
        for warning in startable.check(guest.ramdisk, rom.identity, guest.cmdline):
            log.warn(warning)
    except InputError as error:
        file = str(rom.path) if rom.replaced_ramdisk is None else None
        raise InputError(error.what, file=file, state="Nothing was sent.", fix=error.fix) from error

"""A Linux ROM whose own initial ramdisk mounts the root file system, in place of hb-init."""

from hardboot.base import cmdline as cmdlines
from hardboot.base.errors import InputError
from hardboot.flows import first_program
from hardboot.flows.rom import Rom
from hardboot.formats.archives import ramdisk

# hb-init makes the first device of device mapper, and devtmpfs names it so: drivers/md/dm.c.
DISK = "/dev/dm-0"
# What names it: for most; for Halium (Ubuntu Touch, Droidian), which looks for images in it.
_NAMES = ("root", "datapart")


def program(rom: Rom, append: str) -> str:
    """Return the path of the first program in a ROM's initial ramdisk.

    Args:
        rom: The ROM.
        append: What the user appends to its kernel command line.

    Raises:
        InputError: If there is none: the kernel alone would mount its root.
    """
    named = first_program.named_in(append) or first_program.named_in(rom.cmdline)
    path = named or first_program.DEFAULT
    fragments, _ = ramdisk.parse(rom.ramdisks())
    if not first_program.is_file(first_program.tree_of(fragments), path):
        raise InputError(
            f"there is no {path} in the initial ramdisk, which could mount the root file system",
            state="Nothing was written.",
            fix="Leave --initramfs out: hardboot mounts it and starts /sbin/init.",
        )
    return path


def command_line(append: str) -> str:
    """Return `append` with a word that names the disk, unless it has one."""
    named = any(cmdlines.last_value(append, name) is not None for name in _NAMES)
    return append if named else f"root={DISK} {append}".rstrip()

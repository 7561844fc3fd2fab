"""Whether the modules in a ROM's ramdisk fit its kernel."""

import re

from hardboot.base import log
from hardboot.flows.rom import Rom
from hardboot.formats.archives import ramdisk
from hardboot.formats.reading import Data, view

_VERMAGIC = re.compile(rb"(?<![ -~])vermagic=([ -~]{1,200})\0")  # in .modinfo, include/linux/module.h
_SUFFIX = ".ko"
_MODVERSIONS = "modversions"  # a kernel with it compares symbols, and all but the release of vermagic


def check(rom: Rom) -> None:
    """Warn of modules in the ramdisk that were built for another kernel.

    Raises:
        InputError: If the ramdisk cannot be read.
    """
    fragments, _ = ramdisk.parse(rom.ramdisks())
    modules = {
        one.name: magic
        for one in ramdisk.entries(fragments)
        if one.name.endswith(_SUFFIX) and (magic := find_vermagic(one.data))
    }
    release = rom.release
    if release is None:
        log.warn("the kernel does not state its release: its modules cannot be checked")
        return
    other = {name: magic for name, magic in modules.items() if not fits(magic, release)}
    for magic in sorted(set(other.values())):
        names = [name.rpartition("/")[2] for name, its in other.items() if its == magic]
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        log.warn(f"{names[0]}{more} in the ramdisk: built for {magic}; the kernel is {release}")
    if not modules:
        log.say("The ramdisk holds no modules.")
    elif not other:
        log.say(f"The modules in the ramdisk fit the kernel {release}.")


def find_vermagic(module: Data) -> str | None:
    """Return what a module says it was built for; None if it does not say."""
    found = _VERMAGIC.search(bytes(view(module)))
    return found[1].decode("ascii").strip() if found else None


def fits(magic: str, release: str) -> bool:
    """Return whether a kernel of this release may load a module, as far as the release decides.

    Source: Linux kernel/module/version.c, same_magic().
    """
    first, *flags = magic.split()
    return first == release or _MODVERSIONS in flags

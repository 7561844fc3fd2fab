"""Whether the kernel of a ROM has device mapper, by which hb-init makes its disks."""

from collections.abc import Collection

from hardboot.base.errors import RefusedError
from hardboot.flows.rom import Rom

_OPTION = "CONFIG_BLK_DEV_DM"
_ANY = "CONFIG_BLK_DEV_INITRD"  # in every whole configuration
_MODULES = ("dm-mod.ko", "dm_mod.ko")


def check(rom: Rom, modules: Collection[str] | None = None) -> None:
    """Refuse a kernel that says that it has none; many do not tell.

    Args:
        rom: The ROM.
        modules: Names of the modules that hb-init loads; None if they are not known yet.

    Raises:
        RefusedError: If it has none.
    """
    config = rom.identity.config or {}
    if _ANY not in config:
        return
    stated = config.get(_OPTION)
    if stated not in ("y", "m"):
        raise _refused(rom, f"was built without {_OPTION}")
    if stated == "m" and modules is not None and not set(_MODULES) & set(modules):
        raise _refused(rom, f"has {_OPTION} as a module, which its ramdisk does not bring")


def _refused(rom: Rom, reason: str) -> RefusedError:
    return RefusedError(
        f"the kernel {rom.release or 'of the ROM'} {reason} (its IKCONFIG): a stored ROM gets its disks by "
        "device mapper",
        state="Nothing was written or started.",
        fix=f"Build its kernel with {_OPTION}=y, or boot it without storing it: hardboot boot IMAGE",
    )

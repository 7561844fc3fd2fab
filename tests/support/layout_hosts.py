"""Phones with older host kernels, and arm64 guests."""

from typing import Any

import msgspec
from image_builders import unpacks_to
from layout_guests import MIB, guest, kernel

from hardboot import profile
from hardboot.base.memory import Range
from hardboot.formats.kernels import atags
from hardboot.formats.kernels.arm64image import Arm64Image
from hardboot.formats.trees.fdt import Fdt
from hardboot.layout import Arm64Kernel, Guest, LiveMemory

MAKO, BACON, ANGLER, GROUPER = (profile.load(name) for name in ("mako", "bacon", "angler", "grouper"))


# RAM of a Nexus 4 (2 GiB), and of phones whose RAM starts at 0.
MAKO_RAM = LiveMemory((Range(0x80200000, 0x88800000), Range(0x90000000, 0xFE000000)))


LOW_RAM = LiveMemory((Range(0, 0xC0000000),))


SERIAL = atags.Tag(atags.SERIAL, bytes(range(8)))


MEM = atags.Tag(atags.MEM, (0x8600000).to_bytes(4, "little") + (0x80200000).to_bytes(4, "little"))


LIVE_ATAGS = (
    atags.Tag(atags.CORE),
    MEM,
    SERIAL,
    atags.Tag(atags.INITRD2, bytes(8)),
    atags.Tag(atags.CMDLINE, b"old\0"),
)


def old_kernel(address: int) -> Any:
    """Return a zImage of 6 MiB that states no sizes, as those of Linux 3.4."""
    return kernel(size=6 * MIB, edata=None, code=unpacks_to(address))


def legacy(**more: Any) -> Guest:
    options = {"unpacked_size": 13 * MIB, "tree": None, "atags": LIVE_ATAGS, "ramdisk": 8 * MIB}
    return guest(old_kernel(0x80208000), **(options | more))


def image(
    size: int = 20 * MIB,
    total: int = 24 * MIB,
    text: int = 0x80000,
    *,
    anywhere: bool = True,
) -> Arm64Kernel:
    header = Arm64Image(text, total, big_endian=False, page_size="4K", anywhere=anywhere, efi=False)
    return Arm64Kernel(bytes(size), header)


def guest64(one: Arm64Kernel | None = None, tree: Fdt | None = None, **more: Any) -> Guest:
    return Guest(one or image(), bytes(8 * MIB), tree or Fdt(), "console=ttyMSM0", **more)


DIRECT = msgspec.structs.replace(
    ANGLER,
    mem_min=0x50000000,
    hardboot=msgspec.structs.replace(ANGLER.hardboot, host_abi="direct", buffer=None),
)


PLACES = {"kernel": 0x50080000, "initrd": 0x52000000, "dtb": 0x53000000}

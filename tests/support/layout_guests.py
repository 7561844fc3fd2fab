"""Guests to place, and the rules that a plan with given addresses breaks."""

from functools import lru_cache
from typing import Any

import msgspec
from image_builders import words
from image_builders import zimage as build_zimage

from hardboot import layout, profile
from hardboot.formats.kernels import zimage
from hardboot.formats.trees.fdt import Fdt
from hardboot.layout import Guest, LiveMemory
from hardboot.profile import Profile

MIB = 1 << 20
VIRT = profile.load("virt-arm")
SHAMU = profile.load("shamu")


# Debian's linux-image-6.1.0-50-armmp, as its vmlinuz states it.
ARMMP_SIZE, ARMMP_EDATA, ARMMP_BSS, ARMMP_TEXT = 0x532200, 0x13A10B4, 0x5E4D4, 0x208000


# A phone with 3 GiB: two banks with a hole, as the phones of that family have.
IOMEM = """\
00000000-0d9fffff : System RAM
  00008000-00f3ffff : Kernel code
  01000000-0137ffff : Kernel data
0fb00000-bfffffff : System RAM
fc4ab000-fc4abfff : restart
"""


@lru_cache(maxsize=8)
def kernel(
    size: int = ARMMP_SIZE,
    edata: int | None = ARMMP_EDATA,
    bss: int = ARMMP_BSS,
    text: int = ARMMP_TEXT,
    malloc: int = 0x10000,
    code: bytes | None = None,
) -> zimage.ZImage:
    """Return a zImage of `size` bytes that states these numbers; with edata None it states nothing.

    Without `code` it unpacks relative to its own address.
    """
    options: dict[str, Any] = {"tags": b""} if edata is None else {"numbers": (bss, text, malloc)}
    options["code"] = code
    tail = words(edata or 0)
    image = build_zimage(payload=tail, **options)
    image = build_zimage(payload=bytes(max(size - len(image), 0)) + tail, **options)
    found = zimage.parse(image)
    assert (found.edata_size, found.size) == (edata, size)
    return found


def guest(
    zimage: zimage.ZImage | None = None,
    ramdisk: int = 11 * MIB,
    cmdline: str = "console=ttyAMA0",
    **more: Any,
) -> Guest:
    return Guest(zimage or kernel(), bytes(ramdisk), more.pop("tree", Fdt()), cmdline, **more)


def forced(
    addresses: dict[str, int], who: Guest | None = None, phone: Profile = VIRT, live: LiveMemory | None = None
) -> list[tuple[str, str]]:
    """Return the rules that a plan with these addresses breaks, and how."""
    who = who or guest()
    places = {"kernel": 0x45000000, "initrd": 0x46000000, "dtb": 0x46F00000} | addresses
    plan = layout.assemble(phone, who, live, **places)
    found = layout.violations(layout.gather_constraints(phone, who, live), plan.segments)
    return [(one.rule, one.what) for one in found]


def rules(found: list[tuple[str, str]]) -> set[str]:
    return {rule for rule, _ in found}


def moving(**change: int) -> Profile:
    return msgspec.structs.replace(SHAMU, hardboot=msgspec.structs.replace(SHAMU.hardboot, **change))


SHAMU_PLACES = {"kernel": 0x20000000, "initrd": 0x21000000, "dtb": 0x22000000}

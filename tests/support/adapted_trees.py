"""Device trees adapted for a guest, read back by libfdt."""

from typing import Any

import libfdt
from image_builders import dtb

from hardboot import devicetree, profile
from hardboot.base.memory import Range
from hardboot.formats.trees import fdt
from hardboot.formats.trees.fdt import Fdt

VIRT = profile.load("virt-arm")
SHAMU = profile.load("shamu")
PAGE = (VIRT.page.start, VIRT.page.size)
OLD_TREE = 0x42E00000  # where the bootloader script puts it: base + tags_offset

LIVE = fdt.parse(
    dtb(
        """/memreserve/ 0x43000000 0x123456;
        /memreserve/ 0x42e00000 0x3000;
        /memreserve/ 0x7f000000 0x1000;
        / { #address-cells = <2>; #size-cells = <2>; compatible = "linux,dummy-virt";
          memory@40000000 { device_type = "memory"; reg = <0 0x40000000 0 0x40000000>; };
          reserved-memory { #address-cells = <2>; #size-cells = <2>; ranges;
            ramoops@44100000 { compatible = "ramoops"; reg = <0 0x44100000 0 0x100000>; };
            floating { size = <0 0x1000>; }; };
          chosen { bootargs = "old"; linux,initrd-start = <0x43000000>; linux,initrd-end = <0x43123456>;
            rng-seed = [01 02]; kaslr-seed = <1 2>; stdout-path = "/pl011";
            mmi,baseband = "x"; mmi,esd = <1>; linux,hwrev = <0x83a0>; other = <1>;
            mmi,bl_sigs { a = <1>; b = "two"; }; }; };"""
    )
)
ROM = '/ {{ #address-cells = <{0}>; #size-cells = <{0}>; compatible = "{1}"; {2} }};'


def rom(cells: int = 1, compatible: str = "moto,board", more: str = "") -> Fdt:
    return fdt.parse(dtb(ROM.format(cells, compatible, more)))


def adapt(tree: Fdt, **change: Any) -> libfdt.Fdt:
    arguments: dict[str, Any] = {
        "cmdline": "console=ttyAMA0",
        "initrd": Range(0x46000000, 0x46012345),
        "live": LIVE,
        "profile": VIRT,
    }
    return libfdt.Fdt(devicetree.adapt(tree, **(arguments | change)))


def value(tree: libfdt.Fdt, path: str, name: str) -> bytes | None:
    found = tree.getprop(tree.path_offset(path), name, quiet=[libfdt.NOTFOUND])
    return None if isinstance(found, int) else bytes(found)


def reservations(tree: libfdt.Fdt) -> list[tuple[int, int]]:
    return [tuple(tree.get_mem_rsv(index)[-2:]) for index in range(tree.num_mem_rsv())]


def nodes(tree: libfdt.Fdt, path: str = "/") -> list[str]:
    names = []
    offset = tree.first_subnode(tree.path_offset(path), quiet=[libfdt.NOTFOUND])
    while offset >= 0:
        names.append(tree.get_name(offset))
        offset = tree.next_subnode(offset, quiet=[libfdt.NOTFOUND])
    return names

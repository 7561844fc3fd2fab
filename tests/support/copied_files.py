"""Folders of files copied off a phone, modelled on what is known of real ones."""

from pathlib import Path
from typing import Any

from image_builders import dtb

from hardboot import profile, suggest
from hardboot.suggest import Suggestion

GETPROP = """[ro.product.device]: [{}]
[ro.product.manufacturer]: [maker]
[ro.product.cpu.abi]: [armeabi-v7a]
[ro.board.platform]: [{}]
"""
SHAMU_IOMEM = """\
00000000-0d9fffff : System RAM
  00008000-00f3ffff : Kernel code
  01000000-0137ffff : Kernel data
0fb00000-bfffffff : System RAM
fc4ab000-fc4abfff : restart
"""
SHAMU_TREE = """/memreserve/ 0 0x1000;
/memreserve/ 0xac1c0000 0x1000;
/ {{ #address-cells = <2>; #size-cells = <2>; compatible = "qcom,apq8084"; qcom,msm-id = <178 0x47 0x8200>;
  memory {{ device_type = "memory"; reg = <0 0 0 0x40000000 0 0x40000000 0 0x80000000>; }};
  soc {{ ramoops-hole {{ qcom,memblock-reserve = <0x3e9e0000 0x100000>; }};
    mdss_fb {{ qcom,memblock-reserve = <0x3200000 0x1e00000>; }}; {hole} }};
  chosen {{ linux,initrd-start = <0x2000000>; linux,initrd-end = <0x2123456>; mmi,baseband = "x"; mmi,esd;
    linux,hwrev = <0x83a0>; mmi,bl_sigs {{ a = <1>; }}; }}; }};"""
HOLE = "kexec_hardboot-hole { qcom,memblock-reserve = <0x3e9df000 0x1000>; };"
LISTING = """/dev/block/platform/msm_sdcc.1/by-name:
lrwxrwxrwx root root 2014-01-01 00:00 boot -> /dev/block/mmcblk0p37
lrwxrwxrwx root root 2014-01-01 00:00 recovery -> /dev/block/mmcblk0p35
"""
PARTITIONS = " 179       37      16384 mmcblk0p37\n 179       35      16400 mmcblk0p35\n"


def folder(where: Path, device: str = "shamu", platform: str = "msm8084", **files: str | bytes) -> Path:
    """Write a folder of files as copied off a phone; __ stands for a dot in a name."""
    where.mkdir(exist_ok=True)
    for name, value in {"getprop": GETPROP.format(device, platform), **files}.items():
        path = where / name.replace("by_name", "by-name").replace("__", ".")
        path.write_bytes(value if isinstance(value, bytes) else value.encode())
    return where


def shamu(where: Path, hole: str = "", **more: str | bytes) -> Path:
    files: dict[str, Any] = {
        "iomem": SHAMU_IOMEM,
        "fdt": dtb(SHAMU_TREE.format(hole=hole)),
        "by_name": LISTING,
    }
    return folder(
        where, **(files | {"partitions": PARTITIONS, "version": "Linux version 3.10.40-g1 (x)"} | more)
    )


def drafted(where: Path) -> Suggestion:
    found = suggest.suggest(suggest.read_folder(where))
    assert profile.parse(found.text.encode(), "draft") == found.profile
    assert profile.check(found.profile, profile.load_all()) == []
    return found

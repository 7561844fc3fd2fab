"""`hardboot info` for tests, and a boot image made by mkbootimg."""

import json
import subprocess
from pathlib import Path
from typing import Any

from image_builders import DEBIAN, board, kernel_with_banner, pack, zimage
from in_process import hardboot

CMDLINE = "console=ttyMSM0,115200 androidboot.hardware=shamu msm_rtb.filter=0x37 " * 3 + "end"
KERNEL = zimage(payload=pack(kernel_with_banner("6.1.0-test"), "xz"), numbers=(0x3C000, 0x208000, 0x10000))


def document(path: Path) -> dict[str, Any]:
    done = hardboot("info", path, "--json")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def make(folder: Path, *, kernel: bytes = KERNEL, cmdline: str = CMDLINE, ramdisk_size: int = 5000) -> Path:
    """Return a v2 boot image made by AOSP's mkbootimg; its ramdisk is zeros."""
    (folder / "kernel").write_bytes(kernel)
    (folder / "dtb").write_bytes(board("Acme phone"))
    with (folder / "ramdisk").open("wb") as stream:
        stream.truncate(ramdisk_size)
    target = folder / "boot.img"
    subprocess.run(
        [
            *("mkbootimg", "--header_version", "2", "--base", "0x80000000", "--board", "acme"),
            *("--kernel", folder / "kernel", "--ramdisk", folder / "ramdisk", "--dtb", folder / "dtb"),
            *("--os_version", "13.0.0", "--os_patch_level", "2023-05", "--cmdline", cmdline, "-o", target),
        ],
        check=True,
        timeout=60,
        env=DEBIAN,
    )
    return target


def described(folder: Path, data: bytes) -> dict[str, Any]:
    """Return the document of an image with this content."""
    path = folder / "x.img"
    path.write_bytes(data)
    return document(path)

"""Kernels packed by Debian's tools, with a configuration in them."""

import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

import pytest

from hardboot.formats.kernels.kernel_image import KernelImage

HOW = pytest.mark.parametrize("how", ["gzip", "xz", "lzma"])
RELEASE = "6.1.0-50-armmp+x_y"
CONFIG = """# Automatically generated file; DO NOT EDIT.
CONFIG_ARM=y
CONFIG_KEXEC=y
# CONFIG_KEXEC_HARDBOOT is not set
CONFIG_LOCALVERSION="-x=1"
CONFIG_HZ=100
CONFIG_MODULE=m
""" + "".join(f"CONFIG_FILLER_{index * 2654435761 % 2**32:x}=y\n" for index in range(3000))
OPTIONS = {
    "CONFIG_ARM": "y",
    "CONFIG_KEXEC": "y",
    "CONFIG_KEXEC_HARDBOOT": "n",
    "CONFIG_LOCALVERSION": '"-x=1"',
    "CONFIG_HZ": "100",
    "CONFIG_MODULE": "m",
}


@lru_cache(maxsize=16)
def packed_by(command: str, content: bytes) -> bytes:
    words = [*command.split(), "-c"]
    return subprocess.run(words, input=content, capture_output=True, check=True, timeout=60).stdout


def trees(kernel: KernelImage) -> list[bytes]:
    return [bytes(tree) for tree in kernel.dtbs]


def is_right(kernel: KernelImage) -> bool:
    config = kernel.config or {}
    return kernel.release == RELEASE and OPTIONS.items() <= config.items() and len(config) == 3006


def mkimage(*parts: bytes, kind: str = "kernel", compression: str = "none") -> bytes:
    """Return a uImage made by U-Boot's own tool."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, str(index)) for index in range(len(parts))]
        for path, part in zip(paths, parts, strict=True):
            path.write_bytes(part)
        target = Path(folder, "uImage")
        subprocess.run(
            [
                *("mkimage", "-A", "arm", "-O", "linux", "-T", kind, "-C", compression, "-a", "80008000"),
                *("-e", "80008000", "-n", "a name", "-d", ":".join(map(str, paths)), target),
            ],
            check=True,
            capture_output=True,
            timeout=60,
        )
        return target.read_bytes()

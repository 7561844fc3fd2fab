"""Ramdisks and kernels as Magisk, KernelSU and APatch leave them, by hand from their sources."""

import struct

import container_builders as build
import scripted_setup as setup
from cpio_archives import END, newc
from image_builders import hardboot_tag, kernel_with_banner, pack, zimage


def ramdisk(*names: str) -> bytes:
    """Return a ramdisk with an init and these files."""
    files = [newc(name.encode(), b"content") for name in names]
    return b"".join([newc(b"init", b"#!/init"), *files, END])


MAGISK = ramdisk("overlay.d", "overlay.d/sbin/magisk.xz", ".backup", ".backup/init.xz", ".backup/.magisk")
KERNELSU = ramdisk("init.real", "kernelsu.ko")


def kernel_with(mark: bytes, at: int = 15_000) -> bytes:
    """Return an unpacked kernel with a mark in it."""
    kernel = kernel_with_banner("6.1.9-android14", 20_000, 10_000)
    return kernel[:at] + mark + kernel[at + len(mark) :]


def kernel_patch(
    kernel: bytes, *, magic: bytes = b"KP1158\0\0", size: int | None = None, gap: int = 0
) -> bytes:
    """Return a kernel as KernelPatch leaves it.

    Args:
        kernel: The old one.
        magic: Of what is appended.
        size: What it says of the old kernel's size; None is the truth.
        gap: Bytes that it is away from its place.
    """
    size = len(kernel) if size is None else size
    head = magic + struct.pack("<IIQ24s", 0x000A07, 0, 2, b"compiled")
    preset = struct.pack("<IIqq", 0x060109, 0, size, 0)
    return kernel + bytes(-len(kernel) % 4096 + gap) + head.ljust(64, b"\0") + preset + bytes(5000)


def host(kernel: bytes = b"", ramdisk: bytes = b"a ramdisk") -> bytes:
    """Return a boot image with a host kernel for the scripted phone.

    Args:
        kernel: The unpacked kernel.
        ramdisk: The ramdisk.
    """
    payload = pack(kernel, "gzip") if kernel else b""
    return build.boot(
        zimage(tags=hardboot_tag(setup.PAGE), payload=payload), ramdisk, cmdline=b"console=ttyAMA0"
    )

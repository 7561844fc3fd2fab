"""Ramdisks that a kernel can start with, for tests that need any; see also cpio_archives."""

from cpio_archives import END, newc

INIT = newc(b"init", b"#!/bin/sh\n", mode=0o100755)
SHELL = newc(b"bin", mode=0o040755) + newc(b"bin/sh", b"\x7fELF", mode=0o100755)
ARCHIVE = INIT + SHELL + END
OPTIONS = (
    "BLK_DEV_INITRD",
    "BLK_DEV_RAM",
    "RD_GZIP",
    "RD_XZ",
    "RD_LZO",
    "RD_LZ4",
    "RD_ZSTD",
    "BOOT_CONFIG",
    "COMPAT",
)


def ramdisk(size: int = 0) -> bytes:
    """Return an archive with an init, and zeros behind it up to `size` bytes."""
    assert not size or size >= len(ARCHIVE)
    return ARCHIVE.ljust(size, b"\0")


def config(*options: str) -> str:
    """Return a whole kernel configuration with `options`, such as "RD_GZIP", and no other of OPTIONS."""
    lines = [f"CONFIG_{one}=y" if one in options else f"# CONFIG_{one} is not set" for one in OPTIONS]
    return "\n".join(lines) + "\n"

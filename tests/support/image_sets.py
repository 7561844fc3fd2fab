"""The images of a phone of today, by hand from AOSP's bootimg.h: boot v4, init_boot, vendor_boot v4."""

import struct
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from container_builders import page
from cpio_archives import END, newc
from image_builders import arm64_image, dtbo, kernel_with_banner, pack, words
from ramdisks import ARCHIVE

PLATFORM, RECOVERY, DLKM = 1, 2, 3
GENERIC = ARCHIVE  # the ramdisk of init_boot, and two of vendor_boot
VENDOR, FOR_RECOVERY = (newc(name, b"x" * 16) + END for name in (b"first_stage_ramdisk", b"prop.default"))
RELEASE = "6.6.0-rom"
KERNEL = arm64_image(kernel_with_banner(RELEASE, 20_000, 10_000))
VENDOR_CMDLINE = "bootconfig console=ttyAMA0"
BOOTCONFIG = b"androidboot.hardware=virt-arm64\n"


def boot_v4(
    kernel: bytes = pack(KERNEL, "gzip"), ramdisk: bytes = b"", *, cmdline: bytes = b"", version: int = 4
) -> bytes:
    """Return a boot image; without a kernel, an init_boot image."""
    head = b"ANDROID!" + words(len(kernel), len(ramdisk), 0, 1580 + 4 * (version == 4), 0, 0, 0, 0, version)
    head += cmdline.ljust(1536, b"\0") + (words(0) if version == 4 else b"")
    return b"".join(page(part, 4096) for part in (head, kernel, ramdisk))


def vendor_boot(
    ramdisks: Sequence[tuple[int, bytes]] = ((PLATFORM, VENDOR), (RECOVERY, FOR_RECOVERY)),
    *,
    dtb: bytes = b"",
    bootconfig: bytes = BOOTCONFIG,
    cmdline: str = VENDOR_CMDLINE,
    version: int = 4,
    board_ids: Sequence[int] = (),
) -> bytes:
    """Return a vendor_boot image; each ramdisk its type and content."""
    body = b"".join(data for _, data in ramdisks)
    head = (
        b"VNDRBOOT" + words(version, 4096, 0x8000, 0x1000000, len(body)) + cmdline.encode().ljust(2048, b"\0")
    )
    head += (
        words(0x100) + bytes(16) + words(2112 + 16 * (version == 4), len(dtb)) + struct.pack("<Q", 0x1F00000)
    )
    table, at = b"", 0
    for number, (kind, data) in enumerate(ramdisks):
        board = board_ids[number] if board_ids else 0
        table += words(len(data), at, kind) + f"r{number}".encode().ljust(32, b"\0") + words(board, *[0] * 15)
        at += len(data)
    if version < 4:
        table, bootconfig = b"", b""
    else:
        head += words(len(table), len(ramdisks), 108, len(bootconfig))
    return b"".join(page(part, 4096) for part in (head, body, dtb, table, bootconfig))


def image_set(**images: bytes) -> dict[str, bytes]:
    """Return the images of a set by name, with others in place of the usual ones."""
    usual = {
        "boot": boot_v4(),
        "init_boot": boot_v4(b"", GENERIC),
        "vendor_boot": vendor_boot(),
    }
    return usual | images


def write_set(folder: Path, images: Mapping[str, bytes]) -> Path:
    """Write images into a folder under their usual names."""
    folder.mkdir(exist_ok=True)
    for name, data in images.items():
        (folder / f"{name}.img").write_bytes(data)
    return folder


def write_zip(path: Path, members: Mapping[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> Path:
    """Write a zip archive with these files."""
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def overlay_table(*overlays: bytes) -> bytes:
    """Return a dtbo image with these overlays, without ids."""
    return dtbo([((0,) * 6, one) for one in overlays])

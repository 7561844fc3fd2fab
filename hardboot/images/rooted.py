"""Root solutions in a boot image: Magisk, KernelSU, APatch, SuperSU.

Sources: topjohnwu/Magisk, native/src/boot/cpio.rs (the command `test`) and scripts/boot_patch.sh;
tiann/KernelSU, userspace/ksud/src/boot_patch.rs, kernel/Kconfig and kernel/klog.h; for APatch
bmax121/KernelPatch, tools/patch.c (parse_image_patch_info) and kernel/include/preset.h.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from hardboot.base.errors import InputError
from hardboot.base.sizes import align_up
from hardboot.formats.archives import ramdisk
from hardboot.formats.archives.compression import Decompressor
from hardboot.formats.boot import wrappers
from hardboot.formats.boot.bootimg import BootImage
from hardboot.formats.containers import kernel_part
from hardboot.formats.kernels.kernel import identify
from hardboot.formats.reading import Data, pieces, view

MAGISK, KERNELSU, APATCH = "Magisk", "KernelSU", "APatch"
MAGISK_KERNEL = "Magisk's patch of the kernel"

# Files that say who changed a ramdisk; init itself may be called anything.
_FILES = {
    ".backup/.magisk": MAGISK,
    "init.magisk.rc": MAGISK,
    "overlay/init.magisk.rc": MAGISK,
    "kernelsu.ko": KERNELSU,
    "sbin/launch_daemonsu.sh": "SuperSU",
    "boot/sbin/launch_daemonsu.sh": "SuperSU",
    "sbin/su": "su",
}
_KSU_OPTION = "CONFIG_KSU"
# KernelSU begins its messages so. Magisk replaces skip_initramfs in kernels that would not use the ramdisk.
# KernelPatch is appended to the kernel at a multiple of 4 KiB, with the size of the kernel before it.
_MARKS = re.compile(rb"(?P<ksu>KernelSU: )|(?P<sar>\0want_initramfs\0)|(?P<kp>KP\d{4}\0\0)")
_KP_ALIGN = 4096
_KP_SIZE_OFFSET = 72  # bytes; a header of 64, kernel_version and padding of 8, then kimg_size
_LONGEST = _KP_SIZE_OFFSET + 8  # bytes from the start of a mark to the end of what is read of it


@dataclass(frozen=True, order=True)
class Root:
    """A root solution that was found.

    Attributes:
        name: Of the solution.
        part: Of the boot image that it is in.
    """

    name: str
    part: Literal["kernel", "ramdisk"]

    def __str__(self) -> str:
        """Return the name and the part."""
        return f"{self.name} (in the {self.part})"


def find(image: BootImage) -> tuple[Root, ...]:
    """Return the root solutions in a boot image, sorted; a part that cannot be read has none."""
    found: set[Root] = set()
    with suppress(InputError):
        found |= {Root(name, "ramdisk") for name in _in_ramdisk(wrappers.without_mtk(image.ramdisk))}
    with suppress(InputError):
        found |= {Root(name, "kernel") for name in _in_kernel(kernel_part.unwrap(image.kernel))}
    return tuple(sorted(found))


def _in_kernel(kernel: Data) -> Iterator[str]:
    known = identify(kernel)
    if (known.config or {}).get(_KSU_OPTION) == "y":
        yield KERNELSU
    inside = known.payload
    if inside is None:
        yield from _marked(pieces(view(kernel)))
    elif inside.compression != "lzop":
        yield from _marked(Decompressor(inside.compression, view(kernel)[inside.offset :]))


def _in_ramdisk(data: Data) -> Iterator[str]:
    if not len(data):
        return
    fragments, _ = ramdisk.parse(data)
    for archive in (archive for one in fragments for archive in one.archives):
        yield from (name for path, name in _FILES.items() if archive.find(path))


def _marked(content: Iterable[Data]) -> set[str]:
    """Return whose marks are in a decompressed kernel that comes in pieces."""
    names: set[str] = set()
    window, start = b"", 0  # what was not searched yet, and where it begins
    for piece in content:
        window += bytes(piece)
        names |= set(_marks_in(window, start))
        kept = min(len(window), _LONGEST)
        start += len(window) - kept
        window = window[-kept:]
    return names


def _marks_in(window: bytes, start: int) -> Iterator[str]:
    for mark in _MARKS.finditer(window):
        if mark.lastgroup == "ksu":
            yield KERNELSU
        elif mark.lastgroup == "sar":
            yield MAGISK_KERNEL
        elif mark.start() + _LONGEST <= len(window):
            size = window[mark.start() + _KP_SIZE_OFFSET : mark.start() + _LONGEST]
            if align_up(int.from_bytes(size, "little"), _KP_ALIGN) == start + mark.start():
                yield APATCH

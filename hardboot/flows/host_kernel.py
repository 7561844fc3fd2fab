"""The kernel of a host image: whether it has hardboot support, and how it goes into a boot image."""

import re
from dataclasses import dataclass, field
from typing import Literal

from hardboot.base.errors import InputError
from hardboot.formats import sniff
from hardboot.formats.archives import compression
from hardboot.formats.boot import wrappers
from hardboot.formats.containers import kernel_part
from hardboot.formats.kernels import arm64image, uimage, zboot, zimage
from hardboot.formats.kernels.kernel import find_table, identify
from hardboot.formats.kernels.kernel_image import KernelImage
from hardboot.formats.reading import Data, view, windows
from hardboot.formats.trees.qcdt import QCDT

_OPTION = "CONFIG_KEXEC_HARDBOOT"  # in every port of the kexec-hardboot patch
_PAGE = "CONFIG_KEXEC_HARDBOOT_PAGE"  # of hardboot's own series


@dataclass(frozen=True)
class HostSupport:
    """The hardboot support of a kernel, of whichever project.

    Attributes:
        arch: What the kernel is for; None if it does not tell.
        built_in: Whether it has any.
        page: Where it looks for the record; None if it has none, or does not tell.
    """

    arch: Literal["arm", "arm64"] | None
    built_in: bool
    page: int | None = None


def read_support(part: Data) -> HostSupport:
    """Return the hardboot support of a kernel: a zImage states it, others by their configuration.

    Raises:
        InputError: If it cannot be read.
    """
    kernel = kernel_part.unwrap(part)
    if zimage.is_zimage(kernel) and (page := zimage.parse(kernel).hardboot_page) is not None:
        return HostSupport("arm", built_in=True, page=page)
    known = identify(wrappers.without_mtk(part))
    arch: Literal["arm", "arm64"] | None = "arm64" if known.arm64 else "arm" if known.zimage else None
    config = known.config or {}
    stated = re.fullmatch("0x([0-9a-f]{1,16})", config.get(_PAGE, ""))
    built_in = config.get(_OPTION) == "y"
    return HostSupport(arch, built_in=built_in, page=int(stated[1], 16) if built_in and stated else None)


def _is_for_arm64(kernel: Data) -> bool:
    """Return whether a kernel without headers is an arm64 Image or compressed: a zImage is neither."""
    return arm64image.is_arm64(kernel) or compression.detect(kernel) is not None


@dataclass(frozen=True)
class NewPart:
    """The kernel part of a boot image, with another kernel in it.

    Attributes:
        dtbs_kept: Device trees of the old kernel that now follow the new one.
    """

    content: bytes = field(repr=False)
    dtbs_kept: int


def read_kernel(part: Data) -> KernelImage:
    """Return the identity of the kernel in a boot image, without the headers around it.

    Raises:
        InputError: If it is neither a zImage nor an arm64 kernel, or empty.
    """
    if not len(part):
        raise InputError(
            "this image has no kernel",
            state="Nothing was changed.",
            fix="Give boot.img; an init_boot image holds only the ramdisk.",
        )
    kernel = kernel_part.unwrap(part)
    if not _is_for_arm64(kernel):
        zimage.parse(kernel)
    return identify(kernel, config=False)


def replace_kernel(part: Data, old: KernelImage, new: Data) -> NewPart:
    """Return the kernel part of a boot image with another kernel.

    Headers in front of the old kernel are written for the new one, its own are left out. Device trees behind
    the old one are kept if the new one has none. An arm64 kernel is compressed as the old one is.

    Args:
        part: The kernel part.
        old: The kernel in it, by `read_kernel`.
        new: The new kernel.

    Raises:
        InputError: If `new` is no kernel of the same architecture, or cannot be unpacked.
    """
    bare = view(kernel_part.unwrap(new))
    if old.zimage:
        if not zimage.is_zimage(bare):
            raise InputError(
                f"this is {sniff.described(bare)}, the phone's own kernel is a zImage for 32-bit ARM",
                state="Nothing was written.",
                fix="Give a zImage: arch/arm/boot/zImage.",
            )
        parsed = zimage.parse(bare)
        kernel, dtbs, rest = parsed.kernel, parsed.dtbs, bare[parsed.size :]
    else:
        known = identify(bare, config=False)
        if known.arm64 is None:
            raise InputError(
                f"this is a kernel for 32-bit ARM ({known.kind}), the phone's own is for arm64",
                state="Nothing was written.",
                fix="Give an arm64 kernel: arch/arm64/boot/Image.",
            )
        kernel, dtbs, rest = view(_packed(bare, known, part, old)), known.dtbs, bare[known.size :]
    if dtbs or find_table(rest):
        return NewPart(kernel_part.with_kernel(part, kernel, bytes(rest)), 0)
    if len(old.table):
        kept = len(QCDT.parse(old.table).trees)
        return NewPart(kernel_part.with_kernel(part, kernel, bytes(old.table)), kept)
    trees = b"".join(bytes(dtb) for dtb in old.dtbs) or bytes(rest)
    return NewPart(kernel_part.with_kernel(part, kernel, trees), len(old.dtbs))


def _packed(new: memoryview, known: KernelImage, part: Data, old: KernelImage) -> Data:
    """Return an arm64 kernel compressed as the old one is, without what follows it."""
    kind = old.payload.compression if old.payload else None
    inner = wrappers.without_mtk(part)
    if uimage.is_uimage(inner) or zboot.is_zboot(inner) or kind == "lzop":
        kind = None  # what is around it is written for a kernel that is not compressed
    if kind == (known.payload.compression if known.payload else None):
        return new[: known.size]
    image: Data = new[: known.size]
    if known.payload and known.payload.compression != "lzop":
        image, _ = compression.unpack(known.payload.compression, new)
    if kind is None:
        return image
    packed = b"".join(compression.compress(kind, map(bytes, windows(image))))
    if old.payload and old.payload.size is not None and old.size == old.payload.size + 4:
        packed += len(image).to_bytes(4, "little")  # Linux before 5.8 appends it
    return packed

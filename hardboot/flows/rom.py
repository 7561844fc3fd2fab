"""A ROM: the boot image to be started, read from a file, and what the planner needs of it."""

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from hardboot import devicetree
from hardboot.base import log
from hardboot.base.errors import InputError
from hardboot.base.files import naming
from hardboot.base.mapping import map_file
from hardboot.devicetree import Candidate
from hardboot.flows import boot_image
from hardboot.formats.archives import compression
from hardboot.formats.archives.compression import Decompressor
from hardboot.formats.boot import wrappers
from hardboot.formats.boot.bootimg import BootImage
from hardboot.formats.containers import kernel_part
from hardboot.formats.kernels import arm64image, zimage
from hardboot.formats.kernels.atags import Tag
from hardboot.formats.kernels.kernel import identify
from hardboot.formats.kernels.kernel_image import KernelImage
from hardboot.formats.kernels.zimage import ZImage
from hardboot.formats.kernels.zimage_payload import MAX_UNPACKED
from hardboot.formats.reading import Data, view
from hardboot.formats.trees.fdt import Fdt
from hardboot.layout import AnyKernel, Arm64Kernel, Guest

NO_TREE = "none: this phone's kernels get ATAGS"  # the reason, where profile.dtb.kind is none


@dataclass(frozen=True)
class Rom:
    """A boot image taken apart. Its parts are views of a private copy of the file.

    Attributes:
        image: Without MediaTek headers.
        kernel: The kernel as it is started; an arm64 kernel is unpacked.
        trees: The device trees in its dtb or dt part, else those appended to its kernel; in file order.
        data: The whole file.
    """

    path: Path
    image: BootImage
    kernel: AnyKernel
    trees: tuple[Candidate, ...] = field(repr=False)
    data: Data = field(repr=False)

    @cached_property
    def sha256(self) -> str:
        """The SHA-256 of the file, in hex."""
        return hashlib.sha256(self.data).hexdigest()

    @cached_property
    def identity(self) -> KernelImage:
        """The identity of the kernel, without its configuration."""
        kernel = self.kernel
        return identify(kernel.kernel if isinstance(kernel, ZImage) else kernel.data, config=False)

    @property
    def release(self) -> str | None:
        """The kernel's release, as `uname -r` will print it; None if the image does not tell."""
        return self.identity.release

    @property
    def unpacked_size(self) -> int | None:
        """Bytes of the decompressed kernel; None if it does not state them and cannot be unpacked."""
        stated = self.kernel.edata_size if isinstance(self.kernel, ZImage) else len(self.kernel.data)
        return stated or self.identity.unpacked_size

    @property
    def cmdline(self) -> str:
        """The image's own kernel command line."""
        return self.image.cmdline

    def guest(
        self,
        *,
        tree: Fdt | None,
        live_tree: Fdt | None,
        cmdline: str,
        atags: tuple[Tag, ...] | None = None,
    ) -> Guest:
        """Return the guest for the planner.

        Args:
            tree: As `devicetree.choose` chose it; None reserves room for one.
            live_tree: The phone's own tree; None without a phone.
            cmdline: Kernel command line.
            atags: The phone's ATAGS, if its kernels get them; None reserves room for them.
        """
        return Guest(
            kernel=self.kernel,
            ramdisk=self.image.ramdisk,
            tree=tree,
            cmdline=cmdline,
            live_tree=live_tree,
            atags=atags,
            unpacked_size=self.unpacked_size,
        )


def read(path: Path) -> Rom:
    """Read the boot image `path`, mapped into memory.

    Raises:
        InputError: If it cannot be read, is no boot image or truncated, or has no ARM or arm64 kernel, or no
            ramdisk.
    """
    data = map_file(path)
    with naming(path, state="Nothing was sent."):
        image = boot_image.parse(path, data)
        for part in ("kernel", "ramdisk"):
            if not len(getattr(image, part)):
                raise InputError(
                    f"the image has no {part}",
                    state="Nothing was sent.",
                    fix="Use a complete boot image: kernel and ramdisk are needed to boot from RAM.",
                )
        image = _without_mtk(image)
        return Rom(path, image, _kernel(image.kernel), _trees(image), data)


def _without_mtk(image: BootImage) -> BootImage:
    """Return the image without MediaTek's headers before kernel and ramdisk, as its bootloader starts it."""
    kernel, ramdisk = _bare("kernel", image.kernel), _bare("ramdisk", image.ramdisk)
    return replace(image, kernel=kernel, ramdisk=ramdisk)


def _bare(name: str, part: Data) -> Data:
    mtk = wrappers.split_mtk(part)
    if mtk is None:
        return part
    if mtk.warning:
        log.warn(f"{name}: {mtk.warning}")
    return mtk.data


def _kernel(part: Data) -> AnyKernel:
    """Return the kernel as it is started: a zImage unpacks itself, an arm64 Image must be unpacked first."""
    part = kernel_part.unwrap(part)
    if arm64image.is_arm64(part):
        size = identify(part, config=False).size
        return Arm64Kernel(view(part)[:size], arm64image.parse(part))
    kind = compression.detect(part)
    if kind is None or kind == "lzop":
        return zimage.parse(part)
    data = b"".join(Decompressor(kind, part, limit=MAX_UNPACKED))
    return Arm64Kernel(data, arm64image.parse(data)) if arm64image.is_arm64(data) else zimage.parse(part)


def _trees(image: BootImage) -> tuple[Candidate, ...]:
    """Return the trees of the image's dtb or dt part; without one, those appended to the kernel."""
    source = devicetree.find_trees_in_parts(image.parts)
    if len(image.dtb) and (source is None or source.part != "dtb"):
        raise InputError(
            f"the dtb part ({len(image.dtb)} bytes) holds no device tree",
            state="Nothing was sent.",
            fix="Use an image whose dtb part holds device trees, or one without a dtb part.",
        )
    candidates = source.candidates if source else ()
    if len(candidates) == 1:
        candidates[0].tree  # noqa: B018  # it will be used: refuse it now, with the file's name
    return candidates

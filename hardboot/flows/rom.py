"""A ROM: the boot image that is to be started, read from a file, and what the planner needs of it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from hardboot import devicetree
from hardboot.base.errors import InputError
from hardboot.base.files import map_file, naming
from hardboot.devicetree import Candidate
from hardboot.formats.archives import compression
from hardboot.formats.archives.compression import Decompressor
from hardboot.formats.boot import bootimg, wrappers
from hardboot.formats.boot.bootimg import BootImage
from hardboot.formats.kernels import arm64image, zimage
from hardboot.formats.kernels.atags import Tag
from hardboot.formats.kernels.kernel import MAX_UNPACKED, Kernel, identify
from hardboot.formats.kernels.zimage import ZImage
from hardboot.formats.reading import Data, view
from hardboot.formats.trees.fdt import Fdt
from hardboot.layout import AnyKernel, Arm64Kernel, Guest

NO_TREE = "none: this phone's kernels get ATAGS"  # the reason, where profile.dtb.kind is none

_T = TypeVar("_T")


@dataclass(frozen=True)
class Rom:
    """A boot image taken apart. Its parts are views of the file, which must not change meanwhile.

    Attributes:
        kernel: The kernel as it is started; an arm64 one unpacked.
        trees: The device trees it brings, in file order: of its dtb or dt part, else behind its kernel.
    """

    path: Path
    image: BootImage
    kernel: AnyKernel
    trees: tuple[Candidate, ...] = field(repr=False)

    @cached_property
    def identity(self) -> Kernel:
        """What the kernel says of itself; its configuration is not looked for."""
        kernel = self.kernel
        return identify(kernel.kernel if isinstance(kernel, ZImage) else kernel.data, config=False)

    @property
    def release(self) -> str | None:
        """The kernel's release, as `uname -r` will print it; None if it cannot be read."""
        return self.identity.release

    @property
    def unpacked_size(self) -> int | None:
        """Bytes of the decompressed kernel; None if it neither states it nor can be unpacked."""
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
        """What the planner needs.

        Args:
            tree: What `devicetree.choose` chose; None plans with a stand-in.
            live_tree: The phone's own tree; None if no phone is asked.
            cmdline: Kernel command line.
            atags: The phone's ATAGS, if its kernels get such; None plans with a stand-in.
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
    """Read the boot image `path`; only what is looked at is read from disk.

    Raises:
        InputError: If it cannot be read, is no boot image or cut off, or has no ARM or arm64 kernel, or no
            ramdisk.
    """
    image = _within(path, lambda: bootimg.parse(map_file(path)))
    for part in ("kernel", "ramdisk"):
        if not len(getattr(image, part)):
            raise InputError(
                f"{path}: the image has no {part}",
                state="Nothing was sent.",
                fix="Give a whole boot image: kernel and ramdisk are needed to boot from RAM.",
            )
    image = _within(path, lambda: _without_mtk(image))
    kernel = _within(path, lambda: _kernel(image.kernel))
    trees = _within(path, lambda: _trees(image))
    return Rom(path, image, kernel, trees)


def _within(path: Path, parse: Callable[[], _T]) -> _T:
    """Return what `parse` returns; its errors get the file's name."""
    with naming(path, state="Nothing was sent."):
        return parse()


def _without_mtk(image: BootImage) -> BootImage:
    """The image as MediaTek's bootloader starts it: no header of its own in front of kernel and ramdisk."""
    bare = wrappers.without_mtk
    return replace(image, kernel=bare(image.kernel), ramdisk=bare(image.ramdisk))


def _kernel(part: Data) -> AnyKernel:
    """The kernel as it is started: a zImage unpacks itself, an arm64 Image must be unpacked before."""
    if arm64image.is_arm64(part):
        found = identify(part, config=False)
        return Arm64Kernel(view(part)[: found.size], arm64image.parse(part))
    kind = compression.detect(part)
    if kind is None or kind == "lzop":
        return zimage.parse(part)
    data = b"".join(Decompressor(kind, part, limit=MAX_UNPACKED))
    return Arm64Kernel(data, arm64image.parse(data)) if arm64image.is_arm64(data) else zimage.parse(part)


def _trees(image: BootImage) -> tuple[Candidate, ...]:
    """The trees of the image's own dtb or dt part; without one, those appended to the kernel."""
    source = devicetree.find_trees_in_parts(image.parts)
    if len(image.dtb) and (source is None or source.part != "dtb"):
        raise InputError(
            f"the dtb part ({len(image.dtb)} bytes) holds no device tree",
            state="Nothing was sent.",
            fix="Give an image whose dtb part holds device trees, or none at all.",
        )
    found = source.candidates if source else ()
    if len(found) == 1:
        found[0].tree  # noqa: B018  # it will be taken: refuse it now, with the file's name
    return found

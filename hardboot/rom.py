"""A ROM: the boot image that is to be started, read from a file, and what the planner needs of it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from hardboot import devicetree
from hardboot.devicetree import Candidate
from hardboot.errors import InputError
from hardboot.files import map_file
from hardboot.formats import bootimg, wrappers, zimage
from hardboot.formats.bootimg import BootImage
from hardboot.formats.fdt import Fdt
from hardboot.formats.kernel import Kernel, identify
from hardboot.formats.zimage import ZImage
from hardboot.layout import Guest

_T = TypeVar("_T")


@dataclass(frozen=True)
class Rom:
    """A boot image taken apart. Its parts are views of the file, which must not change meanwhile.

    Attributes:
        trees: The device trees it brings, in file order: of its dtb or dt part, else behind its kernel.
    """

    path: Path
    image: BootImage
    zimage: ZImage
    trees: tuple[Candidate, ...] = field(repr=False)

    @cached_property
    def kernel(self) -> Kernel:
        """What the kernel says of itself; its configuration is not looked for."""
        return identify(self.zimage.kernel, config=False)

    @property
    def release(self) -> str | None:
        """The kernel's release, as `uname -r` will print it; None if it cannot be read."""
        return self.kernel.release

    @property
    def unpacked_size(self) -> int | None:
        """Bytes of the decompressed kernel; None if it neither states it nor can be unpacked."""
        return self.zimage.edata_size or self.kernel.unpacked_size

    @property
    def cmdline(self) -> str:
        """The image's own kernel command line."""
        return self.image.cmdline

    def guest(self, *, tree: Fdt | None, live_tree: Fdt | None, cmdline: str) -> Guest:
        """What the planner needs.

        Args:
            tree: What `devicetree.choose` chose; None plans with a stand-in.
            live_tree: The phone's own tree; None if no phone is asked.
            cmdline: Kernel command line.
        """
        return Guest(
            kernel=self.zimage,
            ramdisk=self.image.ramdisk,
            tree=tree,
            cmdline=cmdline,
            live_tree=live_tree,
            unpacked_size=self.unpacked_size,
        )


def read(path: Path) -> Rom:
    """Read the boot image `path` for a 32-bit ARM phone; only what is looked at is read from disk.

    Raises:
        InputError: If it cannot be read, is no boot image or cut off, or has no ARM kernel or ramdisk.
    """
    image = _within(path, lambda: bootimg.parse(map_file(path)))
    for part in ("kernel", "ramdisk"):
        if not len(getattr(image, part)):
            raise InputError(
                f"{path}: the image has no {part}",
                unchanged="Nothing was sent.",
                fix="Give a whole boot image: kernel and ramdisk are needed to boot from RAM.",
            )
    image = _within(path, lambda: _without_mtk(image))
    kernel = _within(path, lambda: zimage.parse(image.kernel))
    trees = _within(path, lambda: _trees(image))
    return Rom(path, image, kernel, trees)


def _within(path: Path, parse: Callable[[], _T]) -> _T:
    """What `parse` returns; its errors get the file's name."""
    try:
        return parse()
    except InputError as error:
        raise InputError(f"{path}: {error.what}", unchanged="Nothing was sent.", fix=error.fix) from error


def _without_mtk(image: BootImage) -> BootImage:
    """The image as MediaTek's bootloader starts it: no header of its own in front of kernel and ramdisk."""
    bare = wrappers.without_mtk
    return replace(image, kernel=bare(image.kernel), ramdisk=bare(image.ramdisk))


def _trees(image: BootImage) -> tuple[Candidate, ...]:
    """The trees of the image's own dtb or dt part; without one, those appended to the kernel."""
    source = devicetree.in_parts(image.parts)
    if len(image.dtb) and (source is None or source.part != "dtb"):
        raise InputError(
            f"the dtb part ({len(image.dtb)} bytes) holds no device tree",
            unchanged="Nothing was sent.",
            fix="Give an image whose dtb part holds device trees, or none at all.",
        )
    found = source.candidates if source else ()
    if len(found) == 1:
        found[0].tree  # noqa: B018  # it will be taken: refuse it now, with the file's name
    return found

"""Boot images given as files: what `boot`, `load`, `host-image` and `flash-host-kernel` read."""

import shlex
from pathlib import Path
from typing import TypeVar

from hardboot.base import log
from hardboot.base.errors import InputError
from hardboot.base.files import Data
from hardboot.formats import sniff
from hardboot.formats.boot import bootimg, wrappers
from hardboot.formats.boot.bootimg import BootImage
from hardboot.formats.boot.vendorboot import VendorBoot
from hardboot.formats.kernels import kernel

_Image = TypeVar("_Image", BootImage, VendorBoot)


def parse(path: Path, data: Data) -> BootImage:
    """Return the boot image in `data`, the content of `path`, and warn of what its header states wrongly.

    Raises:
        InputError: If it is no boot image or truncated; a bare kernel is told what to do with it.
    """
    content = wrappers.without_mtk(data)
    if kernel.is_kernel(content) and sniff.sniff(content) not in (sniff.UBOOT_RAMDISK, sniff.UBOOT_OTHER):
        option = f"--kernel {shlex.quote(str(path))}"
        raise InputError(
            "this is a bare ARM kernel, not a boot image",
            file=str(path),
            state="Nothing was changed.",
            fix=f"Boot it with the phone's own ramdisk: hardboot boot {option}. Or make a boot image: "
            f"hardboot host-image BOOT.IMG {option} -o OUT",
        )
    return warned(path, bootimg.parse(data))


def warned(path: Path, image: _Image) -> _Image:
    """Return `image`, the content of `path`, after a warning of all that its header states wrongly."""
    for warning in image.warnings:
        log.warn(f"{path}: {warning}")
    return image

"""Boot images given as files: what `boot`, `load`, `host-image` and `flash-host-kernel` read."""

from pathlib import Path

from hardboot.base import log
from hardboot.base.errors import InputError
from hardboot.base.files import Data
from hardboot.formats.boot import bootimg, wrappers
from hardboot.formats.boot.bootimg import BootImage
from hardboot.formats.kernels import kernel


def parse(path: Path, data: Data) -> BootImage:
    """Return the boot image in `data`, the content of `path`, and warn of what its header states wrongly.

    Raises:
        InputError: If it is no boot image or truncated; a bare kernel is told what to do with it.
    """
    if kernel.is_kernel(wrappers.without_mtk(data)):
        raise InputError(
            "this is a bare ARM kernel, not a boot image",
            file=str(path),
            state="Nothing was changed.",
            fix=f"Boot it with the phone's own ramdisk: hardboot boot --kernel {path}. Or make a boot image: "
            f"hardboot host-image BOOT.IMG --kernel {path} -o OUT",
        )
    image = bootimg.parse(data)
    for warning in image.warnings:
        log.warn(f"{path}: {warning}")
    return image

"""Make a host image: a phone's own boot image with another kernel in it."""

from dataclasses import dataclass, replace
from pathlib import Path

from hardboot.base.errors import InputError
from hardboot.base.files import read_bytes, write_atomic
from hardboot.formats.boot import bootimg, wrappers
from hardboot.formats.kernels import zimage

_LIMIT = 256 << 20  # bytes


@dataclass(frozen=True)
class HostImage:
    """What was written.

    Attributes:
        dtbs_kept: Device trees that were appended to the old kernel and now follow the new one.
        hardboot_page: Where the new kernel looks for the record; None if it has no hardboot support.
    """

    path: Path
    size: int
    kernel_size: int
    dtbs_kept: int
    hardboot_page: int | None


def make(boot_image: Path, kernel: Path, output: Path) -> HostImage:
    """Write `boot_image` with `kernel` instead of its own; everything else stays, the id is computed anew.

    Device trees appended to the old kernel are kept if the new one brings none, and so is a MediaTek header.

    Raises:
        InputError: If either is not what it should be, or `output` cannot be written.
    """
    image = bootimg.parse(read_bytes(boot_image, limit=_LIMIT))
    algorithm = bootimg.check_id(image)
    if algorithm is None and any(image.id):
        raise InputError(
            f"{boot_image}: the id in its header does not fit its parts: it is damaged or was edited",
            state="Nothing was written.",
            fix="Use the phone's own boot image: from its maker, or from the boot partition.",
        )
    old = zimage.parse(wrappers.without_mtk(image.kernel))
    data = read_bytes(kernel, limit=_LIMIT)
    new = zimage.parse(data)
    kept = () if new.dtbs else old.dtbs
    content = bytes(new.kernel if kept else data) + b"".join(bytes(dtb) for dtb in kept)
    mtk = wrappers.split_mtk(image.kernel)
    if mtk:
        content = wrappers.with_mtk(mtk.header, content)
    changed = bootimg.renew(replace(image, kernel=content), algorithm or "sha1")
    write_atomic(output, bootimg.build(changed))
    return HostImage(
        path=output,
        size=output.stat().st_size,
        kernel_size=len(content),
        dtbs_kept=len(kept),
        hardboot_page=new.hardboot_page,
    )

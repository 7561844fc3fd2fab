"""What a boot partition holds: whether its boot image is complete, and which kernel is in it."""

from dataclasses import dataclass

from hardboot.base.errors import InputError
from hardboot.base.files import Data
from hardboot.flows.host_image import is_host
from hardboot.formats.archives import ramdisk
from hardboot.formats.boot import bootimg, wrappers
from hardboot.formats.boot.bootimg import BootImage
from hardboot.formats.kernels.kernel import identify


@dataclass(frozen=True)
class Content:
    """The boot image in a partition or a file.

    Attributes:
        problem: Why it is not complete; None if everything that can be checked fits.
        release: Of its kernel, as `uname -r` prints it; None if it is not found.
        host: Whether its kernel has hardboot support; None if the kernel cannot be read.
    """

    problem: str | None
    release: str | None = None
    host: bool | None = None


def inspect(data: Data) -> Content:
    """Return what `data`, the content of a boot partition or of a file, holds.

    The id in the header (v0 to v2) is compared with the parts. Images without an id can only be read: their
    kernel must say its release, and their ramdisk must unpack. What AVB signed is no proof either way: on an
    unlocked phone it is often the hash of an older image.
    """
    try:
        image = bootimg.parse(data)
        release = identify(wrappers.without_mtk(image.kernel), config=False).release
        host = is_host(image)
        problem = _problem(image, release)
    except InputError as error:
        return Content(error.what)
    return Content(problem, release, host)


def _problem(image: BootImage, release: str | None) -> str | None:
    if any(image.id):
        return None if bootimg.check_id(image) else "the id in its header is not that of its content"
    if release is None:
        return "its kernel cannot be read"
    if len(image.ramdisk):
        ramdisk.parse(wrappers.without_mtk(image.ramdisk))
    return None

"""What a new boot image would take from the phone: the root that the old one has, and that hardboot needs."""

from hardboot.base.errors import InputError
from hardboot.base.files import Data
from hardboot.formats.boot import bootimg
from hardboot.images import rooted
from hardboot.images.rooted import Root


def roots_of(data: Data) -> tuple[Root, ...]:
    """Return the root solutions in a file or partition; none if it is no boot image."""
    try:
        return rooted.find(bootimg.parse(data))
    except InputError:
        return ()


def lost(old: tuple[Root, ...], new: tuple[Root, ...]) -> tuple[Root, ...]:
    """Return the root solutions of `old` that `new` has in neither part."""
    names = {one.name for one in new}
    return tuple(one for one in old if one.name not in names)


def warning(root: Root, image: str, *, others: bool) -> str:
    """Return what the loss of a root solution means.

    Args:
        root: What the old boot image has.
        image: Name of the image that lacks it.
        others: Whether the image has another root solution.
    """
    means = "" if others else "; without root, hardboot cannot boot a ROM"
    return f"{image} lacks {root}, which the old boot image has: once flashed, the phone loses it{means}"


def how_to_keep(root: Root, image: str) -> str:
    """Return what to do so that the host image `image` has a root solution, too."""
    own_image = (
        "make the host image from the phone's own boot image (hardboot backup -o boot.img, then "
        "hardboot host-image boot.img)"
    )
    match root:
        case Root(rooted.KERNELSU, "kernel"):
            return "build the host kernel with KernelSU, too"
        case Root(rooted.APATCH):
            return f"patch {image} with the APatch app, and flash what it makes"
        case Root(rooted.MAGISK_KERNEL):
            return f"patch {image} with the Magisk app again, and flash what it makes"
        case Root(rooted.MAGISK | rooted.KERNELSU as name):
            return f"{own_image}, or patch {image} with the {name} app and flash what it makes"
    return own_image

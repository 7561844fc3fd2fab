"""A kernel that is given as a file."""

from hardboot.base.errors import InputError
from hardboot.formats import sniff
from hardboot.formats.archives import compression
from hardboot.formats.containers import kernel_part
from hardboot.formats.kernels import kernel
from hardboot.formats.reading import Data


def check(data: Data) -> None:
    """Refuse a file that is something else than a kernel, and say what it is.

    Raises:
        InputError: If it is.
    """
    content = kernel_part.unwrap(data)
    if kernel.is_kernel(content) or compression.detect(content):
        return
    fix = "Give a zImage, or an arm64 Image, packed or not."
    if sniff.sniff(content) == sniff.BOOT_IMAGE:
        fix = "Give the kernel in it: hardboot unpack IMAGE FOLDER, then FOLDER/kernel."
    raise InputError(
        f"this is {sniff.described(content)}, not an ARM kernel", state="Nothing was changed.", fix=fix
    )

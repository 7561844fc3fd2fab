"""A boot image made of the kernel, initial ramdisk and device tree of a Linux distribution."""

from hardboot.formats.archives import cpio
from hardboot.formats.archives.cpio import Archive
from hardboot.formats.boot import bootimg
from hardboot.formats.boot.bootimg import BootImage
from hardboot.formats.reading import Data

FILE_LIMIT = 64 << 20  # bytes of each file; far above every kernel and ramdisk


def build(kernel: Data, ramdisk: Data, tree: Data, cmdline: str) -> bytes:
    """Return a boot image.

    Args:
        kernel: As the bootloader would take it.
        ramdisk: May be empty, as a kernel may have its own inside: it gets an archive without files.
        tree: Device tree; empty leaves the choice to whoever starts it.
        cmdline: Kernel command line.

    Raises:
        InputError: If the command line is too long.
    """
    if not len(ramdisk):
        ramdisk = b"".join(cpio.build([Archive("newc", ())]))
    image = BootImage(
        kernel=kernel, ramdisk=ramdisk, dtb=tree, header_version=2 if len(tree) else 0, cmdline=cmdline
    )
    return b"".join(bytes(piece) for piece in bootimg.build(bootimg.renew(image)))

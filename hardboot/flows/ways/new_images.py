"""Images that a way writes to partitions: the ROM's boot image with the mark, and others of the ROM."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hardboot.base.errors import RefusedError
from hardboot.base.files import PrivateCopy, built_copy, naming
from hardboot.device import by_name
from hardboot.device.phone import Phone
from hardboot.flows import image_set, transaction
from hardboot.flows.rom import Rom
from hardboot.flows.ways import marked_image
from hardboot.formats.boot import bootimg
from hardboot.formats.reading import Data


@dataclass(frozen=True)
class NewImage:
    """An image for a partition: the file that it comes from, for people, and its content in pieces."""

    path: Path
    content: Sequence[Data] = field(repr=False)

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(map(len, self.content))


def marked_boot(rom: Rom, cmdline: str) -> NewImage:
    """Return the boot image with its kernel and command line.

    Raises:
        RefusedError: If a part was given that is in another image.
        InputError: If a part is malformed, or the command line does not fit into the header.
    """
    path = rom.files.files[image_set.BOOT]
    with naming(path, state="Nothing was sent."):
        image = marked_image.with_command_line(marked_image.with_parts(rom), cmdline)
        content = list(bootimg.build(image))
    parts = sorted(rom.files.images.keys() & {"ramdisk", "dtb"})
    if parts and image.header_version >= marked_image.WITH_VENDOR_BOOT:
        raise RefusedError(
            f"the {' and the '.join(parts)} of a ROM of several images cannot be replaced when it is flashed",
            state="Nothing was sent.",
            fix="Change the images themselves: hardboot unpack, hardboot pack.",
        )
    return NewImage(path, content)


def check_fit(phone: Phone, images: Mapping[str, NewImage]) -> None:
    """Refuse images that do not fit, or whose partition does not exist.

    Args:
        phone: The phone.
        images: By the names of partitions on the phone.

    Raises:
        RefusedError: See `by_name.partition`, `transaction.check_fits`.
    """
    for name, one in images.items():
        transaction.check_fits(by_name.partition(phone, name), str(one.path), one.size)


def copies(images: Mapping[str, NewImage], folder: Path) -> dict[str, PrivateCopy]:
    """Write the images into `folder`, a temporary one, for a transaction."""
    return {
        name: built_copy(image.path, folder / f"{name}.img", image.content) for name, image in images.items()
    }

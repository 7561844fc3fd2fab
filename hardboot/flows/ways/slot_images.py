"""What the other slot gets: all images that a bootloader joins, none of them of another version."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hardboot.base.errors import RefusedError
from hardboot.base.files import naming
from hardboot.device.phone import Phone
from hardboot.flows import image_set, phone_images
from hardboot.flows.rom import Rom
from hardboot.flows.ways import marked_image
from hardboot.formats.boot import bootimg
from hardboot.formats.reading import Data

_NOTHING = "Nothing was sent."


@dataclass(frozen=True)
class SlotImage:
    """An image for a partition of the slot.

    Attributes:
        path: Where it comes from, for people.
        content: It, in pieces.
    """

    path: Path
    content: list[Data] = field(repr=False)


def make(phone: Phone, rom: Rom, cmdline: str) -> dict[str, SlotImage]:
    """Return the images by their names.

    What the ROM does not bring is that of the slot that runs, as for every other way.

    Args:
        phone: The phone.
        rom: The ROM, complete.
        cmdline: Kernel command line for the header of the boot image.

    Raises:
        RefusedError: If something was given that has no place in a slot.
        InputError: If a part is malformed, or the command line does not fit into the header.
        DeviceError: If a partition of the phone cannot be read.
    """
    path = rom.files.files[image_set.BOOT]
    with naming(path, state=_NOTHING):
        image = marked_image.with_command_line(marked_image.with_parts(rom), cmdline)
        made = {image_set.BOOT: SlotImage(path, list(bootimg.build(image)))}
    inside = rom.files.images.keys() & {"ramdisk", "dtb"}
    if image.header_version >= marked_image.WITH_VENDOR_BOOT and inside:
        raise RefusedError(
            f"the {' and the '.join(sorted(inside))} of a ROM of several images cannot be replaced in a slot",
            state=_NOTHING,
            fix="Change the images themselves: hardboot unpack, hardboot pack.",
        )
    known = phone.profile.partitions
    for name, data in rom.files.images.items():
        if name in image_set.OTHERS and name in known and known[name].slots:
            made[name] = SlotImage(rom.files.files[name], [data])
        elif name in image_set.OTHERS and name in rom.given:
            raise RefusedError(
                f"{phone.profile.title} has no partition {name} in its slots, as far as its profile knows",
                state=_NOTHING,
                fix=f"Leave out {name}, or add the partition to the profile.",
            )
    return {**made, **_overlays(phone, made)}


def _overlays(phone: Phone, made: Mapping[str, SlotImage]) -> dict[str, SlotImage]:
    """Return the overlays of the slot that runs, if there are no others: the planner had no need of them."""
    known = phone.profile.partitions.get("dtbo")
    if "dtbo" in made or known is None or not known.slots:
        return {}
    title, data = phone_images.read(phone, "dtbo")
    return {"dtbo": SlotImage(Path(title), [data])}

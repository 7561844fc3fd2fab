"""What the other slot gets: all images that a bootloader joins, none of them of another version."""

from collections.abc import Mapping
from pathlib import Path

from hardboot.base.errors import RefusedError
from hardboot.device.phone import Phone
from hardboot.flows import image_set, phone_images
from hardboot.flows.rom import Rom
from hardboot.flows.ways import new_images
from hardboot.flows.ways.new_images import NewImage
from hardboot.profile import SLOTS


def make(phone: Phone, rom: Rom, cmdline: str, slot: int) -> dict[str, NewImage]:
    """Return the images by the names of partitions.

    What the ROM does not bring is that of the slot that runs, as for every other way.

    Args:
        phone: The phone.
        rom: The ROM, complete.
        cmdline: Kernel command line for the header of the boot image.
        slot: Index of the slot.

    Raises:
        RefusedError: If something was given that has no place in a slot, or that does not fit.
        InputError: If a part is malformed, or the command line does not fit into the header.
        DeviceError: If a partition of the phone cannot be read.
    """
    made = {image_set.BOOT: new_images.marked_boot(rom, cmdline)}
    known = phone.profile.partitions
    for name, data in rom.files.images.items():
        if name in image_set.OTHERS and name in known and known[name].slots:
            made[name] = NewImage(rom.files.files[name], [data])
        elif name in image_set.OTHERS and name in rom.given:
            raise RefusedError(
                f"{phone.profile.title} has no partition {name} in its slots, as far as its profile knows",
                state="Nothing was sent.",
                fix=f"Leave out {name}, or add the partition to the profile.",
            )
    images = {f"{name}_{SLOTS[slot]}": image for name, image in {**made, **_overlays(phone, made)}.items()}
    new_images.check_fit(phone, images)
    return images


def _overlays(phone: Phone, made: Mapping[str, NewImage]) -> dict[str, NewImage]:
    """Return the overlays of the slot that runs, if there are no others: the planner had no need of them."""
    known = phone.profile.partitions.get("dtbo")
    if "dtbo" in made or known is None or not known.slots:
        return {}
    title, data = phone_images.read(phone, "dtbo")
    return {"dtbo": NewImage(Path(title), [data])}

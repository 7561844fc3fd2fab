"""Give the data of a ROM in the store more or less room, and keep what is in it."""

from hardboot.base import log
from hardboot.base.errors import RefusedError
from hardboot.base.mapping import map_own_file
from hardboot.base.sizes import human_size
from hardboot.base.temporary import temporary_folder
from hardboot.device.phone import Phone
from hardboot.flows.store import in_use, place, receive, replace_image, start, stored
from hardboot.flows.store.write_image import AGENT, NewImage, stage_agent
from hardboot.images import filesystem
from hardboot.store import fstab
from hardboot.store.manifest import Manifest, StoredImage


def find_image(rom: Manifest) -> StoredImage:
    """Return the image that holds the data of a ROM.

    Raises:
        RefusedError: If it has none.
    """
    found = rom.image(rom.root or fstab.DATA)
    if found is None:
        raise RefusedError(
            f"{rom.name} has no data of its own",
            state="Nothing was written.",
            fix="It is a kernel that runs the phone's own system.",
        )
    return found


def resize(phone: Phone, rom: Manifest, size: int) -> Manifest:
    """Give the data of a ROM another size: it is read, resized on this computer, and written anew.

    A cut leaves it as before or resized.

    Args:
        phone: The phone.
        rom: The ROM.
        size: Bytes, whole blocks.

    Raises:
        RefusedError: If there is no room for the old and the new one, or the blocks are not as they were.
        InputError: If its file system is damaged, or what is in it does not fit.
        DeviceError: If it fails.
    """
    image = find_image(rom)
    filesystem.check_size(size)
    if size == image.size:
        raise RefusedError(
            f"{image.name} of {rom.name} has {human_size(size)} already",
            state="Nothing was written.",
            fix="Choose another size.",
        )
    in_use.check(phone, rom.name)
    stored.clear(phone, stored.look(phone))
    where = place.make_room(phone, place.ask(phone), size)
    place.check_room(where, size, f"a {image.name} of that size, beside the old one,")
    stage_agent(phone)
    start.check_blocks(phone, where, rom)
    path = f"{stored.folder(rom.name)}/{image.file}"
    with temporary_folder() as folder:
        target = folder / image.file
        receive.save(phone, AGENT, path, image.size, target)
        with log.step(f"Resizing {image.name}"):
            filesystem.resize(target, size)
        new = NewImage(map_own_file(target), filesystem=image.filesystem)
        return replace_image.replace(phone, where, rom, image, new)

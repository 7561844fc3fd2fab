"""Wipe an image of a ROM in the store: an empty file system comes in its place."""

from hardboot.base import log
from hardboot.base.errors import RefusedError
from hardboot.base.mapping import map_own_file
from hardboot.base.printable import printable
from hardboot.base.sizes import human_size
from hardboot.base.temporary import temporary_folder
from hardboot.device.phone import Phone
from hardboot.flows.store import place, replace_image, stored
from hardboot.flows.store.write_image import NewImage
from hardboot.images import filesystem
from hardboot.store import fstab
from hardboot.store.manifest import Manifest, StoredImage

DATA = fstab.DATA


def find_image(rom: Manifest, name: str) -> StoredImage:
    """Return the image of a ROM that can be wiped.

    Raises:
        RefusedError: If there is none of that name, or the ROM would not start without what is in it.
    """
    found = rom.image(name)
    fits = [one.name for one in rom.images if one.sha256 is None and one.name != rom.root]
    if found is not None and name in fits:
        return found
    fix = f"These can be wiped: {', '.join(fits)}" if fits else "It uses the data of the phone's own system."
    if rom.root is not None:
        reason = "a Linux ROM has its system and its data in one file system"
        fix = f"Remove it and add it again: hardboot rom remove {rom.name}"
    elif found is None:
        reason = "it has none of its own"
    else:
        reason = "it is a part of the ROM itself"
    raise RefusedError(
        f"{printable(name)} of {rom.name} cannot be wiped: {reason}", state="Nothing was written.", fix=fix
    )


def wipe(phone: Phone, rom: Manifest, image: StoredImage) -> Manifest:
    """Write an empty file system in place of an image.

    A cut leaves the old content or the new. Where there is no room for both, the old one is given up first:
    the manifest says so, and `rom check` wipes again.

    Raises:
        RefusedError: If there is no room for it at all, or the file system gave it blocks that cannot be
            handed to a ROM.
        DeviceError: If it fails.
    """
    stored.clear(phone, stored.look(phone))
    where = place.ask(phone)
    most = where.size if image.runs or where.free is None else where.free
    if image.size > most:
        raise RefusedError(
            f"{image.name} of {rom.name} has {human_size(image.size)}, more than the {human_size(most)} that "
            "there can be on /data",
            state="Nothing was written.",
            fix="Free some space on the phone, or remove the ROM.",
        )
    with temporary_folder() as folder:
        target = folder / image.file
        filesystem.make(target, image.size)
        new = NewImage(map_own_file(target))
        if image.runs and not place.has_room(where, image.size):
            log.detail(f"no room for an old and a new {image.name}")
            rom = replace_image.give_up(phone, rom, image)
        return replace_image.replace(phone, where, rom, image, new)

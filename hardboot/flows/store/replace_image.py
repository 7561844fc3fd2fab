"""Replace an image of a ROM in the store: a cut leaves the old one or the new one.

The new file gets another name, and the manifest, which says which file counts, is replaced by a rename. The
folder in which both are made, `.NAME.new`, stays until the old file is gone: by it the next command sees
that the ROM may hold a file that counts no more.
"""

from msgspec.structs import replace as changed

from hardboot.device.phone import Phone
from hardboot.device.shells import read
from hardboot.flows.partition_read import time_for
from hardboot.flows.store import in_use, new_folder, stored, write_image
from hardboot.flows.store.place import Place
from hardboot.flows.store.put import put
from hardboot.flows.store.write_image import NewImage
from hardboot.store import blocks, manifest
from hardboot.store.manifest import Manifest, StoredImage


def replace(phone: Phone, where: Place, rom: Manifest, old: StoredImage, new: NewImage) -> Manifest:
    """Replace an image of a ROM; its start files are gone then, `refresh` makes them anew.

    Args:
        phone: The phone.
        where: The place of its ROMs.
        rom: The ROM.
        old: The image.
        new: What comes in its place.

    Raises:
        RefusedError: If the file system gave it blocks that cannot be handed to a ROM, or it is mounted.
        DeviceError: If it fails; the old image or the new one counts, the next command clears the other.
    """
    in_use.check(phone, rom.name)
    with new_folder.making(phone, rom.name, state=_state(rom)) as folder:
        write_image.stage_agent(phone)
        image = write_image.write(phone, where, folder, old.name, new, generation=old.generation + 1)
        made = rom.with_image(image)
        blocks.check_disjoint({one.name: one.extents for one in made.images})
        final = stored.folder(rom.name)
        _commit(phone, folder, made, first=f"mv {folder}/{image.file} {final}/{image.file} && sync")
        _settle(phone, folder, rom.name, old.file)
    return made


def give_up(phone: Phone, rom: Manifest, old: StoredImage) -> Manifest:
    """Remove the file of an image, which frees its room; the manifest says so until it is replaced.

    Raises:
        RefusedError: If it is mounted.
        DeviceError: If it fails; the next command clears what is left.
    """
    in_use.check(phone, rom.name)
    with new_folder.making(phone, rom.name, state=_state(rom)) as folder:
        made = rom.with_image(changed(old, runs=()))
        _commit(phone, folder, made)
        _settle(phone, folder, rom.name, old.file)
    return made


def _state(rom: Manifest) -> str:
    return f"{rom.name} is whole, as before or changed; the next command clears the rest."


def _commit(phone: Phone, folder: str, made: Manifest, *, first: str = "true") -> None:
    put(phone, manifest.build(made), f"{folder}/{stored.MANIFEST}")
    final = stored.folder(made.name)
    # The start files name blocks of the old image.
    command = (
        f"chmod 600 {folder}/* && rm -rf {final}/start {final}/start.new && sync && {first} && "
        f"mv {folder}/{stored.MANIFEST} {final}/{stored.MANIFEST} && sync"
    )
    read(command, phone.root(command, timeout_s=time_for(0)))


def _settle(phone: Phone, folder: str, name: str, old: str) -> None:
    command = f"rm -f {stored.folder(name)}/{old} && sync && rm -rf {folder} && sync"
    read(command, phone.root(command, timeout_s=time_for(0)))

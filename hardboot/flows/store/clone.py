"""Copy a ROM inside the phone: no byte of its images comes from the computer."""

import shlex
import time

from msgspec.structs import replace

from hardboot.base import log
from hardboot.base.sizes import human_size
from hardboot.device.phone import Phone
from hardboot.device.shells import read
from hardboot.flows.partition_read import time_for
from hardboot.flows.store import add, in_use, new_folder, start, stored, write_image
from hardboot.flows.store.place import Place
from hardboot.store import blocks
from hardboot.store.manifest import BootFile, Manifest, StoredImage

_STATE = "Nothing was kept of the copy."


def clone(phone: Phone, rom: Manifest, name: str) -> Manifest:
    """Store a second, independent copy of a ROM, with its data; whole or not at all.

    Args:
        phone: The phone.
        rom: The ROM.
        name: Of the copy.

    Raises:
        RefusedError: If a ROM of that name is there, there is no room, the blocks are not as they were, or an
            image is mounted.
        InputError: If one of its boot images is damaged.
        DeviceError: If it fails; the phone is as before, or the next command clears what is left.
    """
    in_use.check(phone, rom.name)
    where = add.check_new(phone, name, rom.size)
    write_image.stage_agent(phone)
    start.check_blocks(phone, where, rom)
    source = stored.folder(rom.name)
    state = f"{name} is not on the phone; the next command clears what was written."
    with new_folder.making(phone, name, state=state) as target:
        images = tuple(_copy_image(phone, where, source, target, one) for one in rom.images)
        copies = {f"{name}/{one.name}": one.extents for one in images}
        blocks.check_disjoint({**copies, **{one.name: one.extents for one in rom.images}})
        for one in rom.boot:
            _copy_boot(phone, source, target, one)
        made = replace(rom, name=name, images=images, added=time.time())
        new_folder.finish(phone, target, made)
    return made


def _copy_image(phone: Phone, where: Place, source: str, target: str, image: StoredImage) -> StoredImage:
    made = replace(image, generation=0)
    path = f"{source}/{image.file}"
    with log.step(f"Copying {image.name}, {human_size(image.size)}"):
        digest = phone.sha256(path, image.size)
        if image.sha256 not in (None, digest):
            raise stored.changed(path, _STATE)
        run_copy(phone, path, f"{target}/{made.file}", image.size)
    return write_image.locate(phone, where, target, made, digest)


def _copy_boot(phone: Phone, source: str, target: str, boot: BootFile) -> None:
    name = f"{boot.name}-boot.img"
    run_copy(phone, f"{source}/{name}", f"{target}/{name}", boot.size)
    if phone.sha256(f"{target}/{name}", boot.size) != boot.sha256:
        raise stored.changed(f"{source}/{name}", _STATE)


def run_copy(phone: Phone, source: str, target: str, size: int) -> None:
    """Copy a file of the phone into a file of the store, whole: cp may share blocks, or leave out zeros.

    Raises:
        DeviceError: If it fails.
    """
    command = f"cat {shlex.quote(source)} > {target} && sync"
    read(command, phone.root(command, timeout_s=2 * time_for(size)))

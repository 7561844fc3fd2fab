"""Add a ROM to the store: whole or not at all, whatever cuts it off.

All is written into a folder whose name begins with a dot, compared, and renamed at the end. If that is cut
off, the same command goes on there; any other one removes such a folder.
"""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from hardboot.base.errors import RefusedError
from hardboot.device.phone import Phone
from hardboot.flows import first_program
from hardboot.flows import rom as roms
from hardboot.flows.image_set import ImageSet
from hardboot.flows.rom import NEEDED, Rom
from hardboot.flows.store import (
    android_fstab,
    device_mapper,
    new_folder,
    place,
    start,
    stored,
    write_image,
)
from hardboot.flows.store.place import Place
from hardboot.flows.store.put import put_all
from hardboot.flows.store.write_image import NewImage
from hardboot.formats.archives import ramdisk
from hardboot.formats.kernels.zimage import ZImage
from hardboot.formats.reading import Data
from hardboot.store import blocks, manifest
from hardboot.store.manifest import BootFile, Kind, Manifest

# Bytes of hb-init, modules that it loads, the device tree, and the lists of blocks: usually much less.
_START_REST = 4 << 20


@dataclass(frozen=True)
class NewRom:
    """A ROM that is going to be stored; see `Manifest`.

    Attributes:
        boot: Its boot images, by the names of partitions.
        images: Its block devices, by name, in their order.
    """

    name: str
    kind: Kind
    boot: Mapping[str, Data] = field(repr=False)
    images: Mapping[str, NewImage] = field(repr=False)
    root: str | None = None
    description: str = ""
    release: str | None = None
    cmdline: str = ""
    init: str | None = None

    @property
    def size(self) -> int:
        """Bytes of its images and boot images."""
        return sum(len(one.data) for one in self.images.values()) + sum(map(len, self.boot.values()))

    @cached_property
    def rom(self) -> Rom:
        """Its boot images, taken apart.

        Raises:
            InputError: If they are not those of a ROM.
        """
        path = Path(self.name)
        return roms.assemble(ImageSet(path, self.boot, dict.fromkeys(self.boot, path)))

    @property
    def start_size(self) -> int:
        """Bytes of what its start from the phone itself needs, as far as its own boot images tell.

        Raises:
            InputError: If they are not those of a ROM.
            RefusedError: If vendor_boot has ramdisks for several boards.
        """
        kernel = self.rom.kernel
        size = len(kernel.kernel if isinstance(kernel, ZImage) else kernel.data)
        return size + len(self.rom.ramdisks()) + _START_REST

    @property
    def room(self) -> int:
        """Bytes that it needs on the phone."""
        return self.size + self.start_size


def check(phone: Phone, new: NewRom, *, frees: bool = True) -> Place:
    """Refuse what cannot be stored on this phone; nothing is written. Return where it will lie.

    Args:
        phone: The phone.
        new: The ROM.
        frees: See `check_new`.

    Raises:
        InputError: If its texts are too long, or no texts.
        RefusedError: If a ROM of that name is there, there is no room, /data does not allow it, or it could
            not be started with its ramdisk.
        DeviceError: If the phone does not answer.
    """
    manifest.check_texts(description=new.description, release=new.release, cmdline=new.cmdline, init=new.init)
    if new.images:
        device_mapper.check(new.rom)
        check_ramdisk(new.rom, new.kind, new.images, cmdline=new.cmdline, init=new.init)
    fix = "Free some space, or give the ROM less: --data SIZE"
    return check_new(phone, new.name, new.room, fix=fix, frees=frees)


def check_ramdisk(
    rom: Rom, kind: Kind, images: Collection[str], *, cmdline: str = "", init: str | None = None
) -> None:
    """Refuse a ramdisk with which no start could be made; a ROM may have none, and get the phone's own.

    Args:
        rom: The ROM, without images of the phone.
        kind: See `Manifest`.
        images: The names of its images.
        cmdline: See `Manifest`.
        init: See `Manifest`.

    Raises:
        InputError: If it is damaged.
        RefusedError: If it has hb-init, lacks its own init, or an Android system would not mount its images.
    """
    data = rom.ramdisks()
    if not data:
        return
    fragments, _ = ramdisk.parse(data)
    tree = first_program.tree_of(fragments)
    first_program.check_absent(tree)
    if set(NEEDED) & set(rom.lacks):  # the phone's own images may bring the rest
        return
    if kind == "android":
        android_fstab.check(tree, images)
    if kind == "android" or init is not None:
        first_program.check_present(tree, start.first_program_of(rom, cmdline, init))


def check_new(
    phone: Phone, name: str, size: int, *, fix: str = "Free some space.", frees: bool = True
) -> Place:
    """Refuse a ROM that cannot be stored: its name is taken, or there is no room; see `check`.

    Args:
        phone: The phone.
        name: Of the ROM.
        size: Bytes it takes.
        fix: What to do if there is no room.
        frees: Whether what other commands left is cleared, and files kept for later loads are removed if it
            does not fit beside them; else nothing is written, and only their room counts.
    """
    found = stored.look(phone)
    if name in found.names:
        raise RefusedError(
            f"there is a ROM {name} on this phone already",
            state="Nothing was written.",
            fix=f"Choose another name, or remove that one: hardboot rom remove {name}",
        )
    half = stored.unfinished(name)  # its images are used, see `leftover`, or removed
    others = tuple(one for one in found.unfinished if one != half)
    needed = size - stored.room_of(phone, [half] if half in found.unfinished else [])
    if frees:
        stored.clear(phone, replace(found, unfinished=others))
        where = place.make_room(phone, place.ask(phone), needed)
    else:
        where = place.without_kept(phone, place.ask(phone), besides=stored.room_of(phone, others))
    place.check_room(where, needed, name, fix=fix)
    return where


def add(phone: Phone, new: NewRom, where: Place) -> Manifest:
    """Store a ROM.

    Args:
        phone: The phone.
        new: The ROM.
        where: As `check` returned it.

    Raises:
        RefusedError: If the file system gave it blocks that cannot be handed to a ROM.
        DeviceError: If it fails; the phone is as before, or has what the same command goes on with.
    """
    state = f"{new.name} is not on the phone; run the same command again to go on where it was cut off."
    files = [f"{name}.img" for name in new.images]
    with new_folder.making(phone, new.name, state=state, going_on_with=files) as target:
        write_image.stage_agent(phone)
        # What a ROM writes to is hardly ever what another one began with.
        twins = stored.unchanging(phone) if any(not one.changes for one in new.images.values()) else {}
        images = tuple(
            write_image.write(phone, where, target, name, one, twins=twins)
            for name, one in new.images.items()
        )
        blocks.check_disjoint({one.name: one.extents for one in images})
        boot = store_boot(phone, target, new.boot)
        made = Manifest(
            version=1,
            name=new.name,
            kind=new.kind,
            added=time.time(),
            description=new.description,
            release=new.release,
            cmdline=new.cmdline,
            boot=boot,
            images=images,
            root=new.root,
            init=new.init,
        )
        new_folder.finish(phone, target, made)
    return made


def store_boot(phone: Phone, target: str, boot: Mapping[str, Data]) -> tuple[BootFile, ...]:
    """Write boot images into the folder `target` of the phone.

    Raises:
        DeviceError: If one does not arrive whole.
    """
    digests = put_all(phone, {f"{target}/{name}-boot.img": data for name, data in boot.items()})
    return tuple(
        BootFile(name=name, size=len(data), sha256=digest)
        for (name, data), digest in zip(boot.items(), digests.values(), strict=True)
    )

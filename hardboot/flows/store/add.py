"""Add a ROM to the store: whole or not at all, whatever cuts it off.

All is written into a folder whose name begins with a dot, compared, and renamed at the end. The next command
removes such a folder.
"""

import shlex
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

from hardboot.base import log
from hardboot.base.errors import DeviceError, RefusedError
from hardboot.base.interrupts import if_cut_off
from hardboot.base.sizes import human_size
from hardboot.device.phone import Phone
from hardboot.device.shells import read
from hardboot.flows.partition_read import time_for
from hardboot.flows.store import place, stored, write_image
from hardboot.flows.store.place import RESERVE, STORE, Place
from hardboot.flows.store.put import put
from hardboot.flows.store.write_image import NewImage
from hardboot.formats.reading import Data
from hardboot.store import blocks, manifest
from hardboot.store.manifest import BootFile, Kind, Manifest


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

    @property
    def size(self) -> int:
        """Bytes on the phone."""
        return sum(len(one.data) for one in self.images.values()) + sum(map(len, self.boot.values()))


def check(phone: Phone, new: NewRom) -> Place:
    """Refuse what cannot be stored on this phone; nothing is written. Return where it will lie.

    Raises:
        RefusedError: If a ROM of that name is there, there is no room, or /data does not allow it.
        DeviceError: If the phone does not answer.
    """
    where = place.ask(phone)
    found = stored.look(phone)
    if new.name in found.names:
        raise RefusedError(
            f"there is a ROM {new.name} on this phone already",
            state="Nothing was written.",
            fix=f"Choose another name, or remove that one: hardboot rom remove {new.name}",
        )
    stored.clear(phone, found)
    if where.free is not None and new.size + RESERVE > where.free:
        raise RefusedError(
            f"{new.name} needs {human_size(new.size)} on /data, {human_size(where.free)} are free, of which "
            f"{human_size(RESERVE)} stay free",
            state="Nothing was written.",
            fix="Free some space, or give the ROM less: --data SIZE",
        )
    return where


def add(phone: Phone, new: NewRom, where: Place) -> Manifest:
    """Store a ROM.

    Args:
        phone: The phone.
        new: The ROM.
        where: As `check` returned it.

    Raises:
        RefusedError: If the file system gave it blocks that cannot be handed to a ROM.
        DeviceError: If it fails; the phone is as before, or the next command clears what is left.
    """
    target = stored.folder(f".{new.name}.new")
    with if_cut_off(f"{new.name} is not on the phone; the next command clears what was written."):
        command = f"mkdir -p {STORE} && chmod 700 {STORE} && rm -rf {target} && mkdir {target}"
        read(command, phone.root(command))
        try:
            write_image.stage_agent(phone)
            images = tuple(
                write_image.write(phone, where, target, name, one) for name, one in new.images.items()
            )
            blocks.check_disjoint({one.name: one.extents for one in images})
            boot = tuple(_store_boot(phone, target, name, data) for name, data in new.boot.items())
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
            )
            _finish(phone, target, made)
        except BaseException:
            with ExitStack() as quietly:
                quietly.callback(phone.clean)
                _give_up(phone, target)
            raise
    return made


def _store_boot(phone: Phone, target: str, name: str, data: Data) -> BootFile:
    digest = put(phone, data, f"{target}/{name}-boot.img")
    return BootFile(name=name, size=len(data), sha256=digest)


def _finish(phone: Phone, target: str, made: Manifest) -> None:
    """Write the manifest, flush all, and give the folder its name, which makes it a ROM."""
    put(phone, manifest.build(made), f"{target}/{stored.MANIFEST}")
    final = stored.folder(made.name)
    command = f"chmod 600 {target}/* && sync && test ! -e {final} && mv {target} {final} && sync"
    read(command, phone.root(command, timeout_s=time_for(0)))


def _give_up(phone: Phone, target: str) -> None:
    try:
        command = f"rm -rf {shlex.quote(target)}"
        read(command, phone.root(command, timeout_s=time_for(0)))
    except DeviceError as error:
        log.detail(f"{target} stays: {error}")

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
from hardboot.device.staging import STAGING
from hardboot.flows.partition_read import time_for
from hardboot.flows.store import place, raw, stored
from hardboot.flows.store.place import RESERVE, STORE, Place
from hardboot.flows.store.put import damaged, put
from hardboot.flows.store.send import send
from hardboot.formats.reading import Data, sha256
from hardboot.payload import agent as agents
from hardboot.store import blocks, manifest
from hardboot.store.manifest import BootFile, Kind, Manifest, StoredImage

_AGENT = f"{STAGING}/agent"


@dataclass(frozen=True)
class NewImage:
    """An image that is going to be stored.

    Attributes:
        data: Its content.
        changes: The ROM writes to it, so that its hash means nothing later.
        read_only: The ROM cannot write to it.
        filesystem: What is in it, as mount(2) calls it.
    """

    data: Data = field(repr=False)
    changes: bool = True
    read_only: bool = False
    filesystem: str = "ext4"


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
            phone.stage(agents.binary(phone.profile.arch), "agent", mode=0o755)
            images = tuple(_store_image(phone, where, target, name, one) for name, one in new.images.items())
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


def _store_image(phone: Phone, where: Place, target: str, name: str, image: NewImage) -> StoredImage:
    path, size = f"{target}/{name}.img", len(image.data)
    send(phone, _AGENT, image.data, path)
    digest = sha256(image.data)
    with log.step(f"Comparing {name}"):
        if phone.sha256(path, size) != digest:
            raise damaged(name)
        runs = raw.runs_of(phone, _AGENT, where, path, name=name, size=size)
        # What the ROM will see: the blocks of the raw partition.
        if raw.sha256(phone, _AGENT, where, runs, size=size) != digest:
            raise RefusedError(
                f"the blocks of {name} on the raw partition hold something else than the file",
                state="Nothing was kept on the phone.",
                fix="The phone encrypts or moves what it writes to /data: ROMs cannot be stored on it.",
            )
    return StoredImage(
        name=name,
        size=size,
        sha256=None if image.changes else digest,
        read_only=image.read_only,
        filesystem=image.filesystem,
        runs=tuple((one.logical, one.physical, one.length) for one in runs),
    )


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

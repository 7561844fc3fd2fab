"""Turn a ROM of MultiROM into one of the store; what is MultiROM's stays as it is.

The phone copies images by itself, into new files that are written whole, as `rom add` does.
"""

import shlex
import time
from collections.abc import Mapping

from msgspec.structs import replace

from hardboot.base import log
from hardboot.base.errors import InputError, RefusedError
from hardboot.base.mapping import map_own_file
from hardboot.base.sizes import human_size
from hardboot.base.temporary import temporary_folder
from hardboot.device.phone import Phone
from hardboot.flows.partition_read import time_for
from hardboot.flows.rom import Rom
from hardboot.flows.store import (
    add,
    clone,
    device_mapper,
    linux_boot,
    mounted,
    multirom,
    multirom_kernel,
    new_folder,
    shell,
    write_image,
)
from hardboot.flows.store.mounted import MountedImage
from hardboot.flows.store.multirom import MultiRomFolder
from hardboot.flows.store.place import Place
from hardboot.flows.store.write_image import NewImage
from hardboot.formats.archives.sparse import SPARSE_MAGIC
from hardboot.images import filesystem
from hardboot.store import blocks
from hardboot.store.manifest import Kind, Manifest, StoredImage
from hardboot.store.multirom import BOOT_IMAGE, FIRMWARE, MultiRom
from hardboot.store.rom_info import RomInfo

_HEAD = 4096  # bytes of an image that tell its file system
_READ_ONLY = ("system", "vendor")
_ROOT = "root"
_COPY_FACTOR = 4  # many small files are slower than one large one


def import_rom(phone: Phone, source: str, name: str, *, size: int | None) -> Manifest:
    """Store a copy of a ROM of MultiROM, whole or not at all.

    Args:
        phone: The phone, with its host kernel running.
        source: Name of MultiROM's ROM.
        name: Of the new one.
        size: Bytes for a root file system that lies in a folder; None for images, which keep their sizes.

    Raises:
        InputError: If there is no such ROM, or one of its files cannot be used.
        RefusedError: If hardboot cannot run a ROM of this type, it does not fit, or is in use.
        DeviceError: If it fails; the phone is as before, or the next command clears what is left.
    """
    folder, rom = multirom.get(phone, source)
    if rom.not_imported is not None:
        raise RefusedError(
            f"{rom.title} cannot be imported: {rom.not_imported}",
            state="Nothing was written.",
            fix="Add it anew, from the files that it was installed from: hardboot rom add",
        )
    if rom.type == "linux":
        return _import_linux(phone, folder, rom, name, size)
    _check_no_size(rom, size)
    return _import_android(phone, folder, rom, name)


def _import_android(phone: Phone, folder: MultiRomFolder, rom: MultiRom, name: str) -> Manifest:
    boot = multirom_kernel.read(phone, folder.path(rom, BOOT_IMAGE))
    made = multirom_kernel.assemble(rom.title, boot)
    init = multirom_kernel.own_init(made)
    device_mapper.check(made)
    add.check_ramdisk(made, "android", rom.images, init=init)
    if FIRMWARE in rom.files:
        log.warn(f"{FIRMWARE} of {rom.title} is not copied: the new ROM runs with the phone's own firmware")
    images = {part: _image(phone, folder.path(rom, file), part) for part, file in rom.images.items()}
    start = add.NewRom(name=name, kind="android", boot={"boot": boot}, images={})
    where = add.check_new(phone, name, sum(one.size for one in images.values()) + start.room)
    with new_folder.making(phone, name, state=_state(name)) as target:
        write_image.stage_agent(phone)
        stored = tuple(
            _copy(phone, where, target, folder.path(rom, rom.images[part]), one)
            for part, one in images.items()
        )
        blocks.check_disjoint({one.name: one.extents for one in stored})
        return _finish(phone, target, name, "android", stored, boot, made, init=init)


def _import_linux(
    phone: Phone, folder: MultiRomFolder, rom: MultiRom, name: str, size: int | None
) -> Manifest:
    info = multirom.read_info(phone, folder, rom)
    image = None
    source = multirom.root_image(phone, folder, rom, info)
    if source is not None:
        _check_no_size(rom, size)
        image = _image(phone, source, _ROOT)
    elif size is None:
        raise InputError(
            f"the root file system of {rom.title} lies in a folder: it does not say how much room it gets",
            state="Nothing was written.",
            fix=f"Add its size, its own data included: hardboot rom import {shlex.quote(rom.name)} --data 4G",
        )
    else:
        filesystem.check_size(size)
    where = add.check_new(phone, name, image.size if image else size or 0)
    with new_folder.making(phone, name, state=_state(name)) as target:
        write_image.stage_agent(phone)
        if image is not None and source is not None:
            stored = _copy(phone, where, target, source, image)
        else:
            assert size is not None
            stored = _fill(phone, where, target, name, folder.path(rom, info.root_folder or ""), size)
        with mounted.attached(phone, where, name, stored, stored.extents, "replay") as one:
            boot = _linux_boot(phone, folder, rom, info, one)
        made = multirom_kernel.assemble(rom.title, boot)
        device_mapper.check(made)
        add.check_ramdisk(made, "linux", [_ROOT])
        return _finish(phone, target, name, "linux", (stored,), boot, made)


def _linux_boot(
    phone: Phone, folder: MultiRomFolder, rom: MultiRom, info: RomInfo, image: MountedImage
) -> bytes:
    """Return a boot image of the files that rom_info.txt names, those in the image read through it."""
    found: dict[str, bytes] = {}
    for what, file, needed in multirom_kernel.files(info):
        data = None
        if file is not None and file.inside:
            data = multirom_kernel.read_inside(image, file)
        elif file is not None:
            data = multirom_kernel.read_beside(phone, folder.path(rom), file)
        found[what] = multirom_kernel.check(rom, what, file, data, needed=needed)
    return linux_boot.build(found["kernel"], found["initrd"], found["dtb"], info.plain_cmdline)


def _check_no_size(rom: MultiRom, size: int | None) -> None:
    if size is not None:
        raise InputError(
            f"the files of {rom.title} lie in images, which keep their sizes",
            state="Nothing was written.",
            fix="Leave out --data. Afterwards: hardboot rom resize NAME --data SIZE",
        )


def _image(phone: Phone, path: str, name: str) -> StoredImage:
    """Return an image file of MultiROM as what is going to be stored.

    Raises:
        RefusedError: If it is no plain file, or mounted.
        InputError: If it holds no file system that is known, or is no whole blocks.
    """
    size = multirom.check_image(phone, path)
    head = phone.pull_root_file(path, first=_HEAD) or b""
    kind = filesystem.kind_of(head)
    problem = None
    if head.startswith(SPARSE_MAGIC.to_bytes(4, "little")):
        problem = "it is an Android sparse image, which MultiROM cannot mount either"
    elif kind is None:
        problem = "it holds no file system that is known"
    elif size % blocks.BLOCK or not size:
        problem = f"it has {size} bytes, which is not whole blocks of {blocks.BLOCK} bytes"
    if problem or kind is None:
        raise InputError(
            f"{path} cannot be imported: {problem}",
            state="Nothing was written.",
            fix="Does the ROM start in MultiROM?",
        )
    return StoredImage(name=name, size=size, filesystem=kind, read_only=name in _READ_ONLY)


def _copy(phone: Phone, where: Place, target: str, source: str, image: StoredImage) -> StoredImage:
    with log.step(f"Copying {image.name}, {human_size(image.size)}"):
        digest = phone.sha256(source, image.size)
        clone.run_copy(phone, source, f"{target}/{image.file}", image.size)
    located = write_image.locate(phone, where, target, image, digest)
    return replace(located, sha256=digest) if image.read_only else located


def _fill(phone: Phone, where: Place, target: str, name: str, source: str, size: int) -> StoredImage:
    """Store a new file system with the files of a folder of the phone, which it copies by itself."""
    with temporary_folder() as folder:
        empty = folder / "root.img"
        filesystem.make(empty, size)
        image = write_image.write(phone, where, target, _ROOT, NewImage(map_own_file(empty)))
    with log.step("Copying the root file system"):
        with mounted.attached(phone, where, name, image, image.extents, "rw") as one:
            shell.run_checked(
                one, f"cp -a {shlex.quote(source)}/. .", timeout_s=_COPY_FACTOR * time_for(size)
            )
        digest = phone.sha256(f"{target}/{image.file}", size)
    return write_image.locate(phone, where, target, image, digest)


def _finish(
    phone: Phone,
    target: str,
    name: str,
    kind: Kind,
    images: tuple[StoredImage, ...],
    boot: bytes,
    made: Rom,
    *,
    init: str | None = None,
) -> Manifest:
    stored: Mapping[str, bytes] = {"boot": boot}
    manifest = Manifest(
        version=1,
        name=name,
        kind=kind,
        added=time.time(),
        description="Imported from MultiROM",
        release=made.release,
        boot=add.store_boot(phone, target, stored),
        images=images,
        root=_ROOT if kind == "linux" else None,
        init=init,
    )
    new_folder.finish(phone, target, manifest)
    return manifest


def _state(name: str) -> str:
    return f"{name} is not on the phone; the next command clears what was written."

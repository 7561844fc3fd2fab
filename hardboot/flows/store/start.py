"""Start a ROM of the store: its blocks are checked anew, and its disks made by hb-init."""

from dataclasses import dataclass, replace
from pathlib import Path

from msgspec import structs

from hardboot.base import log
from hardboot.base.errors import InputError, RefusedError
from hardboot.device.copies import Copy
from hardboot.device.phone import Phone
from hardboot.flows import first_program, phone_images
from hardboot.flows import rom as roms
from hardboot.flows.image_set import ImageSet
from hardboot.flows.rom import Rom
from hardboot.flows.store import android_fstab, device_mapper, kernel_modules, place, raw, stored
from hardboot.flows.store.place import Place
from hardboot.flows.store.write_image import AGENT, stage_agent
from hardboot.formats.archives import ramdisk
from hardboot.formats.reading import Data, sha256
from hardboot.payload import extents, hb_init
from hardboot.payload.extents import Extent
from hardboot.store import blocks
from hardboot.store.manifest import BootFile, Manifest, StoredImage

_INIT = "/sbin/init"  # of a Linux root file system


@dataclass(frozen=True)
class StoredSource:
    """A ROM of the store as what is to be started; see `RomSource`.

    Attributes:
        manifest: Of the ROM.
    """

    manifest: Manifest

    @property
    def append(self) -> str:
        """What its kernel command line needs besides its own."""
        words = self.manifest.cmdline
        return first_program.command_line(words) if self.manifest.images else words

    def appending(self, text: str | None) -> "StoredSource":
        """Return it with more words for its kernel command line."""
        words = " ".join(filter(None, (self.manifest.cmdline, text)))
        return StoredSource(structs.replace(self.manifest, cmdline=words))

    def complete(self, phone: Phone) -> Rom:
        """Return the ROM: its boot images read from the phone, and hb-init in its ramdisk.

        Raises:
            RefusedError: If its images are not where they were written, or cannot be handed to it.
            InputError: If one of its boot images is damaged.
            DeviceError: If the phone does not answer.
        """
        found = self.manifest
        with log.step(f"Checking {found.name}"):
            files = {one.name: _boot_image(phone, found.name, one) for one in found.boot}
            runs = _runs(phone, found) if found.images else None
        path = Path(found.name)
        rom = phone_images.complete(
            phone, roms.assemble(ImageSet(path, files, {name: path / f"{name}.img" for name in files}))
        )
        if runs is None:
            return rom
        where, tables = runs
        return replace(rom, replaced_ramdisk=_ramdisk(phone, rom, found, where, tables))


def _boot_image(phone: Phone, name: str, one: BootFile) -> Data:
    path = f"{stored.folder(name)}/{one.name}-boot.img"
    data = phone.pull_copy(Copy(f"{one.name}.img", path, one.size)) or b""
    if sha256(data) != one.sha256:
        raise InputError(
            f"{path} on the phone is damaged, or not the image that was added",
            state="Nothing was started.",
            fix=f"Remove the ROM and add it again: hardboot rom remove {name}",
        )
    return data


def _runs(phone: Phone, found: Manifest) -> tuple[Place, dict[str, tuple[Extent, ...]]]:
    where = place.ask(phone)
    stage_agent(phone)
    return where, check_blocks(phone, where, found)


def check_blocks(phone: Phone, where: Place, found: Manifest) -> dict[str, tuple[Extent, ...]]:
    """Return where the images of a ROM lie, by name, after comparing that with where they were written.

    Args:
        phone: The phone, with the agent in its staging folder.
        where: The place of its ROMs.
        found: The ROM.

    Raises:
        RefusedError: If the blocks have moved, or are not the images' own.
        DeviceError: If a file is gone, or the phone does not answer.
    """
    tables = {one.name: check_image(phone, where, found, one) for one in found.images}
    blocks.check_disjoint(tables)
    return tables


def check_image(phone: Phone, where: Place, found: Manifest, one: StoredImage) -> tuple[Extent, ...]:
    """Return where one image of a ROM lies; see `check_blocks`."""
    stored.check_there(found, one)
    file = f"{stored.folder(found.name)}/{one.file}"
    now = raw.runs_of(phone, AGENT, where, file, name=one.name, size=one.size)
    if blocks.digest(now) != blocks.digest(one.extents):
        raise RefusedError(
            f"the blocks of {file} have moved since it was written",
            state="Nothing was started.",
            fix="Something rewrote or defragmented the file. Back the ROM up, remove it and restore it.",
        )
    return now


def first_program_of(rom: Rom, cmdline: str, init: str | None) -> str:
    """Return the path of the first program in a ROM's ramdisk; what its user has named comes first.

    Args:
        rom: The ROM.
        cmdline: Of its manifest.
        init: Of its manifest.
    """
    named = first_program.named_in(cmdline), init, first_program.named_in(rom.cmdline)
    return next(filter(None, named), first_program.DEFAULT)


def _ramdisk(
    phone: Phone, rom: Rom, found: Manifest, where: Place, tables: dict[str, tuple[Extent, ...]]
) -> bytes:
    """Return the ramdisk with hb-init: it loads modules, makes the disks and mounts the root of a Linux."""
    data = rom.ramdisks()
    fragments, _ = ramdisk.parse(data)
    tree = first_program.tree_of(fragments)
    modules = kernel_modules.needed(tree)
    device_mapper.check(rom, modules)
    steps = [hb_init.module_step(name) for name in modules]
    # The root's is the last one: it is mounted.
    images = sorted(found.images, key=lambda one: one.name == found.root)
    for one in images:
        steps.append(
            hb_init.disk_step(one.name, where.partition, where.device, where.size, read_only=one.read_only)
        )
    mounts = found.root is not None and found.init is None
    if found.root is not None and mounts:
        steps.append(hb_init.root_step(found.root, images[-1].filesystem))
    return first_program.add(
        data,
        phone.profile.arch,
        steps,
        _INIT if mounts else first_program_of(rom, found.cmdline, found.init),
        files={
            **modules,
            **{hb_init.table_name(name): extents.build_table(runs) for name, runs in tables.items()},
        },
        changed=android_fstab.changed(tree, images) if found.kind == "android" else {},
        elsewhere=mounts,
    )

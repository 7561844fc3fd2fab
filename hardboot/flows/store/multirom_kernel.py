"""The kernel of a ROM of MultiROM: its boot image, or the files that rom_info.txt names."""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from hardboot.base import log
from hardboot.base.errors import InputError
from hardboot.device.copies import Copy
from hardboot.device.phone import Phone
from hardboot.flows import first_program
from hardboot.flows import rom as roms
from hardboot.flows.image_set import BOOT, ImageSet
from hardboot.flows.rom import Rom
from hardboot.flows.store import multirom, pull
from hardboot.flows.store.linux_boot import FILE_LIMIT
from hardboot.flows.store.mounted import MountedImage
from hardboot.formats.archives import ramdisk
from hardboot.store.multirom import MultiRom
from hardboot.store.rom_info import BootFile, RomInfo

# MultiROM puts its trampoline into a ramdisk as /init, and the ROM's own there (multirom, lib/inject.c).
_MAIN_INIT = "main_init"
_INJECTED = "tr_ver"  # the name in the header of such an image begins with it


def read(phone: Phone, path: str) -> bytes:
    """Return a file of the phone that is booted.

    Raises:
        InputError: If it is not there, or too large.
        DeviceError: If it cannot be read.
    """
    data = phone.pull_copy(Copy("multirom-file", path, FILE_LIMIT + 1))
    if not data or len(data) > FILE_LIMIT:
        raise InputError(
            f"{path} on the phone is {'missing or empty' if not data else 'larger than 64 MiB'}",
            state="Nothing was written or started.",
            fix="Does the ROM start in MultiROM?",
        )
    return data


def assemble(title: str, boot: bytes) -> Rom:
    """Return a boot image, taken apart.

    Raises:
        InputError: If it is none.
    """
    path = Path(title)
    return roms.assemble(ImageSet(path, {BOOT: boot}, {BOOT: path}))


def is_injected(rom: Rom) -> bool:
    """Return whether MultiROM's trampoline is in the ramdisk of a boot image."""
    return rom.image.name.startswith(_INJECTED)


def own_init(rom: Rom) -> str | None:
    """Return the path of the ROM's own init in a ramdisk that MultiROM changed; None in another one.

    Raises:
        InputError: If the ramdisk is damaged.
    """
    fragments, _ = ramdisk.parse(rom.ramdisks())
    found = first_program.tree_of(fragments).find(_MAIN_INIT)
    return f"/{_MAIN_INIT}" if found else None


def files(info: RomInfo) -> Iterator[tuple[str, BootFile | None, bool]]:
    """Yield what is booted of a Linux ROM: what it is, where it is, and whether it must be there.

    Source: multirom_fill_kexec_linux, which starts a ROM without an initrd that it names and lacks.
    """
    yield "kernel", info.kernel, True
    yield "initrd", info.initrd, False
    yield "dtb", info.dtb, info.dtb_named


def read_beside(phone: Phone, folder: str, file: BootFile) -> bytes | None:
    """Return a file below a folder of the phone; None if there is none.

    Raises:
        RefusedError: If a link leads out of the folder.
        InputError: If it is empty or too large.
        DeviceError: If it cannot be read.
    """
    path = multirom.resolved(phone, folder, file.path, wildcard=file.wildcard)
    return None if path is None else read(phone, path)


def read_inside(image: MountedImage, file: BootFile) -> bytes | None:
    """Return a file in an image of a root file system; None if there is none.

    Raises:
        InputError: If it is no plain file, or too large.
        DeviceError: If it cannot be read.
    """
    path = PurePosixPath("/", file.path)
    if file.wildcard:
        there = image.list([os.fsencode(str(path.parent))], below=True)
        files = [one.path for one in there if one.kind in ("file", "link")]
        depth, name = len(path.parts), os.fsencode(path.name)
        names = [one for one in files if len(PurePosixPath(os.fsdecode(one)).parts) == depth]
        fitting = [one for one in names if name in one.rpartition(b"/")[2]]
        paths = sorted(fitting, key=lambda one: (not one.rpartition(b"/")[2].startswith(name), one))
    else:
        paths = [os.fsencode(str(path))]
    for one in paths[:1]:
        (found,) = image.list([one], below=False)
        if found.kind != "missing":
            return pull.read_file(image, one, limit=FILE_LIMIT)
    return None


def check(rom: MultiRom, what: str, file: BootFile | None, data: bytes | None, *, needed: bool) -> bytes:
    """Return the content of a file, or nothing if it is not there and not needed.

    Raises:
        InputError: If it is needed.
    """
    if data is not None or file is None:
        return data or b""
    problem = f"{rom.title} has no {what}: {file.path}{'*' if file.wildcard else ''}"
    if needed:
        raise InputError(
            problem,
            state="Nothing was kept on the phone.",
            fix="Correct its rom_info.txt. Does the ROM start in MultiROM?",
        )
    if what == "initrd":
        log.warn(f"{problem}; it starts without one, as in MultiROM")
    return b""

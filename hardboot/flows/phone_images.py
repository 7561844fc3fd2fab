"""Images taken from the phone: what a ROM lacks, as its bootloader would, or all of the phone's own."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path

from hardboot.base import log
from hardboot.base.errors import InputError
from hardboot.base.files import cache_dir, make_folder, sha256_file, write_atomic
from hardboot.base.mapping import map_file
from hardboot.device.copies import Copy
from hardboot.device.hashes import read_command
from hardboot.device.phone import Phone, safe_serial
from hardboot.flows import rom
from hardboot.flows.image_set import BOOT, ImageSet
from hardboot.flows.rom import Rom
from hardboot.formats.boot import bootimg
from hardboot.formats.boot.image_end import image_end
from hardboot.formats.reading import Data

_PAGE = max(bootimg.PAGE_SIZES)  # bytes


def complete(phone: Phone, incomplete: Rom, *, unneeded: Collection[str] = ()) -> Rom:
    """Return a ROM with the images that it lacks, read from the slot that the phone runs from.

    Args:
        phone: The phone.
        incomplete: The ROM as it was given.
        unneeded: Images that need not be there.

    Raises:
        InputError: If a needed image is neither given nor in a partition of the profile, or is malformed.
        DeviceError: If a partition cannot be read, or arrives damaged.
        RefusedError: If a partition is not as the profile says.
    """
    known = phone.profile.partitions
    while wanted := [name for name in incomplete.lacks if name in known and name not in unneeded]:
        files = _with(phone, incomplete.files, wanted)
        incomplete = rom.assemble(files, taken=set(files.images) - incomplete.given)
    check_complete(incomplete, unneeded=unneeded)
    return incomplete


def own(phone: Phone, *, unneeded: Collection[str] = ()) -> Rom:
    """Return the ROM in the slot that the phone runs from.

    Args:
        phone: The phone.
        unneeded: See `complete`.

    Raises:
        DeviceError: If a partition cannot be read, or arrives damaged.
        RefusedError: If a partition is not as the profile says.
        InputError: If one holds no such image.
    """
    files = _with(phone, ImageSet(Path(phone.partition_name(BOOT)), {}, {}), [BOOT])
    return complete(phone, rom.assemble(files, taken={BOOT}), unneeded=unneeded)


def check_complete(one: Rom, *, unneeded: Collection[str] = ()) -> None:
    """Refuse a ROM that lacks an image without which its kernel has no ramdisk.

    Args:
        one: The ROM.
        unneeded: See `complete`.

    Raises:
        InputError: If it does.
    """
    for name in one.lacks:
        if name in rom.NEEDED and name not in unneeded:
            option = f"--{name.replace('_', '-')}"
            raise InputError(
                f"the {name} image is missing: a boot image with header v{one.image.header_version} needs it",
                file=str(one.path),
                state="Nothing was sent.",
                fix=f"Give the file: {option} FILE. Of a connected phone whose profile has the partition "
                f"{name}, its own is used.",
            )


def _with(phone: Phone, known: ImageSet, names: Iterable[str]) -> ImageSet:
    """Return a set of images, and those of the phone with these names."""
    taken = {name: read(phone, name) for name in names}
    images = {**known.images, **{name: data for name, (_, data) in taken.items()}}
    files = {**known.files, **{name: Path(place) for name, (place, _) in taken.items()}}
    return replace(known, images=images, files=files)


def read(phone: Phone, name: str) -> tuple[str, Data]:
    """Return the name of the phone's partition `name` and the image in it, which is kept for the next time.

    The phone computes its SHA-256 each time; what is kept is only used if it has the same one.

    Raises:
        DeviceError: If it cannot be read, or arrives damaged.
        RefusedError: If it is not as the profile says.
    """
    device, title = phone.partition(name), phone.partition_name(name)
    with log.step(f"Reading {title} of the phone"):
        page = phone.pull_copy(Copy("first-page", device.path, _PAGE)) or b""
        size = min(image_end(page) or device.size, device.size)
        digest = phone.sha256(device.path, size, first=size)
        folder = cache_dir() / "partitions" / safe_serial(phone.serialno)
        kept = folder / f"{title}.img"
        if not kept.is_file() or sha256_file(kept) != digest:
            copy = Copy("partition", device.path, size, read_command(device.path, size))
            make_folder(folder, mode=0o700)
            write_atomic(kept, [phone.pull_copy(copy) or b""], mode=0o600)
        data = map_file(kept)
    log.say(f"{name}: {title} of the phone (SHA-256 {digest[:12]}…)")
    return title, data

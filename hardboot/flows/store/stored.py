"""The ROMs in the store of a phone."""

import re
import shlex
from collections.abc import Collection
from dataclasses import dataclass

from hardboot.base import log
from hardboot.base.errors import InputError, RefusedError
from hardboot.base.printable import printable
from hardboot.base.similar import did_you_mean
from hardboot.device import record
from hardboot.device.copies import Copy
from hardboot.device.handset import KernelIdentity
from hardboot.device.phone import Phone
from hardboot.device.shells import read
from hardboot.flows.store import default, in_use
from hardboot.flows.store.place import STORE
from hardboot.store import manifest as manifests
from hardboot.store.manifest import Manifest, StoredImage

MANIFEST = "manifest.json"
_GO_HOME = "Return to the phone's own system: hardboot home"
# Folders of ROMs that are being added or removed begin with a dot; no name of a ROM does.
_NAMES = f"ls -a {STORE} 2>/dev/null; true"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,31}")
_UNFINISHED = re.compile(r"\.([A-Za-z0-9][A-Za-z0-9_.+-]{0,31})\.(?:new|gone)")
_IMAGE = re.compile(r"([a-z][a-z0-9_]{0,31})(?:\.[0-9]{1,10})?\.img")  # StoredImage.file


@dataclass(frozen=True)
class Store:
    """What lies in the store.

    Attributes:
        names: Of the ROMs.
        unfinished: Folders of ROMs that were being added, changed or removed when that was cut off.
        foreign: Other names, which hardboot never touches.
    """

    names: tuple[str, ...]
    unfinished: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()


@dataclass(frozen=True)
class Damaged:
    """A ROM whose manifest cannot be used."""

    name: str
    problem: str


def folder(name: str) -> str:
    """Return the folder of a ROM, or of an unfinished one."""
    return f"{STORE}/{name}"


def unfinished(name: str) -> str:
    """Return the name of the folder for what a ROM gets that is not whole yet."""
    return f".{name}.new"


def removed(name: str) -> str:
    """Return the name of the folder of a ROM that is being removed."""
    return f".{name}.gone"


def look(phone: Phone) -> Store:
    """Return what lies in the store.

    Raises:
        DeviceError: If the phone does not answer.
    """
    found = sorted(set(read(_NAMES, phone.root(_NAMES)).splitlines()) - {"", ".", ".."})
    names = tuple(name for name in found if NAME.fullmatch(name))
    halves = tuple(name for name in found if _UNFINISHED.fullmatch(name))
    foreign = tuple(printable(name) for name in found if name not in (*names, *halves))
    return Store(names, halves, foreign)


def room_of(phone: Phone, names: Collection[str]) -> int:
    """Return how many bytes of /data folders of the store take; 0 if the phone does not tell."""
    if not names:
        return 0
    query = f"du -sk {' '.join(map(folder, names))} 2>/dev/null; true"
    return sum(
        int(size) << 10 for size in re.findall(r"^([0-9]{1,12})\s", read(query, phone.root(query)), re.M)
    )


def manifests_of(phone: Phone) -> list[Manifest | Damaged]:
    """Return the manifests of all ROMs, in the order of their names.

    Raises:
        DeviceError: If the phone does not answer.
    """
    found: list[Manifest | Damaged] = []
    for name in look(phone).names:
        try:
            found.append(_manifest(phone, name))
        except InputError as error:
            log.detail(error.what)
            found.append(Damaged(name, error.what))
    return found


def unchanging(phone: Phone) -> dict[str, str]:
    """Return the files of images that no ROM can write to: path by SHA-256.

    Raises:
        DeviceError: If the phone does not answer.
    """
    return {
        image.sha256: f"{folder(rom.name)}/{image.file}"
        for rom in manifests_of(phone)
        if isinstance(rom, Manifest)
        for image in rom.images
        if image.read_only and image.sha256
    }


def find(phone: Phone, name: str) -> Manifest:
    """Return the manifest of a ROM.

    Raises:
        InputError: If there is no such ROM, or its manifest is damaged.
        RefusedError: If a ROM runs that sees none.
        DeviceError: If the phone does not answer.
    """
    names = look(phone).names
    if not names:
        check_home(phone.kernel())
    if name not in names:
        raise InputError(
            f"there is no ROM {printable(name)} on this phone{did_you_mean(name, names)}",
            state="Nothing was changed.",
            fix="List the ROMs: hardboot rom list" if names else "Add one: hardboot rom add NAME IMAGE",
        )
    return _manifest(phone, name)


def check_home(kernel: KernelIdentity, *, fix: str = _GO_HOME) -> None:
    """Refuse a ROM that runs, and has shown no stored ROMs: /data is not the phone's.

    Raises:
        RefusedError: If `kernel`, which runs, is that of a ROM.
    """
    if record.is_guest(kernel):
        raise RefusedError(
            "the system that runs is a ROM, which sees no stored ROMs", state="Nothing was changed.", fix=fix
        )


def check_there(rom: Manifest, image: StoredImage) -> None:
    """Refuse a ROM whose image was given up, and not replaced.

    Raises:
        RefusedError: If it was.
    """
    if not image.runs:
        raise RefusedError(
            f"{rom.name} has no {image.name}: it was being wiped, and that was cut off",
            state="Nothing was started or written.",
            fix=f"Wipe it again: hardboot rom wipe {rom.name} {image.name}",
        )


def changed(path: str, state: str) -> InputError:
    """Return the error that a file of a ROM is not what was added."""
    return InputError(
        f"{path} on the phone is damaged, or not what was added",
        state=state,
        fix="Remove the ROM and add it again, or restore a backup: hardboot rom restore FILE",
    )


def _manifest(phone: Phone, name: str) -> Manifest:
    path = f"{folder(name)}/{MANIFEST}"
    # What cannot be read is a damaged manifest of this ROM alone.
    command = f"{{ [ ! -f {path} ] || head -c {manifests.LIMIT} < {path} || true; }} 2>/dev/null"
    data = phone.pull_copy(Copy("manifest", path, manifests.LIMIT, command))
    return manifests.parse(data or b"", name=name)


def remove_folder(phone: Phone, name: str) -> None:
    """Remove a folder of the store and all in it, which frees its blocks.

    Raises:
        DeviceError: If it fails.
    """
    command = f"rm -rf {shlex.quote(folder(name))} && sync"
    read(command, phone.root(command, timeout_s=300))


def clear(phone: Phone, store: Store) -> None:
    """Remove what is left of adding, changing or removing ROMs that was cut off.

    Raises:
        DeviceError: If it fails.
    """
    for half in store.unfinished:
        match = _UNFINISHED.fullmatch(half)
        assert match
        name = match[1]
        log.say(f"Clearing what is left of {name}")
        if name in store.names:
            _remove_old_images(phone, name)
        remove_folder(phone, half)


def _remove_old_images(phone: Phone, name: str) -> None:
    """Remove the files of images that the manifest of a ROM does not name any more, or not yet."""
    try:
        known = _manifest(phone, name)
    except InputError as error:
        log.detail(error.what)
        return
    listing = f"ls {folder(name)}"
    named = {one.name for one in known.images}
    kept = {one.file for one in known.images if one.runs}
    for file in read(listing, phone.root(listing)).splitlines():
        match = _IMAGE.fullmatch(file.strip())
        if match and match[1] in named and match[0] not in kept:
            command = f"rm -f {folder(name)}/{match[0]}"
            read(command, phone.root(command, timeout_s=300))


def rename(phone: Phone, name: str, new: str) -> None:
    """Give a ROM another name, at once: a cut leaves the old one or the new one.

    Raises:
        RefusedError: If there is a ROM of the new name, or one of its images is mounted.
        DeviceError: If it fails.
    """
    found = look(phone)
    clear(phone, found)
    if new in found.names:
        raise RefusedError(
            f"there is a ROM {new} on this phone already",
            state="Nothing was changed.",
            fix="Choose another name.",
        )
    in_use.check(phone, name)  # it would be known by the old name alone
    command = f"mv {folder(name)} {folder(new)} && sync"
    with default.following(phone, name, new):
        read(command, phone.root(command))


def remove(phone: Phone, name: str) -> None:
    """Remove a ROM: at once for everybody who looks, then its blocks.

    Raises:
        RefusedError: If one of its images is mounted.
        DeviceError: If it fails; the next command clears what is left.
    """
    in_use.check(phone, name)
    gone = removed(name)
    command = f"rm -rf {folder(gone)}; mv {folder(name)} {folder(gone)} && sync"
    with default.following(phone, name, default.HOME):
        read(command, phone.root(command))
    remove_folder(phone, gone)

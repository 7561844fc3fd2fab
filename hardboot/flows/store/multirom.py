"""MultiROM's folder on a phone; it is only ever read."""

import shlex
from dataclasses import dataclass

from hardboot.base.errors import InputError, RefusedError
from hardboot.base.printable import printable
from hardboot.base.similar import did_you_mean
from hardboot.device.phone import Phone
from hardboot.device.shells import SEPARATOR, read
from hardboot.store import multirom, rom_info
from hardboot.store.multirom import BASES, MARKERS, ROM_INFO, MultiRom
from hardboot.store.rom_info import RomInfo

_INI_LIMIT = 64 << 10  # bytes
# Prints the folder, multirom.ini, then name and files of each ROM, each behind the separator.
_LIST = f"""\
b=
for c in {" ".join(BASES)}; do
if [ -z "$b" ] && [ -d $c/roms ]; then b=$c; fi
done
if [ -n "$b" ]; then
echo {SEPARATOR}; echo $b; echo {SEPARATOR}
if [ -f $b/multirom.ini ]; then head -c {_INI_LIMIT} $b/multirom.ini; echo; fi
for d in $b/roms/*; do
if [ -d "$d" ] && [ ! -L "$d" ]; then
echo {SEPARATOR}; echo "${{d##*/}}"; echo {SEPARATOR}
for f in {" ".join(MARKERS)}; do
if [ -d "$d/$f" ]; then echo "$f/"; elif [ -f "$d/$f" ]; then echo "$f"; fi
done; fi; done; fi; true"""
_LOOPS = "cat /sys/block/loop*/loop/backing_file 2>/dev/null; true"


@dataclass(frozen=True)
class MultiRomFolder:
    """MultiROM's folder: its path, and the ROMs in it."""

    base: str
    roms: tuple[MultiRom, ...]

    def path(self, rom: MultiRom, file: str = "") -> str:
        """Return the path of a ROM's folder, or of a file in it."""
        return f"{self.base}/roms/{rom.name}" + (f"/{file}" if file else "")


def find(phone: Phone) -> MultiRomFolder | None:
    """Return the first folder of MultiROM, as MultiROM searches for it; None if there is none.

    Raises:
        DeviceError: If the phone does not answer.
    """
    text = read(_LIST, phone.root(_LIST)).replace("\r\n", "\n")
    _, *parts = f"{text}\n".split(f"{SEPARATOR}\n")
    if not parts:
        return None
    base, ini, *others = [part.removesuffix("\n") for part in parts]
    return MultiRomFolder(base, multirom.parse(zip(others[::2], others[1::2], strict=True), ini))


def get(phone: Phone, name: str) -> tuple[MultiRomFolder, MultiRom]:
    """Return MultiROM's folder, and a ROM in it.

    Raises:
        InputError: If there is none.
        DeviceError: If the phone does not answer.
    """
    folder = find(phone)
    roms = {one.name: one for one in folder.roms} if folder else {}
    if folder is None or name not in roms:
        where = f"in {folder.base}" if folder else "on this phone: it has no folder of MultiROM"
        raise InputError(
            f"there is no ROM {printable(name)!r} of MultiROM {where}{did_you_mean(name, list(roms))}",
            state="Nothing was written or started.",
            fix="List the ROMs: hardboot rom list",
        )
    return folder, roms[name]


def read_info(phone: Phone, folder: MultiRomFolder, rom: MultiRom) -> RomInfo:
    """Return what rom_info.txt of a Linux ROM says.

    Raises:
        InputError: If it cannot be used.
        DeviceError: If it cannot be read.
    """
    path = folder.path(rom, ROM_INFO)
    return rom_info.parse(phone.pull_root_file(path, first=rom_info.LIMIT + 1) or b"")


def resolved(
    phone: Phone, folder: str, path: str, *, wildcard: bool = False, is_folder: bool = False
) -> str | None:
    """Return the path of a plain file below a folder, links followed; None if there is none.

    Args:
        phone: The phone.
        folder: Absolute path.
        path: Relative to it.
        wildcard: Whether its name may have more characters; the first file counts, one that begins so before
            others.
        is_folder: Whether it is a folder in place of a file.

    Raises:
        RefusedError: If a link leads out of the folder.
        DeviceError: If the phone does not answer.
    """
    above, _, name = f"{folder}/{path}".rpartition("/")
    pattern = shlex.quote(f"{above}/{name}")
    if wildcard:
        pattern += f"* {shlex.quote(f'{above}/')}*{shlex.quote(name)}*"
    test = "-d" if is_folder else "-f"
    command = f'for f in {pattern}; do if [ {test} "$f" ]; then readlink -f "$f"; fi; done; true'
    found = read(command, phone.root(command)).partition("\n")[0]
    if not found:
        return None
    home = f"readlink -f {shlex.quote(folder)}"
    if not found.startswith(f"{read(home, phone.root(home))}/") or printable(found) != found:
        raise RefusedError(
            f"{printable(path)} in {folder} is a link that leads out of it: {printable(found)[:120]}",
            state="Nothing was written or started.",
            fix="Put the file itself there.",
        )
    return found


def root_image(phone: Phone, folder: MultiRomFolder, rom: MultiRom, info: RomInfo) -> str | None:
    """Return the path of the image with the root file system of a Linux ROM; None if it lies in a folder.

    Raises:
        InputError: If neither is there.
        RefusedError: If a link leads out of the ROM's folder.
        DeviceError: If the phone does not answer.
    """
    home = folder.path(rom)
    if info.root_image and resolved(phone, home, info.root_image):
        return f"{home}/{info.root_image}"
    if not info.root_folder or not resolved(phone, home, info.root_folder, is_folder=True):
        named = " and no ".join(filter(None, (info.root_image, info.root_folder)))
        raise InputError(
            f"{rom.title} has no root file system: no {named}",
            state="Nothing was written or started.",
            fix="Correct its rom_info.txt. Does the ROM start in MultiROM?",
        )
    return None


def check_image(phone: Phone, path: str) -> int:
    """Return the bytes of an image file, after checking that it is one, and that nobody has it mounted.

    Raises:
        RefusedError: If it is a link or no plain file, or is mounted.
        DeviceError: If the phone does not answer.
    """
    name = shlex.quote(path)
    command = f"if [ -f {name} ] && [ ! -L {name} ]; then stat -c %s {name}; fi"
    size = read(command, phone.root(command))
    if not (size.isascii() and size.isdecimal() and len(size) < 16):
        raise RefusedError(
            f"{path} is no plain file",
            state="Nothing was written.",
            fix=f"Look at it on the phone: adb shell su -c 'ls -l {name}'",
        )
    if path in read(_LOOPS, phone.root(_LOOPS)).splitlines():
        raise RefusedError(
            f"{path} is mounted: MultiROM runs this ROM now",
            state="Nothing was written.",
            fix="Start the phone's own system (Internal in MultiROM's menu), then try again.",
        )
    return int(size)

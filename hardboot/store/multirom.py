"""The ROMs in MultiROM's folder: which there are, of which type, and what of them can be used.

A type is told by the files of a ROM, as MultiROM does; it is stored nowhere. Source: multirom.c of
Tasssadar/multirom at 3b11f02e (multirom_get_rom_type); system.sparse.img and the like are of the forks
(AdrianDC/multirom_core at 7f794152, vasishath/multirom at 350f3eda). Nothing of MultiROM's is ever written.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from hardboot.base.printable import printable

PREFIX = "multirom:"  # of names on the command line
# Where MultiROM looks for its folder, in its order, the forks' first: multirom_find_base_dir.
BASES = (
    "/data/media/0/MultiROM/multirom",
    "/data/media/MultiROM/multirom",
    "/data/media/0/multirom",
    "/data/media/multirom",
)
BOOT_IMAGE = "boot.img"
ROM_INFO = "rom_info.txt"
FIRMWARE = "firmware.img"  # mounted in place of the phone's firmware partition
INTERNAL = "Internal"  # the phone's own system; it has no files of its own
PARTS = ("system", "vendor", "data", "cache")
_NEEDED = ("system", "data", "cache")
_IMAGES = tuple(f"{part}{end}" for part in PARTS for end in (".img", ".sparse.img"))
# What tells the type, and what is used of it; a name that ends with a slash is a folder's.
MARKERS = ("boot", *PARTS, *_IMAGES, "root", BOOT_IMAGE, ROM_INFO, FIRMWARE)
_NAME_MAX = 26  # bytes: MAX_ROM_NAME_LEN
_CURRENT = "current_rom"
_DRIVE = "curr_rom_part"  # the USB drive or SD card that it lies on

Type = Literal["android-folders", "android-images", "linux", "ubuntu", "unsupported", "unknown"]
TYPES: Mapping[Type, str] = {
    "android-folders": "Android in folders",
    "android-images": "Android in images",
    "linux": f"Linux ({ROM_INFO})",
    "ubuntu": "Ubuntu 13.04",
    "unsupported": "Ubuntu 12.10",
    "unknown": "unknown",
}


@dataclass(frozen=True)
class MultiRom:
    """A ROM of MultiROM.

    Attributes:
        name: Of its folder.
        files: Those of MARKERS that it has; a folder's name ends with a slash.
        current: The ROM that multirom.ini names; see `current_rom`.
    """

    name: str
    files: frozenset[str]
    current: str | None

    @property
    def title(self) -> str:
        """Its name on the command line."""
        return f"{PREFIX}{self.name}"

    @property
    def type(self) -> Type:
        """Its type, by the tests of MultiROM, in their order."""
        if "boot/" in self.files and self._is_android:
            return "android-folders" if any(f"{part}/" in self.files for part in PARTS) else "android-images"
        if ROM_INFO in self.files:
            return "linux"
        if "root/" in self.files:
            return "ubuntu" if self.has_kernel else "unsupported"
        return "unknown"

    @property
    def kernel(self) -> str:
        """Whose kernel it runs, in words."""
        if self.type == "linux":
            return f"its own kernel ({ROM_INFO})"
        return f"its own kernel ({BOOT_IMAGE})" if self.has_kernel else "the phone's kernel"

    @property
    def has_kernel(self) -> bool:
        """Whether it brings a boot image."""
        return BOOT_IMAGE in self.files

    @property
    def images(self) -> dict[str, str]:
        """The names of its image files by what they hold; a folder of that name comes first in MultiROM."""
        found = {
            part: next((name for name in (f"{part}.img", f"{part}.sparse.img") if name in self.files), None)
            for part in PARTS
            if f"{part}/" not in self.files
        }
        return {part: name for part, name in found.items() if name is not None}

    @property
    def not_imported(self) -> str | None:
        """Why `rom import` does not take it, in words; None if it does."""
        if self.type == "linux":
            return None
        if self.type == "android-images":
            return None if self.has_kernel else f"it has no {BOOT_IMAGE}: it needs MultiROM's own ramdisk"
        if self.type == "android-folders":
            return "its files lie in folders of /data, not in images"
        return self._not_linux

    @property
    def not_booted(self) -> str | None:
        """Why `rom boot` cannot start it in any case, in words; None if it may."""
        if self.type == "linux":
            return "its name has a space: MultiROM does not start it either" if " " in self.name else None
        if not self.type.startswith("android"):
            return self._not_linux
        if not self.has_kernel:
            return "it shares the phone's kernel: only MultiROM's own menu starts it"
        if self.current != self.name:
            named = printable(self.current) if self.current else "none in this folder"
            return f"its trampoline starts the ROM that multirom.ini names: {named}"
        return None

    @property
    def _is_android(self) -> bool:
        """Whether system, data and cache are there: in folders, as .img, or mixed as the forks have it."""
        return (
            all(f"{part}/" in self.files for part in _NEEDED)
            or all(f"{part}.img" in self.files for part in _NEEDED)
            or ("system.sparse.img" in self.files and all(self._in_fork(part) for part in ("data", "cache")))
        )

    def _in_fork(self, part: str) -> bool:
        return f"{part}/" in self.files or f"{part}.sparse.img" in self.files

    @property
    def _not_linux(self) -> str:
        """Why an old Ubuntu cannot be used."""
        if self.type == "ubuntu":
            return f"it has no {ROM_INFO}, which MultiROM writes as soon as its menu lists the ROM"
        return "MultiROM itself does not support it any more"


def parse(records: Iterable[tuple[str, str]], ini: str) -> tuple[MultiRom, ...]:
    """Return the ROMs in a folder of MultiROM, without those that MultiROM does not show either.

    Args:
        records: Name of each folder, and which of MARKERS it has, one a line.
        ini: Content of multirom.ini.
    """
    current = current_rom(ini)
    found = (
        MultiRom(name, frozenset(files.split()), current)
        for name, files in records
        if name != INTERNAL
        and 0 < len(name.encode("utf-8", "replace")) <= _NAME_MAX
        and printable(name) == name
        and name[0] != "."
    )
    return tuple(one for one in found if one.type != "unknown")


def current_rom(text: str) -> str | None:
    """Return the ROM that multirom.ini names; None if none, or one on a drive.

    MultiROM writes the one there that it starts, also Internal, and starts this one after a kexec. Source:
    multirom, multirom_load_status, which splits lines at equals signs; of two values the last one counts.
    """
    chosen, on_drive = None, False
    for line in text.split("\n"):
        key, value = ([word for word in line.split("=") if word] + ["", ""])[:2]
        if value and _CURRENT in key:
            chosen = value
        elif value and _DRIVE in key:
            on_drive = True
    return None if on_drive else chosen

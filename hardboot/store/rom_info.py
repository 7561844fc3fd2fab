"""rom_info.txt of MultiROM: where the root file system and the kernel of a Linux ROM are.

Lines KEY="VALUE", from the first to the last quotation mark; # begins a comment, and an empty value is none.
Anything can be in it: no path that leads out of the ROM's own folder is taken. Source: rom_info.txt and
multirom.c of Tasssadar/multirom at 3b11f02e (multirom_parse_rom_info, multirom_fill_kexec_linux,
find_boot_file). Of a root image and a root folder, multirom.c takes the image if it is there, whatever its
comments say.
"""

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass

from hardboot.base.errors import InputError
from hardboot.base.printable import printable
from hardboot.store.multirom import ROM_INFO

LIMIT = 64 << 10  # bytes; the template has 2 KiB
_KEY_MAX = 30  # characters that MultiROM reads
_NEEDED = ("type", "kernel_path", "base_cmdline")
_ROOTS = ("root_img", "root_dir")
_FOLDER = "%m"  # the ROM's folder, from the root of its partition
_INSIDE = "%r"  # inside of the root file system
_DTB = "%r/dtb.img"  # where MultiROM looks for a device tree that is not named


@dataclass(frozen=True)
class BootFile:
    """A file that is booted.

    Attributes:
        path: From the root of the root file system, or from the ROM's folder; without a slash in front.
        inside: Whether it is in the root file system.
        wildcard: Whether the name of the file may have more characters than that, before and behind.
    """

    path: str
    inside: bool
    wildcard: bool


@dataclass(frozen=True)
class RomInfo:
    """What the file says; paths of roots are relative to the ROM's folder.

    Attributes:
        root_image: Its image, if it names one.
        root_folder: Its folder, if it names one.
        filesystem: Of the image.
        initrd: Without it, it starts without one, as in MultiROM.
        dtb_named: Whether the device tree must be there.
        cmdlines: `base_cmdline`, `img_cmdline` and `dir_cmdline`, with their aliases.
    """

    root_image: str | None
    root_folder: str | None
    filesystem: str
    kernel: BootFile
    initrd: BootFile | None
    dtb: BootFile
    dtb_named: bool
    cmdlines: Mapping[str, str]

    def cmdline(self, values: Mapping[str, str], *, image: bool) -> str:
        """Return its kernel command line, with MultiROM's aliases replaced.

        Args:
            values: Of the aliases, by their letters; what hardboot adds by itself is "".
            image: Whether its root file system is the image.
        """
        root = self.cmdlines["img_cmdline" if image else "dir_cmdline"]
        text = f"{self.cmdlines['base_cmdline']} {root}"
        text = re.sub(r"%(.?)", lambda alias: values.get(alias[1], ""), text)
        return " ".join(text.split())

    @property
    def plain_cmdline(self) -> str:
        """The words of its command line that name nothing of MultiROM's."""
        return " ".join(word for word in self.cmdlines["base_cmdline"].split() if "%" not in word)


def parse(data: bytes) -> RomInfo:
    """Return what the file says.

    Raises:
        InputError: If something that is needed is missing or wrong, or a path leads out of the ROM's folder.
    """
    if len(data) > LIMIT:
        raise _wrong(f"it has {len(data)} bytes, more than {LIMIT}")
    found = _values(data.decode("utf-8", "replace"))
    missing = [key for key in _NEEDED if key not in found]
    if missing:
        raise _wrong(f"it says no {' and no '.join(missing)}")
    if found["type"] != "kexec":
        raise _wrong(f"its type is {found['type'][:40]!r}, not 'kexec'")
    roots = {key: _root(key, found[key]) for key in _ROOTS if key in found}
    if not roots:
        raise _wrong("it says no root_dir and no root_img")
    filesystem = found.get("root_img_fs", "ext4")
    if not (filesystem.isascii() and filesystem.isalnum() and len(filesystem) <= 15):
        raise _wrong(f"its root_img_fs is {filesystem[:40]!r}")
    return RomInfo(
        root_image=roots.get("root_img"),
        root_folder=roots.get("root_dir"),
        filesystem=filesystem.lower(),
        kernel=_boot_file("kernel_path", found["kernel_path"]),
        initrd=_boot_file("initrd_path", found["initrd_path"]) if "initrd_path" in found else None,
        dtb=_boot_file("dtb_path", found.get("dtb_path", _DTB)),
        dtb_named="dtb_path" in found,
        cmdlines={key: found.get(key, "") for key in ("base_cmdline", "img_cmdline", "dir_cmdline")},
    )


def _values(text: str) -> dict[str, str]:
    """Return the values by their keys; of a key that stands there twice, the last one counts."""
    found: dict[str, str] = {}
    for line in text.split("\n"):
        key, equals, value = line.partition("=")
        first, last = value.find('"'), value.rfind('"')
        if line.startswith("#") or not equals or len(key) > _KEY_MAX or last <= first + 1:
            continue
        inner = value[first + 1 : last]
        if printable(inner) != inner:
            raise _wrong(f"the value of {printable(key)} holds control characters")
        found[key] = inner
    return found


def _root(key: str, value: str) -> str:
    """Return the path of a root relative to the ROM's folder."""
    alias, path = value[: len(_FOLDER)], value[len(_FOLDER) :]
    if alias != _FOLDER or not path.startswith("/"):
        raise _outside(key, value)
    return _below(key, value, path)


def _boot_file(key: str, value: str) -> BootFile:
    inside = value.startswith(_INSIDE)
    path = value[len(_INSIDE) :] if inside else value
    wildcard = path.endswith("*")
    if path.endswith("/*"):  # any file: which one depends on the file system
        raise _outside(key, value)
    return BootFile(_below(key, value, path.removesuffix("*")), inside, wildcard)


def _below(key: str, value: str, path: str) -> str:
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if not parts or ".." in parts or any("*" in part or "%" in part for part in parts):
        raise _outside(key, value)
    return posixpath.join(*parts)


def _outside(key: str, value: str) -> InputError:
    return _wrong(f"its {key} is {value[:80]!r}, which is no path in the folder of the ROM")


def _wrong(problem: str) -> InputError:
    return InputError(
        f"{ROM_INFO} cannot be used: {problem}",
        state="Nothing was written or started.",
        fix="Correct it, or add the ROM from its files on this computer: hardboot rom add",
    )

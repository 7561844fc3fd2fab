"""The fstab of an Android ROM, changed so that it mounts the ROM's own disks and none of the phone's.

Format: one file system a line: device, mount point, type, mount options, options of fs_mgr.
Source: AOSP system/core, fs_mgr/libfstab/fstab.cpp.
"""

from collections.abc import Mapping
from dataclasses import dataclass

SYSTEM, DATA = "system", "data"
# The names of images by the places where they are mounted. As root file system, system is mounted at /.
_IMAGES = {
    "/": SYSTEM,
    "/system": SYSTEM,
    "/system_root": SYSTEM,
    "/vendor": "vendor",
    "/product": "product",
    "/system_ext": "system_ext",
    "/odm": "odm",
    "/system_dlkm": "system_dlkm",
    "/vendor_dlkm": "vendor_dlkm",
    "/odm_dlkm": "odm_dlkm",
    "/data": DATA,
    "/cache": "cache",
}
# Options of fs_mgr that are about how the file system is mounted; encryption, verity, slots, logical
# partitions and checks of the phone's own partitions are not.
_KEPT = ("wait", "check", "formattable", "first_stage_mount", "latemount", "nofail", "notrim")
# Partitions of the phone that a ROM must not write to: they belong to the phone's own system and its data.
_OWN = ("/metadata",)
_LOGICAL = "logical"  # a partition in super, where the phone's own system lies
# Mount options that every file system takes: those that fs_mgr makes flags of, and SELinux's. All others it
# passes to the file system, which does not mount if it does not know them.
_OF_ANY = (
    *("noatime", "noexec", "nosuid", "nodev", "nodiratime", "ro", "rw", "sync", "lazytime", "defaults"),
    *("context", "fscontext", "defcontext", "rootcontext"),
)


@dataclass(frozen=True)
class Rewritten:
    """A changed fstab.

    Attributes:
        text: Its content.
        mounted: Names of images that it mounts.
        left_out: Mount points that it does not mount any more.
    """

    text: str
    mounted: tuple[str, ...]
    left_out: tuple[str, ...]


def rewrite(text: str, devices: Mapping[str, str], filesystems: Mapping[str, str]) -> Rewritten:
    """Return an fstab that mounts the disks of a ROM.

    Args:
        text: The ROM's own fstab.
        devices: Paths of its disks, by the names of their images.
        filesystems: Their file systems, by the names of their images.
    """
    lines: list[str] = []
    mounted: list[str] = []
    left_out: list[str] = []
    for line in text.splitlines():
        fields = line.split()
        if len(fields) < 4 or fields[0].startswith("#"):
            lines.append(line)
            continue
        place, options, words = fields[1], fields[3], fields[4].split(",") if len(fields) > 4 else []
        image = _IMAGES.get(place.rstrip("/") or "/")
        if image is not None and image in devices:
            kept = [word for word in words if word.partition("=")[0] in _KEPT] or ["wait"]
            options = _mount_options(options, was=fields[2], now=filesystems[image])
            lines.append(" ".join((devices[image], place, filesystems[image], options, ",".join(kept))))
            mounted.append(image)
        elif image is not None or place in _OWN or _LOGICAL in words or "userdata" in fields[0]:
            lines.append(f"# {line}")
            left_out.append(place)
        else:
            lines.append(line)
    return Rewritten("".join(f"{line}\n" for line in lines), tuple(mounted), tuple(left_out))


def _mount_options(options: str, *, was: str, now: str) -> str:
    """Return the mount options for another file system: those of the old one alone are left out."""
    if was == now:
        return options
    kept = [word for word in options.split(",") if word.partition("=")[0] in _OF_ANY]
    return ",".join(kept) or "defaults"

"""The fstab files in the ramdisk of an Android ROM, changed so that they mount its own disks."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from hardboot.base import log
from hardboot.base.errors import RefusedError
from hardboot.formats.archives.rootfs import Rootfs
from hardboot.store import fstab
from hardboot.store.fstab import Rewritten
from hardboot.store.manifest import StoredImage

# Android's first stage reads it in first_stage_ramdisk, where the ramdisk becomes the root file system.
_PATH = re.compile(r"(first_stage_ramdisk/)?fstab\.[A-Za-z0-9_.-]{1,64}")
_NEEDED = (fstab.SYSTEM, fstab.DATA)


def changed(tree: Rootfs, images: Sequence[StoredImage]) -> dict[str, bytes]:
    """Return the changed fstab files by their paths in the ramdisk.

    Args:
        tree: The root file system that the kernel makes of the ramdisk.
        images: The ROM's, in the order in which their disks are made: the first one is dm-0.

    Raises:
        RefusedError: If no fstab mounts its system and its data.
    """
    devices = {one.name: f"/dev/block/dm-{number}" for number, one in enumerate(images)}
    made = dict(_rewritten(tree, devices, {one.name: one.filesystem for one in images}))
    for path, one in made.items():
        if one.left_out:
            log.warn(f"{path}: not mounted in this ROM, as it has no image of it: {', '.join(one.left_out)}")
    _check(made.values(), devices)
    return {path: one.text.encode() for path, one in made.items()}


def check(tree: Rootfs, images: Collection[str]) -> None:
    """Refuse a ramdisk by which an Android system would not mount its images; see `changed`.

    Args:
        tree: See `changed`.
        images: Their names.

    Raises:
        RefusedError: If no fstab mounts its system and its data.
    """
    names = dict.fromkeys(images, "")
    _check(dict(_rewritten(tree, names, names)).values(), images)


def _rewritten(
    tree: Rootfs, devices: Mapping[str, str], filesystems: Mapping[str, str]
) -> Iterator[tuple[str, Rewritten]]:
    """Yield each fstab, changed, after its path in the ramdisk."""
    for parts, node in tree.walk():
        path = "/".join(parts)
        if _PATH.fullmatch(path) and node.entry is not None and node.entry.is_file:
            text = bytes(node.data).decode("utf-8", "replace")
            yield path, fstab.rewrite(text, devices, filesystems)


def _check(made: Collection[Rewritten], images: Collection[str]) -> None:
    mounted = {name for one in made for name in one.mounted}
    lost = [name for name in _NEEDED if name in images and name not in mounted]
    if lost:
        raise RefusedError(
            f"no fstab in the ramdisk mounts {' and '.join(lost)}: the ROM would look for them elsewhere",
            state="Nothing was started or written.",
            fix="This kind of ROM is not supported: its fstab lies in its vendor image, or the device tree.",
        )

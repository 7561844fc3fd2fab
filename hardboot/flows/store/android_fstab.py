"""The fstab files in the ramdisk of an Android ROM, changed so that they mount its own disks."""

import re
from collections.abc import Sequence

from hardboot.base import log
from hardboot.base.errors import RefusedError
from hardboot.formats.archives.rootfs import Rootfs
from hardboot.store import fstab
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
    filesystems = {one.name: one.filesystem for one in images}
    found: dict[str, bytes] = {}
    mounted: set[str] = set()
    for parts, node in tree.walk():
        path = "/".join(parts)
        if not _PATH.fullmatch(path) or node.entry is None or not node.entry.is_file:
            continue
        made = fstab.rewrite(bytes(node.data).decode("utf-8", "replace"), devices, filesystems)
        if made.left_out:
            log.warn(f"{path}: not mounted in this ROM, as it has no image of it: {', '.join(made.left_out)}")
        mounted |= set(made.mounted)
        found[path] = made.text.encode()
    lost = [name for name in _NEEDED if name in devices and name not in mounted]
    if lost:
        raise RefusedError(
            f"no fstab in the ramdisk mounts {' and '.join(lost)}: the ROM would look for them elsewhere",
            state="Nothing was started.",
            fix="This kind of ROM is not supported: its fstab lies in its vendor image, or the device tree.",
        )
    return found

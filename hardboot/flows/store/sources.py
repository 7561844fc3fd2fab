"""The images of a new ROM, made of what the user has: downloads, archives, folders, and sizes."""

from collections.abc import Mapping
from pathlib import Path

from hardboot.base import log
from hardboot.base.errors import InputError
from hardboot.base.files import naming
from hardboot.base.mapping import map_file, map_own_file
from hardboot.base.sizes import human_size
from hardboot.downloads import Download, ImageSource, TreeSource, open_download
from hardboot.flows.store.write_image import NewImage
from hardboot.formats.reading import Data
from hardboot.images import filesystem
from hardboot.store import fstab

# Besides system, what an Android ROM brings, if it does; the order is that of its disks.
_PARTS = (
    *(fstab.SYSTEM, "vendor", "product", "system_ext", "odm"),
    *("system_dlkm", "vendor_dlkm", "odm_dlkm"),
)
_BLOCK = filesystem.BLOCK
# Room of an ext4 besides the contents of files: the end of each, its inode, a folder; journal and tables.
_BLOCKS_A_FILE = 2
_LEAST_ROOM = 48 << 20  # bytes


def linux(
    rootfs: Path, size: int | None, folder: Path, *, mounts_itself: bool = False
) -> dict[str, NewImage]:
    """Return the image of a Linux root file system.

    Args:
        rootfs: A tar archive or a folder with its files, or an image of it, which may be sparse or
            compressed.
        size: Bytes that it gets, for an archive or a folder.
        folder: Takes what is made.
        mounts_itself: The ROM mounts it, so that it may hold anything: a whole disk, an unknown file system.

    Raises:
        InputError: If it cannot be read, does not fit, has no size or two, or hardboot could not mount it.
    """
    if rootfs.is_dir():
        return {"root": _filled(rootfs, rootfs, size, folder)}
    with open_download(rootfs) as download:
        tree = download.trees.get("rootfs")
        if tree is not None:
            return {"root": _filled(rootfs, tree, size, folder)}
        if len(download.images) != 1:
            raise InputError(
                "it is neither the archive of a root file system nor one image",
                file=str(rootfs),
                state="Nothing was sent.",
                fix="Give a folder or a tar archive with bin, etc, usr and so on, or an image.",
            )
        (image,) = download.images.values()
        if size is not None:
            raise InputError(
                "it is an image, which keeps its size",
                file=str(rootfs),
                state="Nothing was sent.",
                fix="Leave out --data. Afterwards: hardboot rom resize NAME --data SIZE",
            )
        data = map_file(rootfs) if not image.packing else _unpacked(folder, "root", image)
    data = _whole_blocks(rootfs, data)
    kind = filesystem.kind_of(data)
    if kind is None and not mounts_itself:
        raise InputError(
            f"it holds none of the file systems that hardboot mounts: {', '.join(filesystem.KINDS)}",
            file=str(rootfs),
            state="Nothing was sent.",
            fix="Of the image of a whole disk, give the root partition. If the ramdisk of IMAGE mounts it, "
            "add --initramfs.",
        )
    return {"root": NewImage(data, filesystem=kind or "ext4")}


def _filled(named: Path, source: Path | TreeSource, size: int | None, folder: Path) -> NewImage:
    """Return the image of a file system with the files of `source`."""
    if size is None:
        raise InputError(
            "it does not say how much room the root file system gets",
            file=str(named),
            state="Nothing was sent.",
            fix="Add its size, its own data included: --data 2G",
        )
    target = folder / "root.img"
    with log.step(f"Making a file system of {named.name}"), naming(named):
        filesystem.make(target, size, source)
    return NewImage(map_own_file(target))


def android(
    download: Download, given: Mapping[str, Path], sizes: Mapping[str, int], folder: Path
) -> dict[str, NewImage]:
    """Return the images of an Android system: its own, and empty ones for its data and its cache.

    Args:
        download: Open.
        given: Files of images in place of those in the download, by name.
        sizes: Bytes of the empty ones, by name.
        folder: Takes what is made.

    Raises:
        InputError: If there is no system image, or one is damaged.
    """
    images: dict[str, NewImage] = {}
    for name in _PARTS:
        if name in given:
            with open_download(given[name]) as single:
                images[name] = _read_only(folder, name, next(iter(single.images.values())))
        elif name in download.refused:
            raise download.refused[name]
        elif name in download.images:
            images[name] = _read_only(folder, name, download.images[name])
        elif name in download.trees:
            images[name] = _of_folder(folder, name, download.path, download.trees[name])
    if fstab.SYSTEM not in images:
        raise InputError(
            "it holds no system image",
            file=str(download.path),
            state="Nothing was sent.",
            fix="Give the file: --system FILE",
        )
    for name, size in sizes.items():
        target = folder / f"{name}.img"
        filesystem.make(target, size)
        images[name] = NewImage(map_own_file(target))
    return images


def _read_only(folder: Path, name: str, source: ImageSource) -> NewImage:
    """Write an image of a download into a file of this computer, filled up to whole blocks."""
    data = _unpacked(folder, name, source, fill=True)
    return NewImage(data, changes=False, read_only=True, filesystem=filesystem.kind_of(data) or "ext4")


def _of_folder(folder: Path, name: str, named: Path, tree: TreeSource) -> NewImage:
    """Return an image of a folder of an old ROM, with the owners and labels that its script sets."""
    target = folder / f"{name}.img"
    blocks = tree.size // _BLOCK + tree.count * _BLOCKS_A_FILE
    size = (blocks + blocks // 10) * _BLOCK + _LEAST_ROOM
    with log.step(f"Making a file system of {name}"), naming(named):
        filesystem.make(target, size, tree)
    return NewImage(map_own_file(target), changes=False, read_only=True)


def _unpacked(folder: Path, name: str, source: ImageSource, *, fill: bool = False) -> Data:
    target = folder / f"{name}.img"
    with log.progress(f"Reading {name}", source.size) as advance, target.open("wb") as stream:
        source.write_to(stream, advance)
        if fill:
            stream.truncate(-(-stream.tell() // _BLOCK) * _BLOCK)
    return map_own_file(target)


def _whole_blocks(path: Path, data: Data) -> Data:
    if len(data) % _BLOCK:
        raise InputError(
            f"it has {human_size(len(data))}, which is not whole blocks of {_BLOCK} bytes",
            file=str(path),
            state="Nothing was sent.",
            fix="Is it an image of a file system?",
        )
    return data

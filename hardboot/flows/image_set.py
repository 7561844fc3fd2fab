"""The images of one ROM: files given one by one, or those in a folder, archive, or OTA."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hardboot.base import log
from hardboot.base.errors import InputError
from hardboot.base.files import naming
from hardboot.base.mapping import map_chunks, map_file
from hardboot.downloads import Download, ImageSource, is_collection, open_download
from hardboot.formats.archives import sparse
from hardboot.formats.reading import Data
from hardboot.formats.sniff import SPARSE_IMAGE, sniff

BOOT = "boot"
# Besides boot; each is in a partition of the same name.
OTHERS = ("init_boot", "vendor_boot", "dtbo")
NAMES = (BOOT, *OTHERS)
MAX_IMAGE = 256 << 20  # bytes; far above every partition for boot images known
_SLOW = 64 << 20  # bytes from which on progress is shown


@dataclass(frozen=True)
class ImageSet:
    """The images of one ROM.

    Attributes:
        path: What the user named: the boot image, the folder, or the archive.
        images: By name, `boot` and any of OTHERS.
        files: The file of each image, for people.
    """

    path: Path
    images: Mapping[str, Data] = field(repr=False)
    files: Mapping[str, Path]


def find(path: Path, others: Mapping[str, Path | None]) -> ImageSet:
    """Return the images of the ROM at `path`.

    Args:
        path: A boot image, or a folder, archive or OTA with images.
        others: Files by name, used instead of what a folder or an archive holds; None is not given.

    Raises:
        InputError: If a file cannot be read, or there is no boot image.
    """
    if not is_collection(path):
        return _with_others(ImageSet(path, {BOOT: _mapped_file(path)}, {BOOT: path}), others)
    with open_download(path) as download:
        return _with_others(read(download, without=_given(others)), others)


def read(download: Download, *, without: Collection[str] = ()) -> ImageSet:
    """Return the images of the ROM in a download.

    Args:
        download: Open.
        without: Names of images that are not taken out of it.

    Raises:
        InputError: If there is no boot image, or one is damaged, too large, or cannot be read.
    """
    path = download.path
    wanted = [name for name in NAMES if name not in without]
    with naming(path):
        for name in wanted:
            if name in download.refused:
                raise download.refused[name]
        if BOOT in wanted and BOOT not in download.images:
            raise InputError(
                "it holds no boot.img",
                state="Nothing was changed.",
                fix="Give a folder, archive or OTA with a boot image.",
            )
        images = {name: _mapped(download.images[name]) for name in wanted if name in download.images}
    return ImageSet(path, images, {name: path / f"{name}.img" for name in images})


def _mapped(image: ImageSource) -> Data:
    if image.size > MAX_IMAGE:
        raise InputError(
            f"{image.name}.img in it has {image.size} bytes, it must have 1 to {MAX_IMAGE}",
            state="Nothing was changed.",
            fix="Extract the image, and give the file.",
        )
    with log.progress(f"Reading {image.name}.img", image.size, quiet=image.size < _SLOW) as advance:
        return map_chunks(_told(image.blocks(), advance))


def _told(pieces: Iterator[bytes], advance: log.Advance) -> Iterator[bytes]:
    for piece in pieces:
        yield piece
        advance(len(piece))


def _mapped_file(path: Path) -> Data:
    data = map_file(path)
    if sniff(data) != SPARSE_IMAGE:
        return data
    with naming(path):
        return map_chunks(sparse.expand(sparse.parse(data)))


def _given(others: Mapping[str, Path | None]) -> dict[str, Path]:
    return {name: path for name, path in others.items() if path is not None}


def _with_others(found: ImageSet, others: Mapping[str, Path | None]) -> ImageSet:
    given = _given(others)
    images = {**found.images, **{name: _mapped_file(path) for name, path in given.items()}}
    return ImageSet(found.path, images, {**found.files, **given})

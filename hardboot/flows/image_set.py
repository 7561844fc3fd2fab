"""The images of one ROM: files given one by one, a folder, or a zip archive that holds them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hardboot.base.errors import InputError
from hardboot.base.files import open_regular, unreadable
from hardboot.base.mapping import map_file
from hardboot.flows import zipped_set
from hardboot.formats.reading import Data

BOOT = "boot"
# Besides boot; each is in a partition of the same name.
OTHERS = ("init_boot", "vendor_boot", "dtbo")
NAMES = (BOOT, *OTHERS)
FILES = {f"{name}.img": name for name in NAMES}

_ZIP_MAGIC = b"PK\3\4"


@dataclass(frozen=True)
class ImageSet:
    """The images of one ROM.

    Attributes:
        path: What the user named: the boot image, the folder, or the zip archive.
        images: By name, `boot` and any of OTHERS.
        files: The file of each image, for people.
    """

    path: Path
    images: Mapping[str, Data] = field(repr=False)
    files: Mapping[str, Path]


def find(path: Path, others: Mapping[str, Path | None]) -> ImageSet:
    """Return the images of the ROM at `path`.

    Args:
        path: A boot image, a folder with images under their usual names, or a zip archive with them.
        others: Files by name, used instead of what a folder or an archive holds; None is not given.

    Raises:
        InputError: If a file cannot be read, or there is no boot image.
    """
    images: dict[str, Data]
    if path.is_dir():
        images, files = _in_folder(path)
    elif _is_zip(path):
        images = zipped_set.read(path, FILES)
        files = {name: path / f"{name}.img" for name in images}
    else:
        images, files = {BOOT: map_file(path)}, {BOOT: path}
    if BOOT not in images:
        raise InputError(
            "it holds no boot.img",
            file=str(path),
            state="Nothing was changed.",
            fix="Give a folder or archive with boot.img; from a payload.bin it must be extracted first.",
        )
    for name, given in others.items():
        if given is not None:
            images[name], files[name] = map_file(given), given
    return ImageSet(path, images, files)


def _in_folder(folder: Path) -> tuple[dict[str, Data], dict[str, Path]]:
    try:
        files = {name: folder / file for file, name in FILES.items() if (folder / file).exists()}
    except OSError as error:
        raise unreadable(folder, error) from error
    return {name: map_file(file) for name, file in files.items()}, files


def is_set(path: Path) -> bool:
    """Return whether `path` is a folder or a zip archive, and not one image.

    Raises:
        InputError: If it cannot be read.
    """
    return path.is_dir() or _is_zip(path)


def _is_zip(path: Path) -> bool:
    with open_regular(path) as stream:
        return stream.read(len(_ZIP_MAGIC)) == _ZIP_MAGIC

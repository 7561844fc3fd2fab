"""The folder an image is unpacked into: the names in it, image.toml, and the frame around the parts."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from mmap import mmap
from pathlib import Path
from typing import Any

from hardboot.base.errors import InputError
from hardboot.base.files import read_bytes
from hardboot.base.mapping import map_file
from hardboot.formats.boot.paged import Part
from hardboot.formats.containers import Fields
from hardboot.formats.reading import Data, pieces, sha256, view, windows

TOML_NAME = "image.toml"
FRAME_NAME = "frame.bin"
SPARSE_NAME = "sparse.bin"
LAYOUT = 1  # of the folder
_TOML_LIMIT = 1 << 20  # bytes
IMAGE_LIMIT = 1 << 30  # bytes; boot partitions have up to 128 MiB
_PART_NAME = "[a-z_]{1,20}[0-9]{0,4}"  # so it cannot leave the folder


def wrong(folder: Path, problem: str) -> InputError:
    """Return the error for an image.toml with this problem."""
    return InputError(
        problem,
        file=str(folder / TOML_NAME),
        state="Nothing was written.",
        fix="Correct it, or unpack the image again into another folder.",
    )


def read_toml(folder: Path) -> dict[str, Any]:
    """Read image.toml and check its layout: [image], [header] and [[part]] with names and numbers.

    Raises:
        InputError: If it is not there, cannot be read, or its layout is wrong.
    """
    if not (folder / TOML_NAME).exists():
        raise InputError(
            f"{folder} is not a folder that `hardboot unpack` made ({TOML_NAME} is missing)",
            state="Nothing was written.",
            fix="Unpack an image first: hardboot unpack IMAGE FOLDER",
        )
    data = read_bytes(folder / TOML_NAME, limit=_TOML_LIMIT)
    try:
        document = tomllib.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # also numbers too long, brackets too deep
        raise wrong(folder, str(error)) from error
    image, rows = document.get("image"), document.setdefault("part", [])
    if not isinstance(image, dict) or image.get("layout") != LAYOUT:
        raise wrong(folder, f"[image] layout is not {LAYOUT}: this version of hardboot did not write it")
    if not isinstance(document.setdefault("header", {}), dict) or not isinstance(rows, list):
        raise wrong(folder, "[header] or [[part]] is missing")
    if not isinstance(image.get("kind"), str):
        raise wrong(folder, f"[image] kind: {image.get('kind')!r}")
    if not _is_size(image.get("size")):
        raise wrong(folder, f"[image] size: {image.get('size')!r}")
    if "block_size" in image and not _is_size(image["block_size"]):
        raise wrong(folder, f"[image] block_size: {image['block_size']!r}")
    for row in rows:
        numbers = isinstance(row, dict) and _is_size(row.get("offset")) and _is_size(row.get("size"))
        if not numbers or not re.fullmatch(_PART_NAME, str(row.get("name"))) or "sha256" not in row:
            raise wrong(folder, f"a [[part]] lacks name, offset, size or sha256: {row!r}")
    return document


def _is_size(value: Any) -> bool:
    return type(value) is int and 0 <= value <= IMAGE_LIMIT


def gaps(parts: tuple[Part, ...], size: int) -> Iterator[range]:
    """Yield the byte ranges of an image of `size` bytes that belong to no part, in order."""
    end = 0
    for part in parts:
        if len(part.data):
            yield range(end, part.offset)
            end = part.offset + len(part.data)
    yield range(end, size)


class FrameFile:
    """frame.bin: the image with zeros in place of its parts.

    Args:
        folder: The folder with frame.bin.
        size: Bytes of the image.
        rows: Offset and size of each part in image.toml, by name.

    Attributes:
        size: Bytes of the image.
        sha256: Of frame.bin, in hex.
        data: The image.
        parts: The parts, all zeros, in file order.

    Raises:
        InputError: If frame.bin and image.toml do not fit together.
    """

    def __init__(self, folder: Path, size: int, rows: Mapping[str, Fields]) -> None:
        self.size = size
        places = [(name, row["offset"], row["size"]) for name, row in rows.items()]
        end, gaps = 0, []
        for name, offset, length in [*places, ("", size, 0)]:
            if not end <= offset <= offset + length <= size:
                raise wrong(folder, f"part {name!r} overlaps another part or the end of the image")
            gaps.append(range(end, offset))
            end = offset + length
        self._gaps = gaps
        path = folder / FRAME_NAME
        empty = path.is_file() and not path.stat().st_size
        kept = view(b"" if empty else map_file(path))
        if len(kept) > sum(map(len, gaps)):
            raise wrong(folder, f"{FRAME_NAME} has {len(kept)} bytes, {sum(map(len, gaps))} are missing")
        self.sha256 = sha256(kept)
        self.data = mmap(-1, size) if size else bytearray()  # zeros that take no memory
        at = 0
        for gap in gaps:
            start = gap.start
            for piece in pieces(kept[at : at + len(gap)]):
                self.data[start : start + len(piece)] = piece
                start += len(piece)
            at += len(gap)
        seen = view(self.data)
        self.parts = tuple(Part(name, start, seen[start : start + length]) for name, start, length in places)

    def chunks(self, parts: Mapping[str, Data]) -> Iterator[Data]:
        """Yield the image with `parts`, whose sizes have not changed."""
        for index, gap in enumerate(self._gaps):
            yield from windows(view(self.data)[gap.start : gap.stop])
            if index < len(self.parts):
                yield from windows(parts[self.parts[index].name])

"""The folder an image is taken apart into: the names in it, image.toml, and the frame around the parts."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from mmap import mmap
from pathlib import Path
from typing import Any

from hardboot.base.errors import InputError
from hardboot.base.files import read_bytes
from hardboot.formats.boot.paged import Part
from hardboot.formats.containers import Fields
from hardboot.formats.reading import Data, view, windows

TOML_NAME = "image.toml"
FRAME_NAME = "frame.bin"
SPARSE_NAME = "sparse.bin"
LAYOUT = 1  # of the folder
_TOML_LIMIT = 1 << 20  # bytes
IMAGE_LIMIT = 1 << 30  # bytes; boot partitions have up to 128 MiB
_PART_NAME = "[a-z_]{1,20}[0-9]{0,4}"  # so it cannot leave the folder


def wrong(folder: Path | str, problem: str) -> InputError:
    """The error for an image.toml that does not fit."""
    return InputError(
        f"{os.path.join(folder, TOML_NAME)}: {problem}",
        state="Nothing was written.",
        fix="Correct it, or unpack the image again into another folder.",
    )


def read_toml(folder: Path | str) -> dict[str, Any]:
    """image.toml, its layout checked: [image], [header] and [[part]] with names and numbers.

    Raises:
        InputError: If it cannot be read or does not fit.
    """
    import re  # both slow to load, and unpacking needs none
    import tomllib

    try:
        document = tomllib.loads(
            read_bytes(os.path.join(folder, TOML_NAME), limit=_TOML_LIMIT).decode("utf-8")
        )
    except (ValueError, RecursionError) as error:  # also of numbers too long, of brackets too deep
        raise wrong(folder, str(error)) from error
    image, rows = document.get("image"), document.setdefault("part", [])
    if not isinstance(image, dict) or image.get("layout") != LAYOUT:
        raise wrong(folder, f"[image] layout is not {LAYOUT}: not written by this hardboot")
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
    """The parts of the file that are no part, in order."""
    end = 0
    for part in parts:
        if len(part.data):
            yield range(end, part.offset)
            end = part.offset + len(part.data)
    yield range(end, size)


class Frame:
    """The image with zeros instead of its parts.

    Attributes:
        size: Bytes of the image.
        data: The image.
        parts: Where the parts are, in file order.
    """

    def __init__(self, folder: Path | str, size: int, rows: dict[str, Fields]) -> None:
        """Read frame.bin.

        Args:
            folder: Where it is.
            size: Bytes of the image.
            rows: Of image.toml: offset and size of each part, by name.

        Raises:
            InputError: If both do not fit together.
        """
        self.size = size
        places = [(name, row["offset"], row["size"]) for name, row in rows.items()]
        end, gaps = 0, []
        for name, offset, length in [*places, ("", size, 0)]:
            if not end <= offset <= offset + length <= size:
                raise wrong(folder, f"part {name!r} does not lie behind the others and inside the image")
            gaps.append(range(end, offset))
            end = offset + length
        self._gaps = gaps
        kept = read_bytes(os.path.join(folder, FRAME_NAME), limit=max(1, size))
        if len(kept) > sum(map(len, gaps)):
            raise wrong(folder, f"{FRAME_NAME} has {len(kept)} bytes, {sum(map(len, gaps))} are missing")
        self.data = mmap(-1, size) if size else bytearray()  # zeros that take no room
        at = 0
        for gap in gaps:
            piece = kept[at : at + len(gap)]
            self.data[gap.start : gap.start + len(piece)] = piece
            at += len(gap)
        seen = view(self.data)
        self.parts = tuple(Part(name, start, seen[start : start + length]) for name, start, length in places)

    def chunks(self, parts: Mapping[str, Data]) -> Iterator[Data]:
        """The image with `parts`, which are as long as they were."""
        for index, gap in enumerate(self._gaps):
            yield from windows(view(self.data)[gap.start : gap.stop])
            if index < len(self.parts):
                yield from windows(parts[self.parts[index].name])

"""An image becomes a folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from hardboot import __version__
from hardboot.base.errors import InputError
from hardboot.base.files import make_folder, map_chunks, map_file
from hardboot.formats import sniff, toml
from hardboot.formats.containers import Container, Fields, open_container
from hardboot.formats.reading import pieces, view, windows
from hardboot.images.background import begin, hashes
from hardboot.images.unpack.folder import FRAME_NAME, IMAGE_LIMIT, LAYOUT, SPARSE_NAME, TOML_NAME, gaps


@dataclass(frozen=True)
class Unpacked:
    """What was written: the image's kind, and name and size in bytes of each part."""

    folder: Path | str
    kind: str
    parts: tuple[tuple[str, int], ...]
    signed: bool


def unpack(image: Path | str, folder: Path | str) -> Unpacked:
    """Write the parts of `image` into `folder`, which must not exist or be empty.

    Raises:
        InputError: If the image cannot be taken apart, or the folder cannot be written.
    """
    file = view(map_file(image))
    if len(file) > IMAGE_LIMIT:
        raise InputError(
            f"{image}: {len(file)} bytes, the limit is {IMAGE_LIMIT}",
            state="Nothing was written.",
            fix="Check that this is the right file.",
        )
    try:
        outer, data = None, file
        if sniff.sniff(file) == sniff.SPARSE_IMAGE:
            from hardboot.formats.archives import sparse

            outer = sparse.parse(file)
            data = view(map_chunks(sparse.expand(outer)))
        container = open_container(data)
    except InputError as error:
        raise InputError(f"{image}: {error.what}", state="Nothing was written.", fix=error.fix) from error

    def fill(made: str) -> None:
        _write_folder(made, container, data, os.path.basename(image), outer.block_size if outer else 0)
        if outer:
            with open(os.path.join(made, SPARSE_NAME), "wb") as stream:
                stream.writelines(sparse.skeleton(outer, file))

    make_folder(folder, fill, last=TOML_NAME)
    sizes = tuple((part.name, len(part.data)) for part in container.parts if len(part.data))
    kind = f"{container.kind}, sparse" if outer else container.kind
    return Unpacked(folder, kind, sizes, container.signed)


def _write_folder(folder: str, container: Container, data: memoryview, source: str, block_size: int) -> None:
    parts = [part for part in container.parts if len(part.data)]
    algorithm = begin(container.id_algorithm)
    digests = hashes([part.data for part in parts])
    for part in parts:
        with open(os.path.join(folder, part.name), "wb") as stream:
            for window in windows(part.data):
                stream.write(window)
    _write_frame(folder, container, data)
    rows = []
    for part, digest in zip(parts, digests(), strict=True):
        more = dict(container.part_fields.get(part.name, {}))
        row: Fields = {"name": part.name}
        if "name" in more:
            row["label"] = more.pop("name")
        row |= more
        rows.append({**row, "offset": part.offset, "size": len(part.data), "sha256": digest})
    image = {"layout": LAYOUT, "kind": container.kind, "size": len(data)}
    if block_size:
        image["block_size"] = block_size
    named = algorithm()
    if named:
        image["id_algorithm"] = named
    text = toml.dump(
        [f"{source}, taken apart by hardboot {__version__}.", *_HELP],
        {"image": image, "header": container.fields | ({"id": named} if named else {})},
        {"part": rows},
    )
    with open(os.path.join(folder, TOML_NAME), "w", encoding="utf-8") as stream:
        stream.write(text)


def _write_frame(folder: str, container: Container, data: memoryview) -> None:
    with open(os.path.join(folder, FRAME_NAME), "wb") as stream:
        end = 0
        for gap in gaps(container.parts, len(data)):
            kept = view(data)[gap.start : gap.stop]
            for piece in pieces(kept):
                stream.write(piece)
                if piece.strip(b"\0"):
                    end = stream.tell() - len(piece) + len(piece.rstrip(b"\0"))
        stream.truncate(end)


_HELP = (
    "Change values under [header], or the files of parts, then: hardboot pack FOLDER IMAGE",
    "Offset, size and sha256 say what was there; hardboot computes them anew. An id of sha1 or sha256,",
    "with -dt or not, is the hash of the parts, computed anew too. A missing part may be added as a file.",
)

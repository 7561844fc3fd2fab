"""Unpack an image into a folder."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from hardboot import __version__
from hardboot.base.errors import InputError
from hardboot.base.files import atomic_folder, naming, sha256_file
from hardboot.base.mapping import map_chunks, map_file
from hardboot.formats import sniff, toml
from hardboot.formats.archives import sparse
from hardboot.formats.containers import Container, Fields, open_container
from hardboot.formats.reading import pieces, sha256, view, windows
from hardboot.images.unpack.folder import FRAME_NAME, IMAGE_LIMIT, LAYOUT, SPARSE_NAME, TOML_NAME, gaps


@dataclass(frozen=True)
class Unpacked:
    """Result of unpacking.

    Attributes:
        kind: Kind of the image.
        parts: Name and size in bytes of each part.
        signed: The image carries a signature.
        warnings: What its header states wrongly; it is kept.
    """

    folder: Path
    kind: str
    parts: tuple[tuple[str, int], ...]
    signed: bool
    warnings: tuple[str, ...] = ()


def unpack(image: Path, folder: Path) -> Unpacked:
    """Write the parts of `image` into `folder`, which must not exist or be empty.

    Raises:
        InputError: If the image cannot be unpacked, or the folder cannot be written.
    """
    file = view(map_file(image))
    if len(file) > IMAGE_LIMIT:
        raise InputError(
            f"{len(file)} bytes, the limit is {IMAGE_LIMIT}",
            file=str(image),
            state="Nothing was written.",
            fix="Check that this is the right file.",
        )
    with naming(image, state="Nothing was written."):
        outer, data = None, file
        if sniff.sniff(file) == sniff.SPARSE_IMAGE:
            outer = sparse.parse(file)
            data = view(map_chunks(sparse.expand(outer)))
        container = open_container(data)
    with atomic_folder(folder, last=TOML_NAME) as made:
        _write_folder(made, container, data, image.name, outer.block_size if outer else 0)
        if outer:
            with (made / SPARSE_NAME).open("wb") as stream:
                stream.writelines(sparse.skeleton(outer, file))
    sizes = tuple((part.name, len(part.data)) for part in container.parts if len(part.data))
    kind = f"{container.kind}, sparse" if outer else container.kind
    return Unpacked(folder, kind, sizes, container.signed, container.warnings)


def _write_folder(folder: Path, container: Container, data: memoryview, source: str, block_size: int) -> None:
    parts = [part for part in container.parts if len(part.data)]
    with ThreadPoolExecutor(2) as pool:  # hashing takes longer than writing
        algorithm = pool.submit(container.id_algorithm)
        digests = pool.map(sha256, [part.data for part in parts])
        for part in parts:
            with (folder / part.name).open("wb") as stream:
                stream.writelines(windows(part.data))
        _write_frame(folder, container, data)
    rows = []
    for part, digest in zip(parts, digests, strict=True):
        more = dict(container.part_fields.get(part.name, {}))
        row: Fields = {"name": part.name}
        if "name" in more:
            row["label"] = more.pop("name")
        row |= more
        rows.append({**row, "offset": part.offset, "size": len(part.data), "sha256": digest})
    image: Fields = {"layout": LAYOUT, "kind": container.kind, "size": len(data)}
    if block_size:
        image["block_size"] = block_size
    image["frame_sha256"] = sha256_file(folder / FRAME_NAME)
    named = algorithm.result()
    if named:
        image["id_algorithm"] = named
    text = toml.dump(
        [f"{source}, unpacked by hardboot {__version__}.", *_HELP],
        {"image": image, "header": container.fields | ({"id": named} if named else {})},
        {"part": rows},
    )
    (folder / TOML_NAME).write_text(text, encoding="utf-8")


def _write_frame(folder: Path, container: Container, data: memoryview) -> None:
    """Write frame.bin without the zeros at its end."""
    with (folder / FRAME_NAME).open("wb") as stream:
        end = 0
        for gap in gaps(container.parts, len(data)):
            kept = view(data)[gap.start : gap.stop]
            for piece in pieces(kept):
                stream.write(piece)
                if piece.strip(b"\0"):
                    end = stream.tell() - len(piece) + len(piece.rstrip(b"\0"))
        stream.truncate(end)


_HELP = (
    "Edit the values under [header], or the files of parts, then run: hardboot pack FOLDER IMAGE",
    "Leave offset, size and sha256 as they are; hardboot computes the new ones. An id of sha1, sha256,",
    "sha1-dt or sha256-dt is computed from the parts. To add a missing part, create its file.",
)

"""Pack a folder into an image again."""

from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from string import digits

from hardboot.base.errors import InputError
from hardboot.base.files import atomic_file, naming
from hardboot.base.mapping import map_chunks, map_file
from hardboot.formats import toml
from hardboot.formats.archives import sparse
from hardboot.formats.boot.bootid import ALGORITHMS
from hardboot.formats.containers import Changes, Container, Fields, Rebuilt, open_frame
from hardboot.formats.reading import Data, sha256, view
from hardboot.images.unpack.folder import FRAME_NAME, SPARSE_NAME, TOML_NAME, FrameFile, read_toml, wrong

_COMPUTED = ("name", "offset", "size", "sha256")
_FIXED = ("header_version", "pxa")
_NOTHING_WRITTEN = "Nothing was written."


@dataclass(frozen=True)
class Packed:
    """Result of packing.

    Attributes:
        identical: The image is the one that was unpacked, byte for byte.
        changes: The differences, one line each.
        signed: The image carries a signature that no longer fits.
        overwritten: Bytes of unknown data behind the old image whose place the new one needs.
    """

    path: Path
    kind: str
    size: int
    identical: bool
    changes: tuple[str, ...]
    signed: bool
    overwritten: int = 0


def pack(folder: Path, image: Path, *, grow: bool = False) -> Packed:
    """Write `image` from the parts in `folder`; the same bytes as were unpacked if nothing was changed there.

    Args:
        folder: Written by `unpack`.
        image: The file to write.
        grow: Let an image that fills its partition outgrow it.

    Raises:
        InputError: If `unpack` did not write the folder, a value does not fit, or `image` cannot be written.
        RefusedError: If the image fills its partition and would outgrow it, without `grow`.
    """
    document = read_toml(folder)
    description = document["image"]
    rows: dict[str, Fields] = {row["name"]: row for row in document["part"]}
    frame = FrameFile(folder, description["size"], rows)
    container = _open(folder, description["kind"], frame, rows)
    _check_numbered(folder, container)
    parts = {part.name: _read_part(folder, part.name, expected=part.name in rows) for part in container.parts}
    _check_target(folder, image, parts)
    fields, part_fields = _values(folder, document["header"], rows, container)
    algorithm, block_size = description.get("id_algorithm"), description.get("block_size")
    field_changes = [*_field_changes(container, fields, part_fields, algorithm)]
    if frame.sha256 != description.get("frame_sha256", frame.sha256):  # older folders have none
        field_changes.append(f"{FRAME_NAME}: content changed")
    with ThreadPoolExecutor(1) as pool:
        digests = {name: pool.submit(sha256, parts[name]) for name in _same_size(parts, rows)}
        # The smallest parts come first: the first change tells how to write, while the others are hashed.
        identical = (
            not field_changes
            and all(name in digests for name in parts if name in rows or len(parts[name]))
            and all(digest.result() == rows[name]["sha256"] for name, digest in digests.items())
        )
        with naming(folder, state=_NOTHING_WRITTEN):
            rebuilt = Rebuilt(frame.chunks(parts))
            if not identical:
                rebuilt = container.rebuild(Changes(fields, part_fields, parts, grow))
            chunks = rebuilt.chunks
            if block_size is not None:
                chunks = _sparse_chunks(folder, chunks, block_size, identical=identical)
            with atomic_file(image, durable=False) as stream:  # it can be packed again
                stream.writelines(chunks)
                size = stream.tell()
        changed = {name for name, digest in digests.items() if digest.result() != rows[name]["sha256"]}
    changes = [*_part_changes(parts, rows, changed), *field_changes]
    if changes:
        if fields.get("id") in ALGORITHMS and fields["id"] == algorithm:
            changes.append(_recomputed_id(algorithm))
        if block_size is not None:
            changes.append("sparse image: all chunks rewritten")
        elif size != frame.size:
            changes.append(f"image: {frame.size} -> {size} bytes")
    kind = container.kind if block_size is None else f"{container.kind}, sparse"
    signed = container.signed and not identical
    return Packed(image, kind, size, identical, tuple(changes), signed, rebuilt.overwritten)


def _sparse_chunks(
    folder: Path, chunks: Iterator[Data], block_size: int, *, identical: bool
) -> Iterator[Data]:
    """Return the sparse image that expands to `chunks`, with its old layout if it is `identical`."""
    raw = view(map_chunks(chunks))
    if identical:
        return sparse.restore(map_file(folder / SPARSE_NAME), raw)
    return sparse.build(raw, block_size)


def _open(folder: Path, kind: str, frame: FrameFile, rows: Mapping[str, Fields]) -> Container:
    """Open the image in `frame`, and check that its parts are those of image.toml."""
    with naming(folder, state=_NOTHING_WRITTEN):
        container = open_frame(kind, frame.data, frame.parts)
    if container.kind != kind:
        raise wrong(folder, f"[image] kind: {kind!r}, but {FRAME_NAME} is from an {container.kind}")
    known = [part.name for part in container.parts]
    for name in rows:
        if name not in known:
            raise wrong(folder, f"part {name!r} is none of {', '.join(known)}")
    places = {part.name: (part.offset, len(part.data)) for part in container.parts if len(part.data)}
    if places != {name: (row["offset"], row["size"]) for name, row in rows.items()}:
        raise wrong(folder, f"the parts do not lie where {FRAME_NAME} says")
    return container


def _check_target(folder: Path, image: Path, parts: Collection[str]) -> None:
    """Refuse to replace a file of the folder by the image."""
    used = [path for name in (*parts, TOML_NAME, FRAME_NAME, SPARSE_NAME) if (path := folder / name).exists()]
    if image.exists() and any(image.samefile(path) for path in used):
        raise InputError(
            "the image would replace this file, which it is made of",
            file=str(image),
            state=_NOTHING_WRITTEN,
            fix="Give another name for the image.",
        )


def _check_numbered(folder: Path, container: Container) -> None:
    """Refuse a file that would be left out: one more ramdisk or device tree than the image's table has."""
    known = [part.name for part in container.parts]
    numbered = {name.rstrip(digits) for name in known if name[-1] in digits}
    for path in sorted(folder.iterdir()):
        if path.name not in known and path.name.rstrip(digits) in numbered:
            raise InputError(
                f"this {container.kind} has no place for it; its parts are {', '.join(known)}",
                file=str(path),
                state=_NOTHING_WRITTEN,
                fix="Move it out of the folder; put its content into one of these parts.",
            )


def _read_part(folder: Path, name: str, *, expected: bool) -> Data:
    """Map the file of a part; an optional part without a file is empty."""
    path = folder / name
    if not expected and not path.exists():
        return b""
    if path.is_file() and not path.stat().st_size:
        return b""
    return map_file(path)


def _same_size(parts: Mapping[str, Data], rows: Mapping[str, Fields]) -> list[str]:
    """Return the parts whose size has not changed, the smallest first."""
    names = [name for name in parts if name in rows and len(parts[name]) == rows[name]["size"]]
    return sorted(names, key=lambda name: len(parts[name]))


def _part_changes(
    parts: Mapping[str, Data], rows: Mapping[str, Fields], changed: Collection[str]
) -> Iterator[str]:
    """Yield a line for each part that was added or resized, or is one of `changed`."""
    for name, data in parts.items():
        if name not in rows:
            if len(data):
                yield f"{name}: added, {len(data)} bytes"
        elif len(data) != rows[name]["size"]:
            yield f"{name}: {rows[name]['size']} -> {len(data)} bytes"
        elif name in changed:
            yield f"{name}: content changed, {len(data)} bytes"


def _values(
    folder: Path, header: Fields, rows: Mapping[str, Fields], container: Container
) -> tuple[Fields, dict[str, Fields]]:
    """Return the fields of the image and of its parts as image.toml has them."""
    fields = _checked(folder, "[header]", header, container.fields)
    part_fields = {}
    for name, known in container.part_fields.items():
        row = {key: value for key, value in rows.get(name, {}).items() if key not in _COMPUTED}
        if "name" in known:
            row = {"name": row.pop("label", known["name"]), **row}
        part_fields[name] = _checked(folder, f"part {name}", row, known)
    return fields, part_fields


def _checked(folder: Path, where: str, given: Fields, known: Fields) -> Fields:
    for name, value in given.items():
        if name not in known:
            raise wrong(folder, f"{where}: unknown name {name!r}; known are {', '.join(known)}")
        try:
            given[name] = toml.decode(value)
        except ValueError as error:
            raise wrong(folder, f"{where} {name}: {error}") from error
        if type(given[name]) is not type(known[name]):
            raise wrong(folder, f"{where} {name}: {value!r} is not of the same type as {known[name]!r}")
        if name in _FIXED and value != known[name]:
            raise wrong(folder, f"{where} {name}: cannot be changed, it was {known[name]!r}")
    return {**known, **given}


def _field_changes(
    container: Container, fields: Fields, part_fields: Mapping[str, Fields], algorithm: str | None
) -> Iterator[str]:
    """Yield a line for each changed field; the id was the hash by `algorithm`, if it was one."""
    for name, old in container.fields.items():
        if name == "id" and fields[name] in ALGORITHMS:
            if fields[name] != algorithm:
                yield _recomputed_id(fields[name])
        elif fields[name] != old:
            yield f"{name}: {old!r} -> {fields[name]!r}"
    for part, known in container.part_fields.items():
        for name, old in known.items():
            if part_fields[part][name] != old:
                yield f"{part}: {name}: {old!r} -> {part_fields[part][name]!r}"


def _recomputed_id(algorithm: str) -> str:
    return f"id: recomputed ({algorithm})"

"""A folder becomes an image again."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from hardboot.base.errors import InputError
from hardboot.base.files import map_chunks, map_file, write_atomic
from hardboot.formats import toml
from hardboot.formats.boot.bootid import ALGORITHMS
from hardboot.formats.containers import Changes, Container, Fields, open_frame
from hardboot.formats.reading import Data, sha256, view
from hardboot.images.background import begin
from hardboot.images.unpack.folder import FRAME_NAME, SPARSE_NAME, Frame, read_toml, wrong

_T = TypeVar("_T")

_COMPUTED = ("name", "offset", "size", "sha256")
_FIXED = ("header_version", "pxa")


@dataclass(frozen=True)
class Packed:
    """What was written.

    Attributes:
        identical: It is the image that was unpacked, byte for byte.
        changes: What is different, one line each.
        signed: It carries a signature that no longer fits.
    """

    path: Path | str
    kind: str
    size: int
    identical: bool
    changes: tuple[str, ...]
    signed: bool


def pack(folder: Path | str, image: Path | str) -> Packed:
    """Write the image whose parts lie in `folder`: the same file if nothing was changed there.

    Raises:
        InputError: If the folder is not one of `unpack`, a value does not fit, or `image` cannot be written.
    """
    document = read_toml(folder)
    rows: dict[str, Fields] = {row["name"]: row for row in document["part"]}
    frame = Frame(folder, document["image"]["size"], rows)
    kind = document["image"].get("kind")
    container = _within(folder, lambda: open_frame(kind, frame.data, frame.parts))
    if container.kind != kind:
        raise wrong(folder, f"[image] kind: {kind!r}, {FRAME_NAME} is of an {container.kind}")
    places = {part.name: (part.offset, len(part.data)) for part in container.parts if len(part.data)}
    known = [part.name for part in container.parts]
    for name in rows:
        if name not in known:
            raise wrong(folder, f"part {name!r} is none of {', '.join(known)}")
    if places != {name: (row["offset"], row["size"]) for name, row in rows.items()}:
        raise wrong(folder, f"the parts do not lie where {FRAME_NAME} says")
    parts = {name: _read_part(folder, name, expected=name in rows) for name in known}
    named, part_fields = _values(folder, document["header"], rows, container)
    algorithm = document["image"].get("id_algorithm")
    fields = [*_field_changes(container, named, part_fields, algorithm)]
    parts_changed, same_size = _resized(parts, rows)
    while same_size and not fields and not parts_changed:  # to know soon whether anything was changed
        parts_changed |= _rewritten([same_size.pop(0)], parts, rows)
    others = begin(lambda: _rewritten(same_size, parts, rows))
    try:
        if fields or parts_changed:
            wanted = Changes(named, part_fields, parts)
            chunks = _within(folder, lambda: container.rebuild(wanted))
        else:
            chunks = frame.chunks(parts)
    finally:
        parts_changed |= others()
    changes = [*(parts_changed[name] for name in known if name in parts_changed), *fields]
    block_size = document["image"].get("block_size")
    if block_size is not None:
        chunks = _within(folder, lambda: _sparse(folder, chunks, block_size, anew=bool(changes)))
    size = 0

    def counted() -> Iterator[Data]:
        nonlocal size
        for chunk in chunks:
            size += len(chunk)
            yield chunk

    write_atomic(image, counted(), durable=False)  # it can be packed again
    identical = not changes
    if changes and named.get("id") in ALGORITHMS and named["id"] == algorithm:
        changes.append(_computed_anew(algorithm))
    if block_size is not None:
        changes += ["the sparse image: all its chunks are written anew"] if changes else []
    elif size != frame.size:
        changes.append(f"the image: {frame.size} -> {size} bytes")
    kind = container.kind if block_size is None else f"{container.kind}, sparse"
    return Packed(image, kind, size, identical, tuple(changes), container.signed and not identical)


def _sparse(folder: Path | str, chunks: Iterator[Data], block_size: int, *, anew: bool) -> Iterator[Data]:
    from hardboot.formats.archives import sparse

    raw = view(map_chunks(chunks))
    return (
        sparse.build(raw, block_size)
        if anew
        else sparse.restore(map_file(os.path.join(folder, SPARSE_NAME)), raw)
    )


def _within(folder: Path | str, work: Callable[[], _T]) -> _T:
    try:
        return work()
    except InputError as error:
        raise InputError(f"{folder}: {error.what}", state="Nothing was written.", fix=error.fix) from error


def _read_part(folder: Path | str, name: str, *, expected: bool) -> Data:
    """The file of a part; one that may be there and is not is empty."""
    path = os.path.join(folder, name)
    if not expected and not os.path.exists(path):
        return b""
    if os.path.isfile(path) and not os.path.getsize(path):
        return b""
    return map_file(path)


def _resized(parts: Mapping[str, Data], rows: Mapping[str, Fields]) -> tuple[dict[str, str], list[str]]:
    """What is told of parts that came, went or changed in size; the names of the others, small ones first."""
    told, same = {}, []
    for name, data in parts.items():
        row = rows.get(name)
        if row is None:
            if len(data):
                told[name] = f"{name}: added, {len(data)} bytes"
        elif len(data) != row["size"]:
            told[name] = f"{name}: {row['size']} -> {len(data)} bytes"
        else:
            same.append(name)
    return told, sorted(same, key=lambda name: len(parts[name]))


def _rewritten(names: list[str], parts: Mapping[str, Data], rows: Mapping[str, Fields]) -> dict[str, str]:
    """What is told of those parts that are as long as they were, with other bytes in them."""
    return {
        name: f"{name}: other content, {len(parts[name])} bytes"
        for name in names
        if sha256(parts[name]) != rows[name]["sha256"]
    }


def _values(
    folder: Path | str, header: Fields, rows: Mapping[str, Fields], container: Container
) -> tuple[Fields, dict[str, Fields]]:
    """The fields of the image and of its parts, as image.toml says them."""
    named = _checked(folder, "[header]", header, container.fields)
    part_fields = {}
    for name, known in container.part_fields.items():
        row = {key: value for key, value in rows.get(name, {}).items() if key not in _COMPUTED}
        if "name" in known:
            row = {"name": row.pop("label", known["name"]), **row}
        part_fields[name] = _checked(folder, f"part {name}", row, known)
    return named, part_fields


def _checked(folder: Path | str, where: str, given: Fields, known: Fields) -> Fields:
    for name, value in given.items():
        if name not in known:
            raise wrong(folder, f"{where}: unknown name {name!r}; known are {', '.join(known)}")
        try:
            given[name] = toml.loaded(value)
        except ValueError as error:
            raise wrong(folder, f"{where} {name}: {error}") from error
        if type(given[name]) is not type(known[name]):
            raise wrong(folder, f"{where} {name}: {value!r} is not like {known[name]!r}")
        if name in _FIXED and value != known[name]:
            raise wrong(folder, f"{where} {name}: it cannot be changed, it was {known[name]!r}")
    return {**known, **given}


def _field_changes(
    container: Container, named: Fields, part_fields: Mapping[str, Fields], algorithm: str | None
) -> Iterator[str]:
    """What is told of changed fields; the id was the hash by `algorithm`, if it was one."""
    for name, old in container.fields.items():
        if name == "id" and named[name] in ALGORITHMS:
            if named[name] != algorithm:
                yield _computed_anew(named[name])
        elif named[name] != old:
            yield f"{name}: {old!r} -> {named[name]!r}"
    for part, known in container.part_fields.items():
        for name, old in known.items():
            if part_fields[part][name] != old:
                yield f"{part}: {name}: {old!r} -> {part_fields[part][name]!r}"


def _computed_anew(algorithm: str) -> str:
    return f"id: computed anew ({algorithm})"

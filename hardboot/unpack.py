"""Take an image apart into a folder, and put it together again: byte for byte if nothing was changed.

The folder has one file a part, image.toml for people, and frame.bin: all of the image that is no part.
Names of files come from this program alone, never from the image.
"""

import hashlib
import os
import re
import shutil
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from hardboot import __version__
from hardboot.errors import InputError
from hardboot.files import map_file, read_bytes, unreadable, write_atomic
from hardboot.formats import toml
from hardboot.formats.bootid import ALGORITHMS
from hardboot.formats.containers import Changes, Container, Fields, open_container, open_frame
from hardboot.formats.paged import Part
from hardboot.formats.reading import Data, pieces, view, windows

TOML_NAME = "image.toml"
FRAME_NAME = "frame.bin"
_TOML_LIMIT = 1 << 20  # bytes
_IMAGE_LIMIT = 1 << 30  # bytes; boot partitions have up to 128 MiB
_LAYOUT = 1  # of the folder
_COMPUTED = ("name", "offset", "size", "sha256")
_FIXED = ("header_version", "pxa")
_PART_NAME = re.compile("[a-z_]{1,20}[0-9]{0,4}")  # so it cannot leave the folder
_T = TypeVar("_T")


@dataclass(frozen=True)
class Unpacked:
    """What was written: the image's kind, and name and size in bytes of each part."""

    folder: Path
    kind: str
    parts: tuple[tuple[str, int], ...]
    signed: bool


@dataclass(frozen=True)
class Packed:
    """What was written.

    Attributes:
        identical: It is the image that was unpacked, byte for byte.
        changes: What is different, one line each.
        signed: It carries a signature that no longer fits.
    """

    path: Path
    kind: str
    size: int
    identical: bool
    changes: tuple[str, ...]
    signed: bool


def unpack(image: Path, folder: Path) -> Unpacked:
    """Write the parts of `image` into `folder`, which must not exist or be empty.

    Raises:
        InputError: If the image cannot be taken apart, or the folder cannot be written.
    """
    data = map_file(image)
    try:
        container = open_container(data)
    except InputError as error:
        raise InputError(f"{image}: {error.what}", unchanged="Nothing was written.", fix=error.fix) from error
    _check_empty(folder)
    try:
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.absolute().parent))
        try:
            _write_folder(made, container, memoryview(data), image.name)
            made.chmod(0o777 & ~_umask())
            if folder.exists():
                folder.rmdir()
            made.replace(folder)
        except BaseException:
            shutil.rmtree(made, ignore_errors=True)
            raise
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be written: {error.strerror or error}",
            unchanged="Nothing was written.",
            fix="Choose a folder in a place that exists, is writable and has room.",
        ) from error
    sizes = tuple((part.name, len(part.data)) for part in container.parts if len(part.data))
    return Unpacked(folder, container.kind, sizes, container.signed)


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask


def _check_empty(folder: Path) -> None:
    try:
        if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
            return
    except OSError as error:
        raise unreadable(folder, error) from error
    raise InputError(
        f"{folder}: {'the folder is not empty' if folder.is_dir() else 'this is not a folder'}",
        unchanged="Nothing was written.",
        fix="Give a folder that does not exist yet, or is empty.",
    )


def _write_folder(folder: Path, container: Container, data: memoryview, source: str) -> None:
    rows = []
    for part in container.parts:
        if not len(part.data):
            continue
        digest = hashlib.sha256()
        with (folder / part.name).open("wb") as stream:
            for window in windows(part.data):
                digest.update(window)
                stream.write(window)
        more = dict(container.part_fields.get(part.name, {}))
        row: Fields = {"name": part.name}
        if "name" in more:
            row["label"] = more.pop("name")
        row |= more
        rows.append({**row, "offset": part.offset, "size": len(part.data), "sha256": digest.hexdigest()})
    with (folder / FRAME_NAME).open("wb") as stream:
        end = 0
        for gap in _gaps(container.parts, len(data)):
            kept = view(data)[gap.start : gap.stop]
            for piece in pieces(kept):
                stream.write(piece)
                if piece.strip(b"\0"):
                    end = stream.tell() - len(piece) + len(piece.rstrip(b"\0"))
        stream.truncate(end)
    image = {"layout": _LAYOUT, "kind": container.kind, "size": len(data)}
    text = toml.dump(
        [f"{source}, taken apart by hardboot {__version__}.", *_HELP],
        {"image": image, "header": container.fields},
        {"part": rows},
    )
    (folder / TOML_NAME).write_text(text, encoding="utf-8")


_HELP = (
    "Change values under [header], or the files of parts, then: hardboot pack FOLDER IMAGE",
    "Offset, size and sha256 say what was there; hardboot computes them anew. An id of sha1 or sha256,",
    "with -dt or not, is the hash of the parts, computed anew too. A missing part may be added as a file.",
)


def _gaps(parts: tuple[Part, ...], size: int) -> Iterator[range]:
    """The parts of the file that are no part, in order."""
    end = 0
    for part in parts:
        if len(part.data):
            yield range(end, part.offset)
            end = part.offset + len(part.data)
    yield range(end, size)


def pack(folder: Path, image: Path) -> Packed:
    """Write the image whose parts lie in `folder`: the same file if nothing was changed there.

    Raises:
        InputError: If the folder is not one of `unpack`, a value does not fit, or `image` cannot be written.
    """
    document = _read_toml(folder)
    rows: dict[str, Fields] = {row["name"]: row for row in document["part"]}
    frame = _Frame(folder, document["image"]["size"], rows)
    kind = document["image"].get("kind")
    container = _within(folder, lambda: open_frame(kind, frame.data, frame.parts))
    if container.kind != kind:
        raise _wrong(folder, f"[image] kind: {kind!r}, {FRAME_NAME} is of an {container.kind}")
    places = {part.name: (part.offset, len(part.data)) for part in container.parts if len(part.data)}
    known = [part.name for part in container.parts]
    for name in rows:
        if name not in known:
            raise _wrong(folder, f"part {name!r} is none of {', '.join(known)}")
    if places != {name: (row["offset"], row["size"]) for name, row in rows.items()}:
        raise _wrong(folder, f"the parts do not lie where {FRAME_NAME} says")
    parts = {name: _read_part(folder, name, expected=name in rows) for name in known}
    named, part_fields = _values(folder, document["header"], rows, container)
    changes = [*_part_changes(parts, rows), *_field_changes(container, named, part_fields)]
    if changes:
        wanted = Changes(named, part_fields, parts)
        chunks = _within(folder, lambda: container.rebuild(wanted))
    else:
        chunks = frame.chunks(parts)
    size = 0

    def counted() -> Iterator[bytes]:
        nonlocal size
        for chunk in chunks:
            size += len(chunk)
            yield chunk

    write_atomic(image, counted())
    identical = not changes
    if changes and named.get("id") in ALGORITHMS:
        changes.append(f"id: computed anew ({named['id']})")
    if size != frame.size:
        changes.append(f"the image: {frame.size} -> {size} bytes")
    return Packed(image, container.kind, size, identical, tuple(changes), container.signed and not identical)


def _wrong(folder: Path, problem: str) -> InputError:
    return InputError(
        f"{folder / TOML_NAME}: {problem}",
        unchanged="Nothing was written.",
        fix="Correct it, or unpack the image again into another folder.",
    )


def _within(folder: Path, work: Callable[[], _T]) -> _T:
    try:
        return work()
    except InputError as error:
        raise InputError(
            f"{folder}: {error.what}", unchanged="Nothing was written.", fix=error.fix
        ) from error


def _read_toml(folder: Path) -> dict[str, Any]:
    """image.toml, its layout checked: [image], [header] and [[part]] with names and numbers."""
    try:
        document = tomllib.loads(read_bytes(folder / TOML_NAME, limit=_TOML_LIMIT).decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _wrong(folder, str(error)) from error
    image, rows = document.get("image"), document.setdefault("part", [])
    if not isinstance(image, dict) or image.get("layout") != _LAYOUT:
        raise _wrong(folder, f"[image] layout is not {_LAYOUT}: not written by this hardboot")
    if not isinstance(document.setdefault("header", {}), dict) or not isinstance(rows, list):
        raise _wrong(folder, "[header] or [[part]] is missing")
    if not _is_size(image.get("size")):
        raise _wrong(folder, f"[image] size: {image.get('size')!r}")
    for row in rows:
        numbers = isinstance(row, dict) and _is_size(row.get("offset")) and _is_size(row.get("size"))
        if not numbers or not _PART_NAME.fullmatch(str(row.get("name"))) or "sha256" not in row:
            raise _wrong(folder, f"a [[part]] lacks name, offset, size or sha256: {row!r}")
    return document


def _is_size(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _IMAGE_LIMIT


class _Frame:
    """The image with zeros instead of its parts."""

    def __init__(self, folder: Path, size: int, rows: dict[str, Fields]) -> None:
        self.size = size
        places = [(name, row["offset"], row["size"]) for name, row in rows.items()]
        end, gaps = 0, []
        for name, offset, length in [*places, ("", size, 0)]:
            if not end <= offset <= offset + length <= size:
                raise _wrong(folder, f"part {name!r} does not lie behind the others and inside the image")
            gaps.append(range(end, offset))
            end = offset + length
        self._gaps = gaps
        kept = read_bytes(folder / FRAME_NAME, limit=max(1, size))
        if len(kept) > sum(map(len, gaps)):
            raise _wrong(folder, f"{FRAME_NAME} has {len(kept)} bytes, {sum(map(len, gaps))} are missing")
        self.data = bytearray(size)
        at = 0
        for gap in gaps:
            piece = kept[at : at + len(gap)]
            self.data[gap.start : gap.start + len(piece)] = piece
            at += len(gap)
        seen = view(self.data)
        self.parts = tuple(Part(name, start, seen[start : start + length]) for name, start, length in places)

    def chunks(self, parts: Mapping[str, Data]) -> Iterator[bytes]:
        """The image with `parts`, which are as long as they were."""
        for index, gap in enumerate(self._gaps):
            yield from pieces(view(self.data)[gap.start : gap.stop])
            if index < len(self.parts):
                yield from pieces(parts[self.parts[index].name])


def _read_part(folder: Path, name: str, *, expected: bool) -> Data:
    """The file of a part; one that may be there and is not is empty."""
    path = folder / name
    if not expected and not path.exists():
        return b""
    if path.is_file() and not path.stat().st_size:
        return b""
    return map_file(path)


def _part_changes(parts: Mapping[str, Data], rows: Mapping[str, Fields]) -> Iterator[str]:
    for name, data in parts.items():
        row = rows.get(name)
        if row is None:
            if len(data):
                yield f"{name}: added, {len(data)} bytes"
        elif len(data) != row["size"]:
            yield f"{name}: {row['size']} -> {len(data)} bytes"
        elif _sha256(data) != row["sha256"]:
            yield f"{name}: other content, {len(data)} bytes"


def _sha256(data: Data) -> str:
    digest = hashlib.sha256()
    for window in windows(data):
        digest.update(window)
    return digest.hexdigest()


def _values(
    folder: Path, header: Fields, rows: Mapping[str, Fields], container: Container
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


def _checked(folder: Path, where: str, given: Fields, known: Fields) -> Fields:
    for name, value in given.items():
        if name not in known:
            raise _wrong(folder, f"{where}: unknown name {name!r}; known are {', '.join(known)}")
        try:
            given[name] = toml.loaded(value)
        except ValueError as error:
            raise _wrong(folder, f"{where} {name}: {error}") from error
        if type(given[name]) is not type(known[name]):
            raise _wrong(folder, f"{where} {name}: {value!r} is not like {known[name]!r}")
        if name in _FIXED and value != known[name]:
            raise _wrong(folder, f"{where} {name}: it cannot be changed, it was {known[name]!r}")
    return {**known, **given}


def _field_changes(container: Container, named: Fields, part_fields: Mapping[str, Fields]) -> Iterator[str]:
    for name, old in container.fields.items():
        if named[name] != old and not (name == "id" and named[name] in ALGORITHMS):
            yield f"{name}: {old!r} -> {named[name]!r}"
    for part, known in container.part_fields.items():
        for name, old in known.items():
            if part_fields[part][name] != old:
                yield f"{part}: {name}: {old!r} -> {part_fields[part][name]!r}"

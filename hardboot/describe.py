"""What is inside an image, as one document for people and programs; integers are bytes or addresses.

Every byte is hashed, but only windows of the file are in memory at a time; a ramdisk is not unpacked.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Generic, TypeVar

from hardboot import contents
from hardboot.contents import Document
from hardboot.errors import InputError
from hardboot.formats import bootid, bootimg, sniff, tail, wrappers
from hardboot.formats.reading import Data, view, windows

if TYPE_CHECKING:
    from hardboot.formats.bootimg import BootImage
    from hardboot.formats.paged import Part

_T = TypeVar("_T")
_MAX_EXPANDED = 128 << 20  # bytes of a sparse image that is looked into


def describe(path: Path, data: memoryview) -> Document:
    """The document of the file `data`.

    Raises:
        InputError: If `data` is no image hardboot reads, or is damaged; names `path`.
    """
    try:
        return {"path": str(path), "size": len(data), **_image(data)}
    except InputError as error:
        raise InputError(f"{path}: {error.what}", unchanged=error.unchanged, fix=error.fix) from error


def _image(data: memoryview) -> Document:
    kind = sniff.sniff(data)
    if kind == sniff.VENDOR_BOOT_IMAGE:
        return {"kind": kind, "vendor_boot": _vendor_boot(data)}
    if kind == sniff.SONY_ELF:
        return {"kind": kind, "sony_elf": _sony(data)}
    if kind == sniff.SPARSE_IMAGE:
        return {"kind": kind, **_sparse(data)}
    found = contents.content(data)
    if found.keys() & {"kernel", "trees", "ramdisk", "avb"}:
        return found
    if "problem" in found:
        raise found["problem_error"]
    image = bootimg.parse(data)
    return {"kind": sniff.BOOT_IMAGE, "boot_image": _boot_image(image, data)}


class _Task(Generic[_T]):
    """Work that runs beside the rest: hashing leaves the interpreter free."""

    def __init__(self, work: Callable[[], _T]) -> None:
        self._results: list[_T] = []
        self._thread = Thread(target=lambda: self._results.append(work()), daemon=True)
        self._thread.start()

    def result(self) -> _T:
        """What `work` returned."""
        self._thread.join()
        return self._results[0]


def _sha256(data: Data) -> str:
    digest = hashlib.sha256()
    for window in windows(data):
        digest.update(window)
    return digest.hexdigest()


def _hashes(parts: "tuple[Part, ...]") -> _Task[list[str]]:
    return _Task(lambda: [_sha256(part.data) for part in parts])


def _boot_image(image: "BootImage", data: memoryview) -> Document:
    name = bootid.hash_of(image.id) if bootimg.has_id(image) else None
    computed = _Task(lambda: bootid.compute_ids(image.parts, name)) if name else None
    hashes = _hashes(image.parts)
    addresses = {
        name: getattr(image, f"{name}_addr")
        for name in ("kernel", "ramdisk", "second", "dtb")
        if f"{name}_addr" in image.layout.offsets
    }
    parts = [
        _part(part, len(image.lead), addresses.get(part.name), image.paddings.get(part.name, b""))
        for part in image.parts
    ]
    document: Document = {
        "header_version": image.header_version,
        "pxa": image.pxa,
        "page_size": image.page_size,
        "os_version": image.os_version_text,
        "os_patch_level": image.os_patch_level,
        "name": image.name,
        "cmdline": image.cmdline,
        "tags_addr": image.tags_addr,
        "recovery_dtbo_offset": image.recovery_dtbo_offset,
        "header": _header(image),
        "lead": _lead(image, data),
        "parts": parts,
        **_tail(image.tail, image.tail_offset, data),
        "padding_missing": image.missing,
    }
    for part, digest in zip(parts, hashes.result(), strict=True):
        part["sha256"] = digest
    document["id"] = image.id.hex()
    document["id_check"] = None
    if computed:
        ids = computed.result()
        algorithm = bootid.found_algorithm(image.id, ids)
        document["id_check"] = {
            "algorithm": algorithm or name,
            "computed": (ids[algorithm] if algorithm else next(iter(ids.values()))).hex(),
            "matches": algorithm is not None,
        }
    return document


def _header(image: "BootImage") -> Document:
    """All fields of the header as stored."""
    raw = view(image.header[image.header_offset :].ljust(image.layout.size, b"\0"))
    return {
        name: value.rstrip(b"\0").hex() if isinstance(value, bytes) else value
        for name, value in image.layout.parse(raw).items()
        if name not in ("magic", "cmdline", "extra_cmdline", "name", "id")
    }


def _lead(image: "BootImage", data: memoryview) -> Document | None:
    if image.header_offset:
        return {"kind": "Amonet microloader", "size": image.header_offset}
    if not image.lead:
        return None
    if not wrappers.is_dhtb(image.lead):
        return {"kind": "unknown loader", "size": len(image.lead)}
    document: Document = {"kind": "DHTB header", "size": len(image.lead)}
    try:
        found = wrappers.read_dhtb(data)
    except InputError as error:
        return {**document, "problem": error.what}
    return {
        **document,
        "covers": found.size,
        "sha256": found.stored.hex(),
        "computed": found.computed.hex(),
        "matches": found.stored == found.computed,
    }


def _tail(rest: Data, offset: int, data: memoryview) -> Document:
    items = []
    for item in tail.items(rest, offset):
        row: Document = {"kind": item.name, "offset": offset + item.offset, "size": item.size}
        if item.name == "AVB vbmeta":
            row |= contents.avb_document(data[row["offset"] : row["offset"] + item.size])
        items.append(row)
    return {"trailing_size": len(rest), "trailing": items, "signed": tail.is_signed(rest)}


def _part(part: "Part", shift: int, address: int | None, padding: bytes) -> Document:
    """A part without its hash."""
    document: Document = {
        "name": part.name,
        "offset": part.offset + shift,
        "size": len(part.data),
        "address": address,
        "sha256": None,
        "padding": "other" if padding else "zeros",
    }
    if not len(part.data):
        return {**document, "kind": None}
    mtk = wrappers.split_mtk(part.data)
    if mtk:
        document["mtk"] = {"name": mtk.name, "size": len(mtk.data)}
    problem = wrappers.problem_of_mtk(part.data)
    if problem:
        return {**document, "kind": "part with a MediaTek header", "problem": problem.what}
    found = contents.content(mtk.data if mtk else part.data)
    found.pop("problem_error", None)
    return {**document, **found}


def _vendor_boot(data: memoryview) -> Document:
    from hardboot.formats import vendorboot

    image = vendorboot.parse(data)
    hashes = _hashes(image.parts)
    parts = []
    for index, part in enumerate(image.parts):
        parts.append(_part(part, 0, image.dtb_addr if part.name == "dtb" else None, b""))
        if image.header_version == 4 and image.table is None and index < len(image.ramdisks):
            ramdisk = image.ramdisks[index]
            number = ramdisk.type
            known = number < len(vendorboot.RAMDISK_TYPES)
            parts[-1] |= {
                "label": ramdisk.name,
                "type": vendorboot.RAMDISK_TYPES[number] if known else str(number),
                "board_id": list(ramdisk.board_id),
            }
    for row, digest in zip(parts, hashes.result(), strict=True):
        row["sha256"] = digest
    names = ("header_version", "page_size", "name", "cmdline", "kernel_addr", "ramdisk_addr", "tags_addr")
    return {
        **{name: getattr(image, name) for name in names},
        "parts": parts,
        **_tail(image.tail, image.tail_offset, data),
        "padding_missing": image.missing,
    }


def _sony(data: memoryview) -> Document:
    from hardboot.formats import sonyelf

    image = sonyelf.parse(data)
    addresses = {one.name: one.addr for one in image.segments}
    hashes = _hashes(image.parts)
    parts = [_part(part, 0, addresses[part.name], b"") for part in image.parts]
    for row, digest in zip(parts, hashes.result(), strict=True):
        row["sha256"] = digest
    end = len(data) - len(image.gaps[-1])
    return {"entry_addr": image.entry, "parts": parts, **_tail(image.gaps[-1], end, data)}


def _sparse(data: memoryview) -> Document:
    from hardboot.formats import sparse

    image = sparse.parse(data)
    kinds = [chunk.kind for chunk in image.chunks]
    document: Document = {
        "sparse": {
            "block_size": image.block_size,
            "expanded_size": image.size,
            "chunks": {kind: kinds.count(kind) for kind in sorted(set(kinds))},
            "trailing_size": image.trailing_size,
        }
    }
    if image.size > _MAX_EXPANDED:
        return {**document, "inside": {"kind": None, "size": image.size}}
    inner = bytearray(image.size)
    at = 0
    for piece in sparse.expand(image):
        inner[at : at + len(piece)] = piece
        at += len(piece)
    try:
        document["inside"] = {"size": len(inner), **_image(memoryview(inner))}
    except InputError as error:
        document["inside"] = {"size": len(inner), "kind": sniff.sniff(inner), "problem": error.what}
    return document

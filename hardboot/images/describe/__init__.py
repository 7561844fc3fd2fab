"""What is inside an image, as one document for people and programs; integers are bytes or addresses.

Every byte is hashed, but only windows of the file are in memory at a time; a ramdisk is not unpacked.
"""

from __future__ import annotations

from pathlib import Path

from hardboot.base.errors import InputError
from hardboot.formats import sniff
from hardboot.formats.boot import bootimg
from hardboot.images.describe import contents, images
from hardboot.images.describe.contents import Document

__all__ = ["Document", "describe"]


def describe(path: Path | str, data: memoryview) -> Document:
    """The document of the file `data`.

    Raises:
        InputError: If `data` is no image hardboot reads, or is damaged; names `path`.
    """
    try:
        return {"path": str(path), "size": len(data), **_image(data)}
    except InputError as error:
        raise InputError(f"{path}: {error.what}", state=error.state, fix=error.fix) from error


def _image(data: memoryview, *, inside: bool = False) -> Document:
    kind = sniff.sniff(data)
    if kind == sniff.VENDOR_BOOT_IMAGE:
        return {"kind": kind, "vendor_boot": images.vendor_boot(data)}
    if kind == sniff.SONY_ELF:
        return {"kind": kind, "sony_elf": images.sony(data)}
    if kind == sniff.SPARSE_IMAGE:
        if inside:
            return {"kind": kind}
        return {"kind": kind, **_sparse(data)}
    wrapped = kind in (sniff.DHTB_IMAGE, sniff.MTK_PART)
    found = images.behind_header(data) if wrapped else contents.content(data)
    if found.keys() & {"kernel", "trees", "ramdisk", "avb"}:
        return found | (images.behind_overlays(data) if kind == sniff.OVERLAY_TABLE else {})
    if "problem" in found:
        raise found["problem_error"]
    return {"kind": sniff.BOOT_IMAGE, "boot_image": images.boot(bootimg.parse(data), data)}


def _sparse(data: memoryview) -> Document:
    from hardboot.base.files import map_chunks
    from hardboot.formats.archives import sparse

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
    if not 0 < image.size <= sparse.MAX_EXPANDED:
        return {**document, "inside": {"kind": None, "size": image.size}}
    inner = memoryview(map_chunks(sparse.expand(image)))
    try:
        document["inside"] = {"size": len(inner), **_image(inner, inside=True)}
    except InputError as error:
        document["inside"] = {"size": len(inner), "kind": sniff.sniff(inner), "problem": error.what}
    return document

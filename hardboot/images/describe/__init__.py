"""Describe an image as one document for people and programs.

Every byte is hashed, but only windows of the file are in memory at a time; a ramdisk is not decompressed.
"""

from pathlib import Path

from hardboot.base.errors import InputError
from hardboot.base.files import map_chunks, naming
from hardboot.formats import sniff
from hardboot.formats.archives import sparse
from hardboot.formats.trees import dtbo
from hardboot.images.describe.contents import describe_content
from hardboot.images.describe.document import Document
from hardboot.images.describe.images import describe_boot, describe_sony, describe_vendor_boot
from hardboot.images.describe.parts import describe_tail, describe_wrapped

__all__ = ["Document", "describe"]


def describe(path: Path, data: memoryview) -> Document:
    """Describe the image `data`, the content of `path`.

    Raises:
        InputError: If it is an image that hardboot does not read, or is damaged.
    """
    with naming(path):
        return {"path": str(path), "size": len(data), **_describe_image(data)}


def _describe_image(data: memoryview, *, inside: bool = False) -> Document:
    """Describe a file, or the content of a sparse image if `inside`."""
    kind = sniff.sniff(data)
    if kind == sniff.VENDOR_BOOT_IMAGE:
        return {"kind": kind, "vendor_boot": describe_vendor_boot(data)}
    if kind == sniff.SONY_ELF:
        return {"kind": kind, "sony_elf": describe_sony(data)}
    if kind == sniff.SPARSE_IMAGE:
        return {"kind": kind} if inside else {"kind": kind, **_describe_sparse(data)}
    if kind in (sniff.DHTB_IMAGE, sniff.MTK_PART):
        document = describe_wrapped(data)
    else:
        document = describe_content(kind, data)
    if document is None:
        return {"kind": sniff.BOOT_IMAGE, "boot_image": describe_boot(data)}
    if kind == sniff.OVERLAY_TABLE:
        table = dtbo.parse(data)
        document |= describe_tail(table.tail, table.header.total_size, data)
    return document


def _describe_sparse(data: memoryview) -> Document:
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
        document["inside"] = {"size": len(inner), **_describe_image(inner, inside=True)}
    except InputError as error:
        document["inside"] = {"size": len(inner), "kind": sniff.sniff(inner), "problem": error.what}
    return document

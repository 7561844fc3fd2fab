"""Describe an image as one document for people and programs.

Every byte is hashed, but only windows of the file are in memory at a time; a ramdisk is not decompressed.
Modules are imported for the kind at hand: importing all formats takes longer than describing a boot image.
"""

from pathlib import Path

from hardboot.base.errors import InputError
from hardboot.base.files import naming
from hardboot.formats import sniff
from hardboot.formats.boot import wrappers
from hardboot.formats.containers import wrapped
from hardboot.images.describe.boot_image import describe_boot
from hardboot.images.describe.document import Document, Signed
from hardboot.images.describe.parts import describe_dhtb, describe_tail

__all__ = ["Document", "describe"]


def describe(path: Path, data: memoryview) -> Document:
    """Describe the image `data`, the content of `path`.

    Raises:
        InputError: If it is an image that hardboot does not read, or is damaged.
    """
    with naming(path):
        return {"path": str(path), "size": len(data), **_describe_image(data)}


def _describe_image(data: memoryview) -> Document:
    if sniff.sniff(data) == sniff.SPARSE_IMAGE:
        from hardboot.images.describe.sparse_image import describe_sparse

        return {"kind": sniff.SPARSE_IMAGE, **describe_sparse(data, lambda raw: _describe_raw(raw, raw))}
    return _describe_raw(data, data)


def _describe_raw(data: memoryview, file: memoryview) -> Document:
    """Describe an image that is not sparse, and ends where its file does; of a sparse one only the kind."""
    kind = sniff.sniff(data)
    if kind in (sniff.DHTB_IMAGE, sniff.MTK_PART) and wrapped.is_wrapped(data):
        from hardboot.images.describe.wrapped_image import describe_wrapped

        return describe_wrapped(data, _describe_raw)
    if kind == sniff.VENDOR_BOOT_IMAGE:
        from hardboot.images.describe.vendor_boot import describe_vendor_boot

        return {"kind": kind, "vendor_boot": describe_vendor_boot(data, file)}
    if kind == sniff.SONY_ELF:
        from hardboot.images.describe.sony_boot import describe_sony

        return {"kind": kind, "sony_elf": describe_sony(data, file)}
    if kind == sniff.SPARSE_IMAGE:
        return {"kind": kind}
    document = None if kind in (sniff.BOOT_IMAGE, None) else _describe_content(kind, data, file)
    return document or _describe_unknown(kind, data, file)


def _describe_unknown(kind: str | None, data: memoryview, file: memoryview) -> Document:
    """Describe a boot image, behind whatever loader, or else a bootloader."""
    try:
        return {"kind": sniff.BOOT_IMAGE, "boot_image": describe_boot(data)}
    except InputError:
        loader = _describe_content(kind, data, file) if kind is None else None
        if loader is None:
            raise
        return loader


def _describe_content(kind: str | None, data: memoryview, file: memoryview) -> Document | None:
    """Describe a file that is no container of parts; None if it is something else."""
    from hardboot.images.describe.contents import describe_content

    document = describe_content(kind, data)
    if document and kind == sniff.OVERLAY_TABLE:
        from hardboot.formats.trees import dtbo

        table = dtbo.parse(data)
        size = len(file) - len(data) + table.header.total_size
        document |= describe_tail(table.tail, size, Signed(file, size))
    if document and kind == sniff.VBMETA_IMAGE and wrappers.has_dhtb_behind(data):
        document["trailing"] = [{"offset": len(data) - wrappers.DHTB_SIZE, **describe_dhtb(data)}]
    return document

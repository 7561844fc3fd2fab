"""Describe the content of a part or a file: a kernel, device trees, a ramdisk, a vbmeta image."""

from dataclasses import asdict

from hardboot.base.errors import InputError
from hardboot.formats import sniff
from hardboot.formats.archives import compression
from hardboot.formats.boot import krnl, rsce
from hardboot.formats.containers.devicetrees import TreeEntry
from hardboot.formats.kernels import bootloader, kernel, uimage
from hardboot.formats.kernels.kernel_image import KernelImage
from hardboot.formats.reading import sha256
from hardboot.images.describe.document import UNSIGNED, Document, Signed
from hardboot.images.describe.trees import describe_tree, describe_trees
from hardboot.images.describe.vbmeta import describe_vbmeta

_LOOK = 17 << 20  # bytes of a kernel whose decoder keeps all of it: with the rest under 60 MB of memory
_SIZED = (sniff.ROCKCHIP_IMAGE, sniff.UBOOT_RAMDISK, sniff.UBOOT_OTHER)
_MAYBE_KERNEL = (" data", " kernel")  # how the names of such kinds end


def describe_content(kind: str | None, data: memoryview, signed: Signed = UNSIGNED) -> Document | None:
    """Describe `data`; None if nothing but its kind is known.

    Args:
        kind: As `sniff` names it.
        data: All bytes of the part or file.
        signed: What a vbmeta image's hash descriptors are over.

    Raises:
        InputError: If `data` is damaged.
    """
    if kind is None:
        return _describe_bootloader(data)
    if kind in sniff.SEALED:
        why, fix = sniff.SEALED[kind]
        return {"kind": kind, "note": f"{why}. {fix}"}
    if kind in _SIZED:
        return _describe_sized(kind, data)
    if kind == sniff.VBMETA_IMAGE:
        return {"kind": kind, **describe_vbmeta(data, signed)}
    if kind == sniff.RESOURCE_IMAGE:
        return {"kind": kind, "files": _describe_files(rsce.parse(data)), "trees": describe_trees(data)}
    if kind == sniff.DEVICE_TREE:
        from hardboot.images.describe.fit_image import describe_fit

        document = describe_fit(data, describe_content)
        if document:
            return document
    if kind in sniff.TREE_KINDS:
        return {"kind": kind, "trees": describe_trees(data)}
    if kind == sniff.CPIO:
        return {"kind": kind, "ramdisk": {"compression": None, "format": _cpio_format(data)}}
    if kind == sniff.UIMAGE or (kind and kind.endswith(_MAYBE_KERNEL)):
        return _describe_packed(data)
    return None


def _describe_sized(kind: str, data: memoryview) -> Document:
    """Describe the file behind a header that states its size and checksum."""
    if kind == sniff.ROCKCHIP_IMAGE:
        image = krnl.parse(data)
        content, matches = image.content, image.crc == krnl.checksum(image.content)
        lead: Document = {"kind": f"Rockchip header ({image.magic.decode()})", "size": krnl.KrnlHeader.SIZE}
    else:
        outer = uimage.parse(data)
        [content] = outer.parts
        matches = not uimage.check_content(outer)
        lead = {"kind": f"U-Boot header ({outer.name or 'no name'})", "size": uimage.HEADER_SIZE}
    inner = sniff.sniff(content)
    document: Document = {"kind": inner or f"{kind} with unknown content"}
    if inner not in _SIZED:  # which could be nested without end
        try:
            document |= describe_content(inner, content) or {}
        except InputError as error:
            document["problem"] = error.what
    return {**document, "lead": {**lead, "matches": matches}}


def _describe_bootloader(data: memoryview) -> Document | None:
    loader = bootloader.identify(data)
    if loader is None:
        return None
    trees = {"trees": describe_trees(data)} if loader.dtbs else {}
    return {"kind": f"bootloader ({loader.name})", **trees}


def _describe_files(image: rsce.Rsce) -> list[Document]:
    return [
        {
            "path": entry.name,
            "offset": entry.block * rsce.BLOCK,
            "size": entry.size,
            "sha256": sha256(content),
            "matches": entry.matches(content),
        }
        for entry, content in zip(image.entries, image.contents, strict=True)
    ]


def _describe_packed(data: memoryview) -> Document | None:
    """Describe a kernel, or a compressed ramdisk or device trees."""
    how = compression.detect(data)
    if how == "lzop":
        return None
    if how:
        start = memoryview(compression.peek(data))
        inner = sniff.sniff(start)
        if inner == sniff.CPIO:
            ramdisk = {"compression": how, "format": _cpio_format(start)}
            return {"kind": f"ramdisk (cpio, {how})", "ramdisk": ramdisk}
        if inner in sniff.TREE_KINDS:
            return {"kind": f"{inner}, {how}", "trees": describe_trees(data)}
    image = kernel.find(data, look=_LOOK)
    if image is None:
        return None
    document = _describe_kernel(image)
    name = bootloader.find_name(data) if image.version is None else None
    return {**document, "kind": f"bootloader ({name}) as {image.kind}"} if name else document


def _cpio_format(data: memoryview) -> str:
    return {b"070701": "newc", b"070702": "crc", b"070707": "odc"}.get(bytes(data[:6]), "binary")


def _describe_kernel(image: KernelImage) -> Document:
    payload = image.payload
    document: Document = {
        "kind": image.kind,
        "wrappers": list(image.wrappers),
        "size": image.size,
        "version": image.version,
        "release": image.release,
        "payload": payload and _values(payload, "compression", "offset", "size", "unpacked_size"),
        "unpacked_size": image.unpacked_size,
        "memory_size": image.memory_size,
        "config": image.config,
        "looked_size": image.looked_size,
        "zimage": None,
        "arm64": image.arm64 and asdict(image.arm64),
        "dtbs": [describe_tree(TreeEntry(tree, 0)) for tree in image.dtbs],
        "padding_size": len(image.padding),
    }
    if image.zimage:
        numbers = ("edata_size", "bss_size", "text_offset", "malloc_size")
        document["zimage"] = _values(image.zimage, *numbers, "hardboot_page", "hardboot_version")
    layers = " in ".join((image.kind, *reversed(image.wrappers)))
    packed = f", {payload.compression}" if payload and image.kind != "zImage" else ""
    kind = sniff.ZIMAGE if layers == "zImage" else f"kernel ({layers}{packed})"
    warning = {"warning": "; ".join(image.warnings)} if image.warnings else {}
    trees = {"trees": describe_trees(image.table)} if len(image.table) else {}
    return {"kind": kind, "kernel": document, **trees, **warning}


def _values(source: object, *names: str) -> Document:
    return {name: getattr(source, name) for name in names}

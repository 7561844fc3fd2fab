"""What is inside a part of an image: a kernel, device trees, a ramdisk, a vbmeta image. As documents."""

from __future__ import annotations

from typing import Any

from hardboot.base.errors import InputError
from hardboot.formats import sniff
from hardboot.formats.containers.devicetrees import TreeEntry
from hardboot.formats.kernels.kernel import Kernel
from hardboot.formats.reading import Data, view

Document = dict[str, Any]

_LOOK = 17 << 20  # bytes of a kernel whose decoder keeps all of it: with the rest under 60 MB of memory
_PACKED = (" data", " kernel")  # how names of what may be a kernel end


def avb(data: memoryview, partition: Data) -> Document:
    """What a vbmeta image says, and whether that is so.

    Args:
        data: The vbmeta image.
        partition: What its hash of a partition is over; empty if that is not at hand.

    Raises:
        InputError: If it is damaged.
    """
    from hardboot.formats.avb import vbmeta as avb
    from hardboot.formats.avb import verify as avbcheck

    found = avb.parse_vbmeta(data)
    descriptors = []
    for one in found.descriptors:
        computed = avbcheck.compute_hash(one, partition)
        row: Document = {"text": one.text, "digest": one.digest.hex() or None}
        row |= {"computed": computed and computed.hex(), "matches": computed and computed == one.digest}
        descriptors.append(row)
    signature = avbcheck.check_signature(found)
    return {
        "avb": {
            "algorithm": found.algorithm,
            "flags": found.flags,
            "disabled": avb.disabled(found.flags),
            "rollback_index": found.rollback_index,
            "release": found.release,
            "descriptors": descriptors,
            "signature": signature
            and {
                "digest": found.digest.hex(),
                "computed": signature.computed.hex(),
                "matches": signature.fits,
                "key_bits": signature.key_bits,
                "key_sha1": signature.key_sha1,
                "test_key": signature.test_key,
            },
        }
    }


def content(part: Data, partition: Data = b"") -> Document:
    """What a part is; damage inside it is told as `problem`, so that the rest can still be shown.

    Args:
        part: Its bytes.
        partition: What a signature among the parts is over.
    """
    data = view(part)
    kind = sniff.sniff(data)
    document: Document = {"kind": kind}
    try:
        if kind == sniff.VBMETA_IMAGE:
            return {**document, **avb(data, partition)}
        if kind in sniff.TREE_KINDS:
            return {**document, "trees": _trees(data)}
        if kind == sniff.CPIO:
            return {**document, "ramdisk": {"compression": None, "format": _cpio_format(data)}}
        if (kind and kind.endswith(_PACKED)) or kind == sniff.UIMAGE:
            return {**document, **_packed(data)}
    except InputError as error:
        document |= {"problem": error.what, "problem_error": error}
    return document


def _packed(data: memoryview) -> Document:
    """A kernel, a ramdisk, or device trees, compressed."""
    from hardboot.formats.archives import compression

    how = compression.detect(data)
    if how and how != "lzop":
        head = compression.peek(data)
        inner = sniff.sniff(head)
        if inner == sniff.CPIO:
            ramdisk = {"compression": how, "format": _cpio_format(memoryview(head))}
            return {"kind": f"ramdisk (cpio, {how})", "ramdisk": ramdisk}
        if inner in sniff.TREE_KINDS:
            return {"kind": f"{inner}, {how}", "trees": _trees(data)}
    elif how == "lzop":
        return {}
    from hardboot.formats.kernels import kernel

    found = kernel.find(data, look=_LOOK)
    return _kernel(found) if found else {}


def _cpio_format(data: memoryview) -> str:
    return {b"070701": "newc", b"070702": "crc", b"070707": "odc"}.get(bytes(data[:6]), "binary")


def _kernel(kernel: Kernel) -> Document:
    payload, stated = kernel.payload, kernel.zimage
    document: Document = {
        "kind": kernel.kind,
        "wrappers": list(kernel.wrappers),
        "size": kernel.size,
        "version": kernel.version,
        "release": kernel.release,
        "payload": None,
        "unpacked_size": kernel.unpacked_size,
        "memory_size": kernel.memory_size,
        "config": kernel.config,
        "looked_size": kernel.looked_size,
        "zimage": None,
        "arm64": None,
        "dtbs": [],
        "padding_size": len(kernel.padding),
    }
    if payload:
        document["payload"] = _values(payload, "compression", "offset", "size", "unpacked_size")
    if stated:
        numbers = ("edata_size", "bss_size", "text_offset", "malloc_size")
        document["zimage"] = _values(stated, *numbers, "hardboot_page", "hardboot_version")
    if kernel.arm64:
        from dataclasses import asdict

        document["arm64"] = asdict(kernel.arm64)
    if kernel.dtbs:
        from hardboot.formats.containers.devicetrees import TreeEntry

        document["dtbs"] = [_tree(TreeEntry(tree, 0)) for tree in kernel.dtbs]
        for row in document["dtbs"]:
            del row["offset"]
    outer = " in ".join((kernel.kind, *reversed(kernel.wrappers)))
    packed = f", {payload.compression}" if payload and kernel.kind != "zImage" else ""
    named = sniff.ZIMAGE if outer == "zImage" else f"kernel ({outer}{packed})"
    return {"kind": named, "kernel": document}


def _values(source: object, *names: str) -> Document:
    return {name: getattr(source, name) for name in names}


def _trees(data: memoryview) -> Document:
    from hardboot.formats.containers import devicetrees
    from hardboot.formats.trees import fdt

    if sniff.sniff(data) == sniff.DEVICE_TREE:
        fdt.total_size(data)  # refuses what would only be left over
    found = devicetrees.find(data)
    if found is None:
        return {"kind": None, "compression": None, "entries": [], "trailing_size": None}
    seen: dict[tuple[int, int], Document] = {}
    entries = []
    for entry in found.entries:
        key = entry.offset, len(entry.data)
        if key not in seen:
            seen[key] = _tree(entry)
        entries.append({**seen[key], "ids": {name: _plain(value) for name, value in entry.ids.items()}})
    end = max((entry.offset + len(entry.data) for entry in found.entries), default=0)
    return {
        "kind": found.kind,
        "compression": found.compression,
        "entries": entries,
        "trailing_size": None if found.compression else len(data) - end,
    }


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _tree(entry: TreeEntry) -> Document:
    from hardboot.formats.trees import fdt

    document: Document = {
        "offset": entry.offset,
        "size": len(entry.data),
        "model": None,
        "compatible": [],
        "msm_id": None,
        "board_id": None,
    }
    try:
        properties = entry.tree().root.properties
    except InputError as error:
        return {**document, "problem": error.what}
    if "model" in properties:
        document["model"] = fdt.text(properties["model"])
    for name in ("msm-id", "board-id"):
        raw = properties.get(f"qcom,{name}")
        if raw is not None and len(raw) % 4 == 0:
            document[name.replace("-", "_")] = list(fdt.read_u32s(raw))
    return {**document, "compatible": fdt.strings(properties.get("compatible"))}

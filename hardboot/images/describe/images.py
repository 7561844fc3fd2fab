"""Boot images, vendor_boot images and Sony's ELF as documents: header, parts, what lies behind them."""

from __future__ import annotations

from hardboot.base.errors import InputError
from hardboot.formats import sniff
from hardboot.formats.binary_record import BinaryRecord
from hardboot.formats.boot import bootid, bootimg, tail, wrappers
from hardboot.formats.boot.bootheader import AddressedHeader, BootHeaderV2
from hardboot.formats.boot.bootimg import BootImage
from hardboot.formats.boot.paged import Part
from hardboot.formats.reading import Data, sha256, view
from hardboot.images.background import begin, hashes
from hardboot.images.describe import contents
from hardboot.images.describe.contents import Document


def boot(image: BootImage, data: memoryview) -> Document:
    """A boot image, which `data` is."""
    name = bootid.hash_of(image.id) if bootimg.has_id(image) else None
    computed = begin(lambda: bootid.compute_ids(image.parts, name)) if name else None
    digests = hashes([part.data for part in image.parts])
    addresses = _addresses(image)
    parts = [
        _part(part, len(image.lead), addresses.get(part.name), image.paddings.get(part.name, b""), data)
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
        "header": _header_fields(image.header[image.header_offset :], image.header_type),
        "lead": _lead(image, data),
        "parts": parts,
        **_tail(image.tail, image.tail_offset, data),
        "padding_missing": image.missing,
    }
    document["signed"] |= bool(len(image.signature))
    for part, digest in zip(parts, digests(), strict=True):
        part["sha256"] = digest
    document["id"] = image.id.hex()
    document["id_check"] = None
    if computed:
        ids = computed()
        algorithm = bootid.matching_algorithm(image.id, ids)
        document["id_check"] = {
            "algorithm": algorithm or name,
            "computed": (ids[algorithm] if algorithm else next(iter(ids.values()))).hex(),
            "matches": algorithm is not None,
        }
    return document


def _addresses(image: BootImage) -> dict[str, int]:
    """Return the load address of each part that has one in the header."""
    addresses: dict[str, int] = {}
    if issubclass(image.header_type, AddressedHeader):
        addresses |= {"kernel": image.kernel_addr, "ramdisk": image.ramdisk_addr, "second": image.second_addr}
    if issubclass(image.header_type, BootHeaderV2):
        addresses["dtb"] = image.dtb_addr
    return addresses


def _header_fields(data: bytes, kind: type[BinaryRecord]) -> Document:
    """Return all fields of a header as stored, but for those that the document has in words."""
    header = kind.parse(view(data.ljust(kind.SIZE, b"\0")))
    values = {name: getattr(header, name) for name in kind.names()}
    return {
        name: value.rstrip(b"\0").hex() if isinstance(value, bytes) else value
        for name, value in values.items()
        if name not in ("magic", "cmdline", "extra_cmdline", "name", "id")
    }


def _lead(image: BootImage, data: memoryview) -> Document | None:
    if image.header_offset:
        return {"kind": "Amonet microloader", "size": image.header_offset}
    if not image.lead:
        return None
    if not wrappers.is_dhtb(image.lead):
        return {"kind": "unknown loader", "size": len(image.lead)}
    return _dhtb(data)


def _dhtb(data: memoryview) -> Document:
    document: Document = {"kind": "DHTB header", "size": wrappers.DHTB_SIZE}
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
            try:
                row |= contents.avb(data[row["offset"] : row["offset"] + item.size], data)
            except InputError as error:
                row["problem"] = error.what
        items.append(row)
    return {"trailing_size": len(rest), "trailing": items, "signed": tail.is_signed(rest, offset)}


def _part(
    part: Part, shift: int, address: int | None, padding: bytes = b"", partition: Data = b""
) -> Document:
    """A part without its hash; `partition` is what a signature among the parts is over."""
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
        document["mtk"] = {"name": mtk.name, "size": len(mtk.data), "sha256": sha256(mtk.data)}
    problem = wrappers.problem_of_mtk(part.data)
    if problem:
        return {**document, "kind": sniff.MTK_PART, "problem": problem.what}
    found = contents.content(mtk.data if mtk else part.data, partition)
    found.pop("problem_error", None)
    return {**document, **found}


def vendor_boot(data: memoryview) -> Document:
    """A vendor_boot image."""
    from hardboot.formats.boot import vendorboot

    image = vendorboot.parse(data)
    digests = hashes([part.data for part in image.parts])
    parts = []
    for index, part in enumerate(image.parts):
        padding = image.paddings.get("ramdisk" if index + 1 == len(image.ramdisks) else part.name, b"")
        parts.append(_part(part, 0, image.dtb_addr if part.name == "dtb" else None, padding))
        if image.header_version == 4 and image.table is None and index < len(image.ramdisks):
            ramdisk = image.ramdisks[index]
            number = ramdisk.type
            known = number < len(vendorboot.RAMDISK_TYPES)
            parts[-1] |= {
                "label": ramdisk.name,
                "type": vendorboot.RAMDISK_TYPES[number] if known else str(number),
                "board_id": list(ramdisk.board_id),
            }
    for row, digest in zip(parts, digests(), strict=True):
        row["sha256"] = digest
    names = ("header_version", "page_size", "name", "cmdline", "kernel_addr", "ramdisk_addr", "tags_addr")
    return {
        **{name: getattr(image, name) for name in names},
        "header": _header_fields(image.header, image.header_type),
        "parts": parts,
        **_tail(image.tail, image.tail_offset, data),
        "padding_missing": image.missing,
    }


def sony(data: memoryview) -> Document:
    """A boot image of Sony's."""
    from hardboot.formats.boot import sonyelf

    image = sonyelf.parse(data)
    addresses = {part.name: part.addr for part in image.loaded}
    digests = hashes([part.data for part in image.parts])
    parts = [_part(part, 0, addresses[part.name]) for part in image.parts]
    for row, digest in zip(parts, digests(), strict=True):
        row["sha256"] = digest
    end = len(data) - len(image.gaps[-1])
    return {"entry_addr": image.entry, "parts": parts, **_tail(image.gaps[-1], end, data)}


def behind_header(data: memoryview) -> Document:
    """A kernel, a ramdisk or a vbmeta image behind a maker's header; as `contents.content` tells what it is.

    Raises:
        InputError: If the header does not fit what follows it.
    """
    if wrappers.is_dhtb(data):
        found = contents.content(data[wrappers.DHTB_SIZE :])
        return {**found, "lead": _dhtb(data)} if found.keys() - {"kind"} else {}
    problem = wrappers.problem_of_mtk(data)
    if problem:
        raise problem
    mtk = wrappers.split_mtk(data)
    if mtk is None:
        return {}
    lead = {"kind": f"MediaTek header ({mtk.name})", "size": len(mtk.header)}
    return {**contents.content(mtk.data), "lead": lead}


def behind_overlays(data: memoryview) -> Document:
    """What follows a table of overlays, which states its size."""
    from hardboot.formats.trees import dtbo

    table = dtbo.parse(data)
    return _tail(table.tail, table.header.total_size, data)

"""Boot images and vendor_boot images as containers."""

from __future__ import annotations

from dataclasses import replace

from hardboot.formats import sniff
from hardboot.formats.boot import (
    bootheader,
    bootimg,
    osversion,
    tail,
    tail_renewal,
    vendorboot,
    vendorheader,
    wrappers,
)
from hardboot.formats.boot.bootheader import (
    PARTS,
    AddressedHeader,
    BootHeaderPxa,
    BootHeaderV2,
    check_page_size,
)
from hardboot.formats.boot.bootid import ALGORITHMS, Algorithm
from hardboot.formats.boot.bootimg import BootImage
from hardboot.formats.boot.paged import Part
from hardboot.formats.boot.vendorboot import VendorBoot
from hardboot.formats.containers import kernel_part
from hardboot.formats.containers.model import Changes, Container, Fields, Rebuilt
from hardboot.formats.kernels import patched
from hardboot.formats.reading import Data, malformed, view


def open_boot(data: memoryview) -> Container:
    """Take a boot image apart.

    Raises:
        InputError: If `data` is something else, or damaged.
    """
    image = bootimg.parse(data)
    parts = []
    known = {part.name: part for part in image.parts}
    for name in PARTS[image.header_version]:
        part = known.get(name, Part(name, 0, b""))
        content = _without_header(part.data)
        shift = len(part.data) - len(content)
        parts.append(Part(name, len(image.lead) + part.offset + shift, content))
    return Container(
        kind=sniff.BOOT_IMAGE,
        fields=_boot_fields(image),
        parts=tuple(parts),
        part_fields={},
        signed=tail.is_signed(image.tail, image.tail_offset) or bool(len(image.signature)),
        warnings=image.warnings,
        rebuild=lambda changes: _rebuild_boot(image, changes),
        id_algorithm=lambda: bootimg.check_id(image),
    )


def _without_header(part: Data) -> Data:
    """Return a part without the headers in front of it whose sizes are renewed: MediaTek's, Qualcomm's."""
    inner = wrappers.without_mtk(part)
    return patched.parse(inner).content if _has_patched_header(inner) else inner


def _has_patched_header(part: Data) -> bool:
    """Return whether `part` begins with all of Qualcomm's header; one that is cut off is content."""
    return patched.is_patched(part) and len(part) >= patched.HEADER_SIZE


def _with_header(old: Data, content: Data) -> Data:
    """Return `content` behind the headers of the part `old`, if that has any."""
    inner = wrappers.without_mtk(old)
    if _has_patched_header(inner):
        content = kernel_part.renewed(inner, content) + bytes(view(content))
    mtk = wrappers.split_mtk(old)
    return mtk.around(content) if mtk else content


def _boot_fields(image: BootImage) -> Fields:
    """Return the fields that the image's header has."""
    kind = image.header_type
    fields: Fields = {"header_version": image.header_version}
    if image.pxa:
        fields["pxa"] = True
    if issubclass(kind, AddressedHeader):
        fields |= {"kernel_addr": image.kernel_addr, "ramdisk_addr": image.ramdisk_addr}
        fields |= {"second_addr": image.second_addr, "tags_addr": image.tags_addr}
        fields["page_size"] = image.page_size
    if not issubclass(kind, BootHeaderPxa):
        fields |= {"os_version": image.os_version_text or "", "os_patch_level": image.os_patch_level or ""}
    if issubclass(kind, AddressedHeader):
        fields["name"] = image.name
    fields["cmdline"] = image.cmdline
    if issubclass(kind, BootHeaderV2):
        fields["dtb_addr"] = image.dtb_addr
    if bootimg.has_id(image):
        fields["id"] = image.id.hex() if any(image.id) else ""
    return fields


def _rebuild_boot(image: BootImage, changes: Changes) -> Rebuilt:
    fields = dict(changes.fields)
    algorithm: Algorithm | None = None
    stated = fields.pop("id", "")
    if stated in ALGORITHMS:
        algorithm = stated
        fields["id"] = image.id
    else:
        fields["id"] = _decode_id(stated)
    os_version = osversion.encode(fields.pop("os_version", ""), fields.pop("os_patch_level", ""))
    old_parts = {part.name: part.data for part in image.parts}
    parts: Fields = dict(changes.parts)
    for name, data in parts.items():
        parts[name] = _with_header(old_parts.get(name, b""), data)
    if "page_size" in fields:  # the end of the image depends on it
        at = image.header_type.offset_of("page_size")
        check_page_size(bootheader.WHAT, fields["page_size"], at)
    changed = replace(image, **fields, **parts, os_version=os_version)
    renewed = tail_renewal.renew(image.tail, image.tail_offset, changed.end, grow=changes.grow)
    chunks = bootimg.build(bootimg.with_tail(changed, renewed.data, algorithm))
    return Rebuilt(chunks, changed.end - image.tail_offset, renewed.overwritten)


def _decode_id(text: str) -> bytes:
    size = 32
    try:
        raw = bytes.fromhex(text)
    except ValueError as error:
        fix = 'Give "sha1", "sha256", or the id in hex.'
        raise malformed("image.toml", "id", 0, f"{text!r}", fix=fix) from error
    if len(raw) > size:
        raise malformed("image.toml", "id", 0, f"{len(raw)} bytes, the limit is {size}", fix="Shorten it.")
    return raw.ljust(size, b"\0")


def open_vendor_boot(data: memoryview, base: int = 0) -> Container:
    """Take a vendor_boot image apart.

    Args:
        data: The image.
        base: Bytes in front of `data` in the file, from whose start an AVB footer counts.

    Raises:
        InputError: If `data` is something else, or damaged.
    """
    image = vendorboot.parse(data)
    fields = {
        "header_version": image.header_version,
        "page_size": image.page_size,
        "kernel_addr": image.kernel_addr,
        "ramdisk_addr": image.ramdisk_addr,
        "tags_addr": image.tags_addr,
        "dtb_addr": image.dtb_addr,
        "name": image.name,
        "cmdline": image.cmdline,
    }
    part_fields: dict[str, Fields] = {}
    if image.has_entries:
        for index, ramdisk in enumerate(image.ramdisks):
            board_id = list(ramdisk.board_id)
            part_fields[f"ramdisk{index}"] = {
                "type": ramdisk.type,
                "name": ramdisk.name,
                "board_id": board_id,
            }
    return Container(
        kind=sniff.VENDOR_BOOT_IMAGE,
        fields=fields,
        parts=image.parts,
        part_fields=part_fields,
        signed=tail.is_signed(image.tail, base + image.tail_offset),
        warnings=image.warnings,
        rebuild=lambda changes: _rebuild_vendor_boot(image, changes, base),
    )


def _rebuild_vendor_boot(image: VendorBoot, changes: Changes, base: int) -> Rebuilt:
    parts: Fields = dict(changes.parts)
    ramdisks = []
    for index, ramdisk in enumerate(image.ramdisks):
        name = f"ramdisk{index}" if image.has_entries else "ramdisk"
        fields = dict(changes.part_fields.get(name, {}))
        if "board_id" in fields:
            fields["board_id"] = tuple(fields["board_id"])
        ramdisks.append(replace(ramdisk, data=parts.pop(name), **fields))
    changed = replace(image, **changes.fields, **parts, ramdisks=tuple(ramdisks))
    check_page_size(vendorheader.WHAT, changed.page_size, image.header_type.offset_of("page_size"))
    old_end, new_end = base + image.tail_offset, base + changed.end
    renewed = tail_renewal.renew(image.tail, old_end, new_end, grow=changes.grow)
    chunks = vendorboot.build(replace(changed, tail=renewed.data))
    return Rebuilt(chunks, changed.end - image.tail_offset, renewed.overwritten)

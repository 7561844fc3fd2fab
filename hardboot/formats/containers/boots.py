"""Boot images, vendor_boot images and Sony's ELF as containers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from hardboot.formats import sniff
from hardboot.formats.boot import bootimg, osversion, tail, wrappers
from hardboot.formats.boot.bootheader import PARTS, AddressedHeader, BootHeaderPxa, BootHeaderV2
from hardboot.formats.boot.bootid import ALGORITHMS, Algorithm
from hardboot.formats.boot.bootimg import BootImage
from hardboot.formats.boot.paged import Part
from hardboot.formats.boot.vendorboot import VendorBoot
from hardboot.formats.containers.model import Changes, Container, Fields
from hardboot.formats.reading import Data, malformed


def boot(image: BootImage) -> Container:
    """Take a boot image apart."""
    parts = []
    known = {part.name: part for part in image.parts}
    start = len(image.lead)
    for name in PARTS[image.header_version]:
        part = known.get(name, Part(name, 0, b""))
        mtk = wrappers.split_mtk(part.data)
        inner, shift = (mtk.data, wrappers.MTK_SIZE) if mtk else (part.data, 0)
        parts.append(Part(name, start + part.offset + shift, inner))
    return Container(
        kind=sniff.BOOT_IMAGE,
        fields=_boot_fields(image),
        parts=tuple(parts),
        part_fields={},
        signed=tail.is_signed(image.tail, image.tail_offset) or bool(len(image.signature)),
        rebuild=lambda changes: _rebuild_boot(image, changes),
        id_algorithm=lambda: bootimg.check_id(image),
    )


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


def _rebuild_boot(image: BootImage, changes: Changes) -> Iterator[Data]:
    named = dict(changes.fields)
    algorithm: Algorithm | None = None
    stated = named.pop("id", "")
    if stated in ALGORITHMS:
        algorithm = stated
        named["id"] = image.id
    else:
        named["id"] = _hex(stated, 32)
    version = osversion.encode(named.pop("os_version", ""), named.pop("os_patch_level", ""))
    parts: Fields = dict(changes.parts)
    for name, data in parts.items():
        mtk = wrappers.split_mtk(getattr(image, name))
        if mtk:
            parts[name] = wrappers.with_mtk(mtk.header, data)
    changed = replace(image, **named, **parts, os_version=version)
    return bootimg.build(bootimg.renew(changed, algorithm))


def _hex(text: str, size: int) -> bytes:
    try:
        raw = bytes.fromhex(text)
    except ValueError as error:
        fix = 'Give "sha1", "sha256", or the id in hex.'
        raise malformed("image.toml", "id", 0, f"{text!r}", fix=fix) from error
    if len(raw) > size:
        raise malformed("image.toml", "id", 0, f"{len(raw)} bytes, the limit is {size}", fix="Shorten it.")
    return raw.ljust(size, b"\0")


def vendor_boot(image: VendorBoot) -> Container:
    """A vendor_boot image."""
    names = ("header_version", "page_size", "kernel_addr", "ramdisk_addr", "tags_addr", "dtb_addr")
    part_fields = {}
    if image.header_version == 4 and image.table is None:
        part_fields = {
            f"ramdisk{index}": {"type": one.type, "name": one.name, "board_id": list(one.board_id)}
            for index, one in enumerate(image.ramdisks)
        }
    return Container(
        kind=sniff.VENDOR_BOOT_IMAGE,
        fields={name: getattr(image, name) for name in (*names, "name", "cmdline")},
        parts=image.parts,
        part_fields=part_fields,
        signed=tail.is_signed(image.tail, image.tail_offset),
        rebuild=lambda changes: _rebuild_vendor_boot(image, changes),
    )


def _rebuild_vendor_boot(image: VendorBoot, changes: Changes) -> Iterator[Data]:
    from hardboot.formats.boot import vendorboot

    parts: Fields = dict(changes.parts)
    ramdisks = []
    for index, ramdisk in enumerate(image.ramdisks):
        name = f"ramdisk{index}" if f"ramdisk{index}" in parts else "ramdisk"
        more = dict(changes.part_fields.get(name, {}))
        if "board_id" in more:
            more["board_id"] = tuple(more["board_id"])
        ramdisks.append(replace(ramdisk, data=parts.pop(name), **more))
    changed = replace(image, **changes.fields, **parts, ramdisks=tuple(ramdisks))
    changed = replace(changed, tail=tail.renew(image.tail, image.tail_offset, changed.end))
    return vendorboot.build(changed)


def sony(data: memoryview) -> Container:
    """A boot image of Sony's."""
    from hardboot.formats.boot import sonyelf

    image = sonyelf.parse(data)

    def rebuild(changes: Changes) -> Iterator[Data]:
        moved = sonyelf.with_parts(image, dict(changes.parts))
        loaded = (replace(part, addr=changes.part_fields[part.name]["load_addr"]) for part in moved.loaded)
        return sonyelf.build(replace(moved, loaded=tuple(loaded), entry=changes.fields["entry_addr"]))

    return Container(
        kind=sniff.SONY_ELF,
        fields={"entry_addr": image.entry},
        parts=image.parts,
        part_fields={part.name: {"load_addr": part.addr} for part in image.loaded},
        signed=False,
        rebuild=rebuild,
    )

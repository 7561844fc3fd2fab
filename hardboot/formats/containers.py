"""One view of every image that holds parts: its fields, its parts, and how to write it with others.

An image is taken apart into parts and a frame, which is all the rest; both together are the file again.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any

from hardboot.errors import InputError
from hardboot.formats import bootimg, sniff, tail, vendorboot, wrappers
from hardboot.formats.bootheader import PARTS, stored_os_version
from hardboot.formats.bootid import ALGORITHMS, Algorithm
from hardboot.formats.bootimg import BootImage
from hardboot.formats.paged import Part
from hardboot.formats.reading import Data, malformed, pieces, view
from hardboot.formats.vendorboot import VendorBoot

Fields = dict[str, Any]  # int, str or a list of int


@dataclass(frozen=True)
class Changes:
    """What an image is to become: fields and parts by name, all of them."""

    fields: Fields
    part_fields: Mapping[str, Fields]
    parts: Mapping[str, Data] = field(repr=False)


@dataclass(frozen=True)
class Container:
    """An image taken apart.

    Attributes:
        kind: In words, as `sniff` says it.
        fields: What may be changed, by name; "id" is an algorithm's name if it is that hash of the parts.
        parts: In file order, without overlap; empty ones are there if the image may have them.
        part_fields: What may be changed of a part.
        signed: The image carries a signature, which no other parts fit.
        rebuild: The file with changes made, in chunks; sizes, offsets and checksums follow.
    """

    kind: str
    fields: Fields
    parts: tuple[Part, ...]
    part_fields: Mapping[str, Fields]
    signed: bool
    rebuild: Callable[[Changes], Iterator[bytes]] = field(repr=False)


def open_container(data: Data, *, check_id: bool = True) -> Container:
    """Take an image apart; its parts are views into `data`.

    Args:
        data: The file.
        check_id: Compare the id of a boot image with its parts, which reads all of them.

    Raises:
        InputError: If it holds no parts hardboot can take out, or is damaged.
    """
    seen = view(data)
    kind = sniff.sniff(seen)
    if kind == sniff.VENDOR_BOOT_IMAGE:
        container = _vendor_boot(vendorboot.parse(seen))
    elif kind == sniff.SONY_ELF:
        container = _sony(seen)
    elif kind == sniff.SPARSE_IMAGE:
        fix = "Expand it first: simg2img IMAGE RAW"
        raise malformed("image", "magic", 0, "this is an Android sparse image", fix=fix)
    elif kind in (sniff.QCDT_TABLE, sniff.DTBH_TABLE, sniff.SPRD_TABLE, sniff.OVERLAY_TABLE):
        container = _table(kind, seen)
    elif kind in (sniff.ZIMAGE, sniff.DEVICE_TREE):
        container = _appended(kind, seen)
    else:
        container = _boot(bootimg.parse(seen), check_id=check_id)
    _check_apart(container)
    return container


def _check_apart(container: Container) -> None:
    end = 0
    for part in container.parts:
        if len(part.data):
            if part.offset < end:
                problem = f"{part.name} begins inside of what ends at {end:#x}"
                raise malformed(container.kind, "offset", part.offset, problem)
            end = part.offset + len(part.data)


def _boot(image: BootImage, *, check_id: bool) -> Container:
    layout = image.layout
    named: Fields = {"header_version": image.header_version}
    if image.pxa:
        named["pxa"] = True
    for name in layout.names:
        if name in ("name", "cmdline", "page_size") or name.endswith("_addr"):
            named[name] = getattr(image, name)
        elif name == "os_version":
            named |= {"os_version": image.os_version_text or "", "os_patch_level": image.os_patch_level or ""}
    if bootimg.has_id(image):
        algorithm = bootimg.check_id(image) if check_id else None
        named["id"] = algorithm or (image.id.hex() if any(image.id) else "")
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
        fields=named,
        parts=tuple(parts),
        part_fields={},
        signed=tail.is_signed(image.tail) or bool(len(image.signature)),
        rebuild=lambda changes: _rebuild_boot(image, changes),
    )


def _rebuild_boot(image: BootImage, changes: Changes) -> Iterator[bytes]:
    named = dict(changes.fields)
    algorithm: Algorithm | None = None
    stated = named.pop("id", "")
    if stated in ALGORITHMS:
        algorithm = stated
        named["id"] = image.id
    else:
        named["id"] = _hex(stated, 32)
    version = stored_os_version(named.pop("os_version", ""), named.pop("os_patch_level", ""))
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


def _vendor_boot(image: VendorBoot) -> Container:
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
        signed=tail.is_signed(image.tail),
        rebuild=lambda changes: _rebuild_vendor_boot(image, changes),
    )


def _rebuild_vendor_boot(image: VendorBoot, changes: Changes) -> Iterator[bytes]:
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


def _sony(data: memoryview) -> Container:
    from hardboot.formats import sonyelf

    image = sonyelf.parse(data)

    def rebuild(changes: Changes) -> Iterator[bytes]:
        moved = sonyelf.with_parts(image, dict(changes.parts))
        segments = (replace(one, addr=changes.part_fields[one.name]["load_addr"]) for one in moved.segments)
        return sonyelf.build(replace(moved, segments=tuple(segments), entry=changes.fields["entry_addr"]))

    return Container(
        kind=sniff.SONY_ELF,
        fields={"entry_addr": image.entry},
        parts=image.parts,
        part_fields={one.name: {"load_addr": one.addr} for one in image.segments},
        signed=False,
        rebuild=rebuild,
    )


def _table(kind: str, data: memoryview) -> Container:
    from hardboot.formats import dtbh, dtbo, qcdt, sprd

    modules: dict[str, ModuleType] = {
        sniff.QCDT_TABLE: qcdt,
        sniff.DTBH_TABLE: dtbh,
        sniff.SPRD_TABLE: sprd,
        sniff.OVERLAY_TABLE: dtbo,
    }
    module = modules[kind]
    table = module.parse(data)
    _check_outside(kind, module, table, data)
    names = [f"tree{index}" for index in range(len(table.trees))]
    order = sorted(range(len(names)), key=lambda index: table.trees[index].offset)

    def rebuild(changes: Changes) -> Iterator[bytes]:
        slots = [
            replace(slot, data=changes.parts[name], offset=None, size=None)
            for name, slot in zip(names, table.trees, strict=True)
        ]
        renewed = module.renew(replace(table, trees=tuple(slots)))
        if module is dtbo:
            moved = tail.renew(table.tail, table.total_size, renewed.total_size)
            renewed = replace(renewed, tail=moved)
        return pieces(module.build(renewed))

    return Container(
        kind=kind,
        fields={},
        parts=tuple(Part(names[one], table.trees[one].offset, table.trees[one].data) for one in order),
        part_fields={},
        signed=module is dtbo and tail.is_signed(table.tail),
        rebuild=rebuild,
    )


def _check_outside(kind: str, module: ModuleType, table: Any, data: memoryview) -> None:
    """A tree that lies on the table itself is no part: without it the table says something else."""
    frame = bytearray(data)
    for slot in table.trees:
        frame[slot.offset : slot.offset + len(slot.data)] = bytes(len(slot.data))
    try:
        again = module.parse(frame)
        same = again.entries == table.entries and _spans(again) == _spans(table)
    except InputError:
        same = False
    if not same:
        raise malformed(kind, "entries", 0, "a tree lies on the table itself")


def _spans(table: Any) -> list[tuple[int, int]]:
    return [(slot.offset, len(slot.data)) for slot in table.trees]


def _appended(kind: str, data: memoryview) -> Container:
    from hardboot.formats import fdt, zimage

    if kind == sniff.ZIMAGE:
        image = zimage.parse(data)
        cut = [("kernel", image.kernel), *((f"tree{index}", tree) for index, tree in enumerate(image.dtbs))]
    else:
        fdt.total_size(data)  # refuses what `split` would only leave over
        cut = [(f"tree{index}", tree) for index, tree in enumerate(fdt.split(data)[0])]
    if len(cut) < 2:
        raise InputError(
            f"this is {sniff.described(data)} and nothing else",
            unchanged="Nothing was written.",
            fix="Give an image that holds more than one part.",
        )
    parts: list[Part] = []
    end = 0
    for name, one in cut:
        start = end + tail.leading_zeros(data[end:]) if parts else 0
        parts.append(Part(name, start, one))
        end = start + len(one)
    return _row(kind, tuple(parts), data)


def open_frame(kind: str, data: Data, parts: tuple[Part, ...]) -> Container:
    """The image of that kind whose parts are zeros now, for `rebuild`.

    Args:
        kind: As the container said it.
        data: The file.
        parts: What is known of the parts, in file order.

    Raises:
        InputError: If `data` is damaged, or of another kind.
    """
    if kind in (sniff.ZIMAGE, sniff.DEVICE_TREE):
        return _row(kind, parts, view(data))
    return open_container(data, check_id=False)


def _row(kind: str, parts: tuple[Part, ...], data: memoryview) -> Container:
    """Parts that only follow each other: no header says where they are."""

    def rebuild(changes: Changes) -> Iterator[bytes]:
        at = 0
        for part in parts:
            yield from pieces(data[at : part.offset])
            yield from pieces(changes.parts[part.name])
            at = part.offset + len(part.data)
        yield from pieces(data[at:])

    return Container(kind, {}, parts, {}, signed=False, rebuild=rebuild)

"""Android boot images with header v0 to v4 or Samsung's PXA header: read, check, write.

Sources: AOSP system/tools/mkbootimg, include/bootimg/bootimg.h and mkbootimg.py; Qualcomm's mkbootimg for a
device tree table whose size is in the version field; Magisk's bootimg.cpp for PXA and Amonet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from hardboot.formats.boot import bootid, tail_renewal, wrappers
from hardboot.formats.boot.bootheader import (
    BOOT_MAGIC,
    PAGE_SIZES,
    WHAT,
    BootHeader,
    BootHeaderPxa,
    BootHeaderV1,
    BootHeaderV2,
    BootHeaderV3,
    check_page_size,
    read_cmdline,
    size_field,
)
from hardboot.formats.boot.bootid import Algorithm
from hardboot.formats.boot.headerfields import build_header_page
from hardboot.formats.boot.headerpage import find_header, parse_cmdline, read_header
from hardboot.formats.boot.model import BootImage
from hardboot.formats.boot.paged import Part, PartSize, emit_parts, slice_parts
from hardboot.formats.reading import Data, view, windows
from hardboot.formats.text_field import read_text

__all__ = ["BOOT_MAGIC", "PAGE_SIZES", "Algorithm", "BootImage", "Part", "build", "parse", "parse_cmdline"]


def parse(data: Data) -> BootImage:
    """Read a boot image; its parts are views into `data` and are not read.

    Raises:
        InputError: If `data` is something else, has an unknown header version, or is truncated.
    """
    whole = view(data)
    lead, header_offset = find_header(whole)
    image = whole[lead:]
    header = read_header(image, header_offset)
    page_size = header.page_size
    if not isinstance(header, BootHeaderV3):
        check_page_size(WHAT, page_size, header.offset_of("page_size"))
    sizes = [PartSize(name, size, *size_field(header, name)) for name, size in header.part_sizes().items()]
    sliced = slice_parts(image, WHAT, page_size, page_size, sizes)
    parts = sliced.parts
    read = replace(
        _from_header(header),
        kernel=parts["kernel"],
        ramdisk=parts["ramdisk"],
        second=parts.get("second", b""),
        dt=parts.get("dt", b""),
        recovery_dtbo=parts.get("recovery_dtbo", b""),
        dtb=parts.get("dtb", b""),
        signature=parts.get("signature", b""),
        header=bytes(image[:page_size]),
        header_offset=header_offset,
        lead=bytes(whole[:lead]),
        paddings=sliced.paddings,
        missing=sliced.missing,
        tail=image[sliced.end :],
        tail_offset=lead + sliced.end,
    )
    return replace(read, warnings=tuple(_warnings(header, read)))


def _warnings(header: BootHeader, image: BootImage) -> Iterator[str]:
    """Yield what the header states wrongly; the parts are found without it."""
    if isinstance(header, BootHeaderV1 | BootHeaderV3) and header.header_size not in header.WRITTEN_SIZES:
        yield f"header_size is {header.header_size} bytes, v{header.VERSION} has {header.SIZE}"
    if isinstance(header, BootHeaderV1):
        for part in image.parts:
            if part.name == "recovery_dtbo" and part.data and part.offset != header.recovery_dtbo_offset:
                stated = header.recovery_dtbo_offset
                yield f"recovery_dtbo_offset is {stated:#x}, the part is at {part.offset:#x}"


def _from_header(header: BootHeader) -> BootImage:
    """Return an image without parts that has the fields of its header."""
    image = BootImage(
        kernel=b"",
        header_version=header.VERSION,
        pxa=isinstance(header, BootHeaderPxa),
        page_size=header.page_size,
        cmdline=read_cmdline(header),
    )
    if not isinstance(header, BootHeaderPxa):
        image = replace(image, os_version=header.os_version)
    if not isinstance(header, BootHeaderV3):
        image = replace(
            image,
            kernel_addr=header.kernel_addr,
            ramdisk_addr=header.ramdisk_addr,
            second_addr=header.second_addr,
            tags_addr=header.tags_addr,
            name=read_text(header.name),
            id=header.id,
        )
    if isinstance(header, BootHeaderV1):
        image = replace(image, recovery_dtbo_offset=header.recovery_dtbo_offset)
    if isinstance(header, BootHeaderV2):
        image = replace(image, dtb_addr=header.dtb_addr)
    return image


def build(image: BootImage) -> Iterator[Data]:
    """Return the file, in chunks; sizes are computed, other fields are written as they are (see `renew`).

    Raises:
        InputError: If a field does not fit into the header; before the first chunk.
    """
    return _chunks(build_header_page(image), image)


def _chunks(page: bytes, image: BootImage) -> Iterator[Data]:
    yield image.lead
    yield page
    yield from emit_parts(image.parts, image.paddings, image.missing, image.page_size)
    yield from windows(image.tail)


def has_id(image: BootImage) -> bool:
    """Return whether the header has a field for an id: v0 to v2 and PXA."""
    return not issubclass(image.header_type, BootHeaderV3)


def compute_id(image: BootImage, algorithm: Algorithm) -> bytes:
    """Return the id that `mkbootimg` writes: a hash over every part and its size, padded to 32 bytes.

    Reads all parts. Zeros for v3 and v4, which have no id.
    """
    if not has_id(image):
        return bytes(32)
    ids = bootid.compute_ids(image.parts, "sha256" if algorithm.startswith("sha256") else "sha1")
    return ids.get(algorithm) or next(iter(ids.values()))


def check_id(image: BootImage) -> Algorithm | None:
    """Return the algorithm that gives the image's id; None if no algorithm does. Reads all parts."""
    name = bootid.hash_of(image.id) if has_id(image) else None
    return bootid.matching_algorithm(image.id, bootid.compute_ids(image.parts, name)) if name else None


def renew(image: BootImage, algorithm: Algorithm | None = "sha1", *, grow: bool = False) -> BootImage:
    """Return `image` with all that depends on its parts: id, recovery_dtbo_offset, footer, DHTB checksum.

    Args:
        image: A changed image.
        algorithm: For the id; None keeps the id as it is.
        grow: Let a file that fills its partition outgrow it.

    Raises:
        RefusedError: If the file fills its partition and would outgrow it, without `grow`.
    """
    tail = tail_renewal.renew(image.tail, image.tail_offset, image.end, grow=grow)
    return with_tail(image, tail.data, algorithm)


def with_tail(image: BootImage, tail: Data, algorithm: Algorithm | None) -> BootImage:
    """Return `image` with its new tail and the rest of what `renew` sets; for `algorithm` see there."""
    offsets = {part.name: part.offset for part in image.parts if part.data}
    changed = replace(
        image,
        id=image.id if algorithm is None else compute_id(image, algorithm),
        recovery_dtbo_offset=offsets.get("recovery_dtbo", 0),
        tail=tail,
    )
    if wrappers.is_dhtb(changed.lead):
        content = build(replace(changed, lead=b""))
        growth = changed.end - image.tail_offset
        changed = replace(changed, lead=wrappers.dhtb_header(changed.lead, content, growth))
    return changed

"""What is fuzzed of boot images, their parts, headers and signatures: the targets."""

import contextlib
from collections.abc import Iterable

from hardboot.base.errors import InputError
from hardboot.formats import elf
from hardboot.formats.archives import sparse
from hardboot.formats.avb import vbmeta as avb
from hardboot.formats.avb import verify as avbcheck
from hardboot.formats.boot import (
    bootconfig,
    bootimg,
    krnl,
    rsce,
    sonyelf,
    tail,
    tail_renewal,
    vendorboot,
    wrappers,
)
from hardboot.formats.boot.image_end import image_end
from hardboot.formats.kernels import atags, uimage
from hardboot.formats.reading import Data, view

LIMIT = 8 << 20  # bytes a target unpacks


def same_bytes(chunks: Iterable[Data], data: bytes) -> None:
    """Check that what was built are the bytes that were read."""
    if b"".join(chunks) != data:
        raise AssertionError("it does not build back to the same bytes")


def boot_image(data: bytes) -> None:
    bootimg.parse_cmdline(data)
    image = bootimg.parse(data)
    bootimg.check_id(image)
    same_bytes(bootimg.build(image), data)
    if image.tail_offset != min(image.end, len(data)):
        raise AssertionError("the end is not where the tail begins")
    b"".join(bootimg.build(bootimg.renew(image)))


def vendor_boot(data: bytes) -> None:
    image = vendorboot.parse(data)
    same_bytes(vendorboot.build(image), data)
    if image.tail_offset != min(image.end, len(data)):
        raise AssertionError("the end is not where the tail begins")


def boot_configs(data: bytes) -> None:
    rest, text = bootconfig.split(data)
    if text and bytes(rest) != data[: len(rest)]:
        raise AssertionError("the ramdisk is not what is in front of it")
    entries = bootconfig.parse(text or bootconfig.decode(data))
    shown = {key: values or ("",) for key, values in entries.items()}
    if bootconfig.parse(bootconfig.build(entries)) != shown:
        raise AssertionError("what is written is not read again")


def image_ends(data: bytes) -> None:
    end = image_end(data[: max(bootimg.PAGE_SIZES)])
    if end is not None and end < 0:
        raise AssertionError("an image ends before it begins")


def elf_headers(data: bytes) -> None:
    found = elf.parse("x", data)
    for index in range(len(found.program_headers)):
        with contextlib.suppress(InputError):
            found.span(index)
    if found.little_endian and found.header.build() != data[: found.header.SIZE]:
        raise AssertionError("the header does not build back to the same bytes")


def sony_elf(data: bytes) -> None:
    image = sonyelf.parse(data)
    same_bytes(sonyelf.build(image), data)
    longer: dict[str, Data] = {part.name: bytes(part.data) + b"longer" for part in image.parts}
    b"".join(sonyelf.build(sonyelf.with_parts(image, longer)))


def sparse_image(data: bytes) -> None:
    image = sparse.parse(data)
    size = 0
    for piece in sparse.expand(image):
        size += len(piece)
        if size > LIMIT:
            return
    if size != image.size:
        raise AssertionError("it does not expand to the size it states")
    raw = b"".join(sparse.expand(image))
    same_bytes(sparse.restore(b"".join(sparse.skeleton(image, data)), raw), data)
    same_bytes(sparse.expand(sparse.parse(b"".join(sparse.build(raw, image.block_size)))), raw)


def signatures(data: bytes) -> None:
    size = sum(item.size for item in tail.items(data, 0))
    if size != len(data):
        raise AssertionError("the tail is not covered")
    tail.items(data, 4096)
    tail_renewal.renew(data, 4096, 8192, grow=True)
    tail_renewal.renew(data, 8192, 4096)
    avb.parse_footer(data)
    found = avb.parse_vbmeta(data)
    avbcheck.check_signature(found)
    for one in found.descriptors:
        avbcheck.compute_hash(one, data)


def boot_parameters(data: bytes) -> None:
    found = atags.parse(data)
    atags.cmdline(found)
    if not data.startswith(atags.build(found)[:-8]):
        raise AssertionError("it does not build back to the same bytes")


def maker_headers(data: bytes) -> None:
    seen = view(data)
    for lead in wrappers.leads(seen):
        wrappers.find_loader(seen[lead:])
    mtk = wrappers.split_mtk(data)
    if mtk:
        same_bytes((mtk.around(mtk.data),), data)
        mtk.around(b"x")
    if wrappers.is_dhtb(data):
        wrappers.read_dhtb(seen)
    if wrappers.has_dhtb_behind(seen):
        wrappers.read_dhtb_behind(seen)


def sized_images(data: bytes) -> None:
    with contextlib.suppress(InputError):
        found = krnl.parse(data)
        krnl.checksum(found.content)
        if krnl.build(found.magic, found.content)[:-4] != data[: found.end - 4]:
            raise AssertionError("it does not build back to the same bytes")
    outer = uimage.parse(data)
    uimage.with_content(data, b"".join(map(bytes, outer.parts)))


def resources(data: bytes) -> None:
    image = rsce.parse(data)
    for entry, content in zip(image.entries, image.contents, strict=True):
        entry.matches(content)
    if sum(entry.size for entry in image.entries) < LIMIT:
        rsce.parse(rsce.build(image, [entry.name for entry in image.entries], image.contents))

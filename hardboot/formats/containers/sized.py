"""Images with one file behind a header that states its size and checksum: KRNL, U-Boot's without a kernel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain

from hardboot.base.errors import InputError
from hardboot.formats import sniff
from hardboot.formats.archives import compression
from hardboot.formats.boot import krnl, tail, tail_renewal
from hardboot.formats.boot.paged import Part
from hardboot.formats.containers.model import Changes, Container, Rebuilt
from hardboot.formats.kernels import uimage
from hardboot.formats.reading import Data, windows


@dataclass(frozen=True)
class _Format:
    """One format.

    Attributes:
        content: Return the file in an image.
        build: Return the image around another file; the header is the one in front of the old file.
        lead: Bytes of the header in front of the file.
        behind: Bytes of the image behind the file in it.
    """

    content: Callable[[memoryview], memoryview]
    build: Callable[[memoryview, Data], bytes]
    lead: int
    behind: int = 0


def _rockchip_content(data: memoryview) -> memoryview:
    return krnl.parse(data).content


def _build_rockchip(old: memoryview, content: Data) -> bytes:
    return krnl.build(krnl.KrnlHeader.parse(old).magic, content)


def _uboot_content(data: memoryview) -> memoryview:
    return uimage.parse(data).parts[0]


_FORMATS = {
    sniff.ROCKCHIP_IMAGE: _Format(
        _rockchip_content, _build_rockchip, krnl.KrnlHeader.SIZE, krnl.KrnlChecksum.SIZE
    ),
    **dict.fromkeys(
        (sniff.UBOOT_RAMDISK, sniff.UBOOT_OTHER),
        _Format(_uboot_content, uimage.with_content, uimage.HEADER_SIZE),
    ),
}
KINDS = tuple(_FORMATS)
_NAMES = {
    sniff.CPIO: "ramdisk",
    sniff.TEXT: "parameter",
    sniff.ZIMAGE: "kernel",
    sniff.ARM64_IMAGE: "kernel",
    sniff.UIMAGE: "kernel",
}


def open_sized(kind: str, data: memoryview, base: int = 0) -> Container:
    """Take an image of one of KINDS apart.

    Args:
        kind: As `sniff` names it.
        data: The image.
        base: Bytes in front of `data` in the file, from whose start an AVB footer counts.

    Raises:
        InputError: If it is damaged.
    """
    image_format = _FORMATS[kind]
    content = image_format.content(data)
    part = Part(_name(kind, content), image_format.lead, content)
    return sized_container(kind, (part,), data, base)


def sized_container(kind: str, parts: tuple[Part, ...], data: memoryview, base: int = 0) -> Container:
    """Return the container of an image of one of KINDS with that one part.

    Args:
        kind: As `sniff` names it.
        parts: The file in it.
        data: The image.
        base: Bytes in front of `data` in the file, from whose start an AVB footer counts.
    """
    [part] = parts
    image_format = _FORMATS[kind]
    end = part.offset + len(part.data) + image_format.behind
    rest = data[end:]

    def rebuild(changes: Changes) -> Rebuilt:
        image = image_format.build(data, changes.parts[part.name])
        renewed = tail_renewal.renew(rest, base + end, base + len(image), grow=changes.grow)
        return Rebuilt(chain(windows(image), windows(renewed.data)), len(image) - end, renewed.overwritten)

    return Container(kind, {}, parts, {}, signed=tail.is_signed(rest, base + end), rebuild=rebuild)


def _name(kind: str, content: memoryview) -> str:
    if kind == sniff.UBOOT_RAMDISK:
        return "ramdisk"
    try:
        inner = sniff.sniff(compression.peek(content))
    except InputError:  # damaged, and kept as it is
        inner = None
    return _NAMES.get(inner or "", "content")

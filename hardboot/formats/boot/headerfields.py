"""Write the header page of a boot image: its fields over what was read, so that other bytes stay."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from hardboot.formats.boot.bootheader import (
    BOOT_ARGS_SIZE,
    BOOT_EXTRA_ARGS_SIZE,
    BOOT_MAGIC,
    LAST_VERSION,
    V3_PAGE_SIZE,
    VERSION_OFFSET,
    WHAT,
    BootHeader,
    BootHeaderPxa,
    BootHeaderV0,
    BootHeaderV1,
    BootHeaderV2,
    BootHeaderV3,
    BootHeaderV4,
    check_page_size,
    read_cmdline,
)
from hardboot.formats.boot.model import BootImage
from hardboot.formats.reading import malformed, view
from hardboot.formats.text_field import kept_text, stored_text

_Addressed = TypeVar("_Addressed", BootHeaderV0, BootHeaderPxa)


def build_header_page(image: BootImage) -> bytes:
    """Return the header page of `image`.

    Raises:
        InputError: If a field does not fit into the header, or the header into its page.
    """
    kind = image.header_type
    offset = 0x24 if issubclass(kind, BootHeaderV3) else kind.offset_of("page_size")
    check_page_size(WHAT, image.page_size, offset)
    if issubclass(kind, BootHeaderV3) and image.page_size != V3_PAGE_SIZE:
        raise malformed(WHAT, "page_size", offset, f"{image.page_size}, from v3 on it is {V3_PAGE_SIZE}")
    _check_dt(image)
    old = image.header or bytes(image.page_size)
    was = kind.parse(view(old[image.header_offset :].ljust(kind.SIZE, b"\0")))
    header = _header(image, was).build()
    room = image.page_size - image.header_offset
    if any(header[room:]):
        problem = f"it does not fit into {room} bytes"
        raise malformed(WHAT, "header", 0, problem, fix="Shorten the command line.")
    header = header[:room]
    page = old[: image.header_offset] + header + old[image.header_offset + len(header) :]
    page = page.ljust(image.page_size, b"\0")[: image.page_size]
    truncated = len(old) < image.page_size and not any(len(part.data) for part in image.parts)
    return page[: max(len(old), image.header_offset + len(header))] if truncated else page


def _check_dt(image: BootImage) -> None:
    size = len(image.dt)
    if size and not image.pxa and (image.header_version or size <= LAST_VERSION):
        problem = (
            f"{size} bytes in a v{image.header_version} image; only v0 has one, above {LAST_VERSION} bytes"
        )
        raise malformed(WHAT, "dt_size", VERSION_OFFSET, problem, fix="Remove the dt part.")


def _header(image: BootImage, was: BootHeader) -> BootHeader:
    """Return the header of `image`; fields that BootImage does not have stay as in `was`."""
    if isinstance(was, BootHeaderV3):
        return _header_v3(image, was)
    if isinstance(was, BootHeaderPxa):
        return replace(_addressed(image, was), dt_size=len(image.dt))
    header = replace(_addressed(image, was), header_version=image.header_version, os_version=image.os_version)
    if isinstance(header, BootHeaderV1) and isinstance(was, BootHeaderV1):
        header = replace(
            header,
            recovery_dtbo_size=len(image.recovery_dtbo),
            recovery_dtbo_offset=image.recovery_dtbo_offset,
            header_size=_header_size(was),
        )
    if isinstance(header, BootHeaderV2):
        header = replace(header, dtb_size=len(image.dtb), dtb_addr=image.dtb_addr)
    return replace(header, header_version=len(image.dt)) if len(image.dt) else header


def _header_size(was: BootHeaderV1 | BootHeaderV3) -> int:
    """Return the size a header states: what was read, which may be any number, or else its own."""
    return was.header_size if was.magic == BOOT_MAGIC else was.SIZE


def _header_v3(image: BootImage, was: BootHeaderV3) -> BootHeaderV3:
    header = replace(
        was,
        magic=BOOT_MAGIC,
        kernel_size=len(image.kernel),
        ramdisk_size=len(image.ramdisk),
        os_version=image.os_version,
        header_size=_header_size(was),
        header_version=image.header_version,
        cmdline=_stored_cmdline(image, was) or was.cmdline,
    )
    if isinstance(header, BootHeaderV4):
        header = replace(header, signature_size=len(image.signature))
    return header


def _addressed(image: BootImage, was: _Addressed) -> _Addressed:
    cmdline, extra_cmdline = was.cmdline, was.extra_cmdline
    both = _stored_cmdline(image, was)
    if both:
        # Bootloaders look for a NUL, or put one there and lose a byte; newer mkbootimg leaves room for it.
        if not any(both[-2:]):
            both = both[: BOOT_ARGS_SIZE - 1] + b"\0" + both[BOOT_ARGS_SIZE - 1 : -1]
        cmdline, extra_cmdline = both[:BOOT_ARGS_SIZE], both[BOOT_ARGS_SIZE:]
    return replace(
        was,
        magic=BOOT_MAGIC,
        kernel_size=len(image.kernel),
        kernel_addr=image.kernel_addr,
        ramdisk_size=len(image.ramdisk),
        ramdisk_addr=image.ramdisk_addr,
        second_size=len(image.second),
        second_addr=image.second_addr,
        tags_addr=image.tags_addr,
        page_size=image.page_size,
        name=kept_text(was.name, image.name, WHAT, "name", was.offset_of("name")),
        cmdline=cmdline,
        id=image.id,
        extra_cmdline=extra_cmdline,
    )


def _stored_cmdline(image: BootImage, was: BootHeader) -> bytes | None:
    """Return the command line as stored; None if `was` says the same, so that it stays byte for byte."""
    if read_cmdline(was) == image.cmdline:
        return None
    size = BOOT_ARGS_SIZE + BOOT_EXTRA_ARGS_SIZE
    return stored_text(image.cmdline, WHAT, "cmdline", was.offset_of("cmdline"), size)

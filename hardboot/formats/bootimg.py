"""Android boot images with header v0, v1 and v2: read, check, write.

Source: AOSP system/tools/mkbootimg, include/bootimg/bootimg.h and mkbootimg.py.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from construct import Bytes, Const, ConstructError, If, Int32ul, Int64ul, Struct, this

from hardboot.errors import InputError
from hardboot.formats.reading import Data, malformed, u32, view
from hardboot.formats.sniff import BOOT_IMAGE, VENDOR_BOOT_IMAGE, described, sniff
from hardboot.memory import align_up

BOOT_MAGIC = b"ANDROID!"
BOOT_NAME_SIZE = 16
BOOT_ARGS_SIZE = 512
BOOT_EXTRA_ARGS_SIZE = 1024
PAGE_SIZES = (2048, 4096, 8192, 16384)
HEADER_SIZES = (1632, 1648, 1660)  # of v0, v1, v2, in bytes
LAST_VERSION = 8  # a larger number in the same word is the size of a legacy Qualcomm device tree table

_WHAT = "boot image"
_VERSION_OFFSET = 0x28  # in every version
_HEADER = Struct(
    "magic" / Const(BOOT_MAGIC),
    "kernel_size" / Int32ul,
    "kernel_addr" / Int32ul,
    "ramdisk_size" / Int32ul,
    "ramdisk_addr" / Int32ul,
    "second_size" / Int32ul,
    "second_addr" / Int32ul,
    "tags_addr" / Int32ul,
    "page_size" / Int32ul,
    "header_version" / Int32ul,
    "os_version" / Int32ul,
    "name" / Bytes(BOOT_NAME_SIZE),
    "cmdline" / Bytes(BOOT_ARGS_SIZE),
    "id" / Bytes(32),
    "extra_cmdline" / Bytes(BOOT_EXTRA_ARGS_SIZE),
    "recovery_dtbo_size" / If(this.header_version >= 1, Int32ul),
    "recovery_dtbo_offset" / If(this.header_version >= 1, Int64ul),
    "header_size" / If(this.header_version >= 1, Int32ul),
    "dtb_size" / If(this.header_version >= 2, Int32ul),
    "dtb_addr" / If(this.header_version >= 2, Int64ul),
)
_PART_SINCE = {"kernel": 0, "ramdisk": 0, "second": 0, "recovery_dtbo": 1, "dtb": 2}  # in file order
_SIZE_OFFSETS = {"kernel": 0x8, "ramdisk": 0x10, "second": 0x18, "recovery_dtbo": 0x660, "dtb": 0x670}

_COPIED = (  # fields that stand in the header as they stand in BootImage
    *("kernel_addr", "ramdisk_addr", "second_addr", "tags_addr", "dtb_addr", "recovery_dtbo_offset"),
    *("page_size", "header_version", "os_version", "id"),
)
_CHUNK = 1 << 20  # bytes

Algorithm = Literal["sha1", "sha256"]


class Part(NamedTuple):
    """One part of a boot image: where it lies in the file, and its bytes."""

    name: str
    offset: int
    data: Data


@dataclass(frozen=True)
class BootImage:
    """A boot image. Parts that are not there are empty; addresses are physical, sizes in bytes.

    Attributes:
        recovery_dtbo_offset: Where the header says recovery_dtbo lies in the file; see `renew`.
        os_version: Android version and security patch level as stored; see the two properties.
        cmdline: Kernel command line, at most 1536 bytes; bytes that are not UTF-8 are kept as surrogates.
        id: Usually a hash over the parts: 20 bytes SHA-1 and zeros, or 32 bytes SHA-256; see `check_id`.
        header: The header page as it was read; `build` keeps what no field above says, such as vendor marks.
        trailing_size: Bytes that followed the last part when it was read; `build` does not write them.
    """

    kernel: Data = field(repr=False)
    ramdisk: Data = field(repr=False, default=b"")
    second: Data = field(repr=False, default=b"")
    recovery_dtbo: Data = field(repr=False, default=b"")
    dtb: Data = field(repr=False, default=b"")
    header_version: int = 0
    kernel_addr: int = 0
    ramdisk_addr: int = 0
    second_addr: int = 0
    tags_addr: int = 0
    dtb_addr: int = 0
    recovery_dtbo_offset: int = 0
    page_size: int = 2048
    os_version: int = 0
    name: str = ""
    cmdline: str = ""
    id: bytes = bytes(32)
    header: bytes = field(repr=False, compare=False, default=b"")
    trailing_size: int = field(compare=False, default=0)

    @property
    def os_version_text(self) -> str | None:
        """The Android version, such as "13.0.0"; None if it is not stated."""
        version = self.os_version >> 11
        return f"{version >> 14}.{version >> 7 & 0x7F}.{version & 0x7F}" if version else None

    @property
    def os_patch_level(self) -> str | None:
        """The security patch level, such as "2023-05"; None if it is not stated."""
        level = self.os_version & 0x7FF
        return f"{2000 + (level >> 4)}-{level & 0xF:02}" if level else None

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts this header version knows, in file order, empty ones too."""
        found = []
        offset = self.page_size
        for name, since in _PART_SINCE.items():
            if since <= self.header_version:
                data: Data = getattr(self, name)
                found.append(Part(name, offset, data))
                offset += align_up(len(data), self.page_size)
        return tuple(found)


def _text(raw: bytes) -> str:
    """A text field up to its NUL, so that `_stored` gives the same bytes."""
    return raw.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def parse(data: Data) -> BootImage:
    """Read a boot image; its parts are views into `data`, nothing of them is read.

    Raises:
        InputError: If it is something else, a header version hardboot does not read, or cut off.
    """
    seen = view(data)
    if sniff(seen) != BOOT_IMAGE:
        raise _not_a_boot_image(seen)
    if len(seen) < HEADER_SIZES[0]:
        raise malformed(_WHAT, "header", 0, f"{len(seen)} bytes, it has {HEADER_SIZES[0]}")
    version = u32(seen, _VERSION_OFFSET)
    if version >= len(HEADER_SIZES):
        raise _unknown_version(version)
    if len(seen) < HEADER_SIZES[version]:
        raise malformed(_WHAT, "header", 0, f"{len(seen)} bytes, v{version} has {HEADER_SIZES[version]}")
    head = _HEADER.parse(bytes(seen[: HEADER_SIZES[version]]))
    if head.page_size not in PAGE_SIZES:
        raise _wrong_page_size(head.page_size)
    if version and head.header_size != HEADER_SIZES[version]:
        problem = f"{head.header_size} bytes, v{version} has {HEADER_SIZES[version]}"
        raise malformed(_WHAT, "header_size", 0x66C, problem)
    parts, end = _read_parts(seen, head)
    return BootImage(
        **parts,
        header_version=version,
        kernel_addr=head.kernel_addr,
        ramdisk_addr=head.ramdisk_addr,
        second_addr=head.second_addr,
        tags_addr=head.tags_addr,
        dtb_addr=head.dtb_addr or 0,
        recovery_dtbo_offset=head.recovery_dtbo_offset or 0,
        page_size=head.page_size,
        os_version=head.os_version,
        name=_text(head.name),
        cmdline=_cmdline(head.cmdline, head.extra_cmdline),
        id=head.id,
        header=bytes(seen[: head.page_size]).ljust(head.page_size, b"\0"),
        trailing_size=max(0, len(seen) - end),
    )


def parse_cmdline(page: Data) -> str:
    """The kernel command line in the header page of an image whose parts are not at hand.

    Raises:
        InputError: If `page` is no boot image header v0 to v2, or cut off.
    """
    seen = view(page)
    if sniff(seen) != BOOT_IMAGE:
        raise _not_a_boot_image(seen)
    if len(seen) < HEADER_SIZES[0]:
        raise malformed(_WHAT, "header", 0, f"{len(seen)} bytes, it has {HEADER_SIZES[0]}")
    version = u32(seen, _VERSION_OFFSET)
    if 2 < version <= LAST_VERSION:
        raise _unknown_version(version)
    return _cmdline(
        bytes(seen[0x40 : 0x40 + BOOT_ARGS_SIZE]), bytes(seen[0x260 : 0x260 + BOOT_EXTRA_ARGS_SIZE])
    )


def _cmdline(first: bytes, extra: bytes) -> str:
    """Bootloaders append the extra command line directly to the first, wherever that one ends."""
    return _text(first.partition(b"\0")[0] + extra.partition(b"\0")[0])


def _read_parts(data: memoryview, head: Any) -> tuple[dict[str, memoryview], int]:
    """The parts by name, and where the last one ends with its padding."""
    parts = {}
    offset = head.page_size
    for name, since in _PART_SINCE.items():
        if since > head.header_version:
            continue
        size = head[f"{name}_size"]
        if offset + size > len(data) and size:
            problem = f"{size} bytes from {offset:#x}, the file ends at {len(data):#x}"
            raise malformed(_WHAT, f"{name}_size", _SIZE_OFFSETS[name], problem)
        parts[name] = data[offset : offset + size]
        offset += align_up(size, head.page_size)
    return parts, offset


def _not_a_boot_image(data: memoryview) -> InputError:
    what = described(data)
    fix = "Give a boot image (boot.img, recovery.img)."
    if sniff(data) == VENDOR_BOOT_IMAGE:
        fix = "Give an image with header v0, v1 or v2; v3 and v4 (vendor_boot) are not supported yet."
    return malformed(_WHAT, "magic", 0, f"this is {what}, not an {BOOT_IMAGE}", fix=fix)


def _unknown_version(version: int) -> InputError:
    if version > LAST_VERSION:
        problem = f"{version}: a legacy Qualcomm image with a device tree table (QCDT) of that many bytes"
    else:
        problem = f"v{version}"
    fix = "Give an image with header v0, v1 or v2; others are not supported yet."
    return malformed(_WHAT, "header_version", _VERSION_OFFSET, problem, fix=fix)


def _wrong_page_size(value: int) -> InputError:
    if value >= 0x02000000:  # an address: Samsung's PXA header has another field here
        fix = "Give an image with the standard header; Samsung's PXA header is not supported yet."
        return malformed(_WHAT, "page_size", 0x24, f"{value:#x}: this is a Samsung PXA header", fix=fix)
    return malformed(_WHAT, "page_size", 0x24, f"{value}, it must be one of {PAGE_SIZES}")


def build(image: BootImage) -> Iterator[bytes]:
    """The file, in chunks; sizes are computed, everything else is written as it stands (see `renew`).

    Raises:
        InputError: If a field does not fit into the header; before the first chunk.
    """
    page = _header_page(image)
    return _chunks(page, image)


def _chunks(page: bytes, image: BootImage) -> Iterator[bytes]:
    yield page
    for part in image.parts:
        data = view(part.data)
        for start in range(0, len(data), _CHUNK):
            yield bytes(data[start : start + _CHUNK])
        padding = -len(data) % image.page_size
        if padding:
            yield bytes(padding)


def _header_page(image: BootImage) -> bytes:
    """The header page: what was read, under the fields as they are now."""
    version = image.header_version
    if version not in range(len(HEADER_SIZES)):
        raise _unknown_version(version)
    if image.page_size not in PAGE_SIZES:
        raise _wrong_page_size(image.page_size)
    old = image.header if len(image.header) == image.page_size else bytes(image.page_size)
    fields = {name: getattr(image, name) for name in _COPIED}
    fields |= {f"{name}_size": len(getattr(image, name)) for name in _PART_SINCE}
    fields |= {"magic": BOOT_MAGIC, "header_size": HEADER_SIZES[version]}
    fields |= _text_fields(image, old)
    try:
        header: bytes = _HEADER.build(fields)
    except ConstructError as error:
        field_name = (error.path or "a field").rpartition(" -> ")[2]
        raise malformed(_WHAT, field_name, 0, f"{fields.get(field_name)!r} does not fit") from error
    return header + old[len(header) :]


def _text_fields(image: BootImage, old: bytes) -> dict[str, bytes]:
    """Name and command line as stored; what was read stays byte for byte if its meaning did not change."""
    name, first, extra = (
        old[start : start + size]
        for start, size in ((0x30, BOOT_NAME_SIZE), (0x40, BOOT_ARGS_SIZE), (0x260, BOOT_EXTRA_ARGS_SIZE))
    )
    if _text(name) != image.name:
        name = _stored(image.name, "name", 0x30, BOOT_NAME_SIZE)
    if _cmdline(first, extra) != image.cmdline:
        both = _stored(image.cmdline, "cmdline", 0x40, BOOT_ARGS_SIZE + BOOT_EXTRA_ARGS_SIZE)
        first, extra = both[:BOOT_ARGS_SIZE], both[BOOT_ARGS_SIZE:]
    return {"name": name, "cmdline": first, "extra_cmdline": extra}


def _stored(text: str, field_name: str, offset: int, size: int) -> bytes:
    try:
        raw = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise malformed(_WHAT, field_name, offset, f"{error.reason}: {text!r}") from error
    if len(raw) > size:
        fix = "Make it shorter."
        raise malformed(_WHAT, field_name, offset, f"{len(raw)} bytes, the limit is {size}", fix=fix)
    if b"\0" in raw:
        raise malformed(_WHAT, field_name, offset, "it has a NUL character", fix="Take it out.")
    return raw.ljust(size, b"\0")


def compute_id(image: BootImage, algorithm: Algorithm) -> bytes:
    """The id `mkbootimg` writes: a hash over every part and its size, padded to 32 bytes. Reads all parts."""
    digest = hashlib.new(algorithm)
    for part in image.parts:
        digest.update(part.data)
        digest.update(len(part.data).to_bytes(4, "little"))
    return digest.digest().ljust(32, b"\0")


def check_id(image: BootImage) -> Algorithm | None:
    """The algorithm whose hash over the parts is the image's id; None if none is. Reads all parts."""
    algorithms: tuple[Algorithm, ...] = ("sha256",) if any(image.id[20:]) else ("sha1", "sha256")
    for algorithm in algorithms:
        if compute_id(image, algorithm) == image.id:
            return algorithm
    return None


def renew(image: BootImage, algorithm: Algorithm = "sha1") -> BootImage:
    """`image` with the id and the recovery_dtbo_offset that fit its parts, as `mkbootimg` writes them."""
    offsets = {part.name: part.offset for part in image.parts if part.data}
    return replace(
        image,
        id=compute_id(image, algorithm),
        recovery_dtbo_offset=offsets.get("recovery_dtbo", 0),
    )

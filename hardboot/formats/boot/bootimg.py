"""Android boot images with header v0 to v4 or Samsung's PXA header: read, check, write.

Sources: AOSP system/tools/mkbootimg, include/bootimg/bootimg.h and mkbootimg.py; Qualcomm's mkbootimg for a
device tree table whose size stands in the version word; Magisk's bootimg.cpp for PXA and Amonet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from hardboot.base.sizes import align_up
from hardboot.formats.boot import bootid, wrappers
from hardboot.formats.boot import tail as tails
from hardboot.formats.boot.bootheader import (
    BOOT_ARGS_SIZE,
    BOOT_EXTRA_ARGS_SIZE,
    BOOT_MAGIC,
    LAST_VERSION,
    LAYOUTS,
    PARTS,
    PXA,
    V3_PAGE_SIZE,
    VERSION_OFFSET,
    WHAT,
    os_patch_level_text,
    os_version_text,
)
from hardboot.formats.boot.bootid import Algorithm
from hardboot.formats.boot.headerpage import cmdline, find_header, parse_cmdline, read_header, unknown_version
from hardboot.formats.boot.paged import Frame, Part, Slot, lay, take
from hardboot.formats.header import Layout, Values
from hardboot.formats.reading import Data, malformed, view, windows
from hardboot.formats.text_field import kept_text, read_text, stored_text

__all__ = ["BOOT_MAGIC", "PAGE_SIZES", "Algorithm", "BootImage", "Part", "build", "parse", "parse_cmdline"]

# AOSP's mkbootimg writes the first four; DualBootPatcher, libmbbootimg, knows phones with the others.
PAGE_SIZES = (2048, 4096, 8192, 16384, 32768, 65536, 131072)

_COPIED = (  # fields that stand in the header as they stand in BootImage
    *("kernel_addr", "ramdisk_addr", "second_addr", "tags_addr", "dtb_addr", "recovery_dtbo_offset"),
    *("page_size", "os_version", "id"),
)


@dataclass(frozen=True, kw_only=True)
class BootImage(Frame):
    """A boot image. Parts that are not there are empty; addresses are physical, sizes in bytes.

    Attributes:
        dt: Device tree table of older phones, behind `second`; its size stands where v1 has its version.
        signature: v4: an AVB vbmeta image over the boot image.
        pxa: The header is Samsung's PXA variant; `header_version` is 0.
        recovery_dtbo_offset: Where the header says recovery_dtbo lies in the file; see `renew`.
        os_version: Android version and security patch level as stored; see the two properties.
        cmdline: Kernel command line, at most 1536 bytes; bytes that are not UTF-8 are kept as surrogates.
        id: v0 to v2: usually a hash over the parts: 20 bytes SHA-1 and zeros, or 32 bytes SHA-256.
        header_offset: Where the header lies in its page: behind Amonet's microloader, else 0.
        lead: What the file has in front of the image, a DHTB header or a loader; offsets count from its end.
    """

    kernel: Data = field(repr=False)
    ramdisk: Data = field(repr=False, default=b"")
    second: Data = field(repr=False, default=b"")
    dt: Data = field(repr=False, default=b"")
    recovery_dtbo: Data = field(repr=False, default=b"")
    dtb: Data = field(repr=False, default=b"")
    signature: Data = field(repr=False, default=b"")
    header_version: int = 0
    pxa: bool = False
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
    header_offset: int = field(compare=False, default=0)
    lead: bytes = field(repr=False, compare=False, default=b"")

    @property
    def os_version_text(self) -> str | None:
        """The Android version, such as "13.0.0"; None if it is not stated."""
        return os_version_text(self.os_version)

    @property
    def os_patch_level(self) -> str | None:
        """The security patch level, such as "2023-05"; None if it is not stated."""
        return os_patch_level_text(self.os_version)

    @property
    def layout(self) -> Layout:
        """The header's fields.

        Raises:
            InputError: If there is no such header version.
        """
        if self.header_version not in range(len(LAYOUTS)):
            raise unknown_version(self.header_version)
        return PXA if self.pxa else LAYOUTS[self.header_version]

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts this header version knows, in file order, empty ones too; an empty dt is left out."""
        found = []
        offset = self.page_size
        for name in PARTS[self.header_version]:
            data: Data = getattr(self, name)
            if name != "dt" or len(data):
                found.append(Part(name, offset, data))
                offset += align_up(len(data), self.page_size)
        return tuple(found)

    @property
    def end(self) -> int:
        """Where the last part ends with its padding, from the start of the file."""
        size = len(self.lead) + self.page_size
        return size + sum(align_up(len(part.data), self.page_size) for part in self.parts) - self.missing


def parse(data: Data) -> BootImage:
    """Read a boot image; its parts are views into `data`, nothing of them is read.

    Raises:
        InputError: If it is something else, a header version hardboot does not read, or cut off.
    """
    whole = view(data)
    lead, header_offset = find_header(whole)
    seen = whole[lead:]
    layout, version, head = read_header(seen, header_offset)
    page_size = head.get("page_size", V3_PAGE_SIZE)
    if page_size not in PAGE_SIZES:
        raise malformed(WHAT, "page_size", layout.offsets["page_size"], _wrong_page_size(page_size))
    slots = []
    for name in PARTS[version]:
        size_field = f"{name}_size"
        if name == "dt" and size_field not in layout.offsets:
            if head.get("header_version", 0) > LAST_VERSION:
                slots.append(Slot(name, head["header_version"], "dt_size", VERSION_OFFSET))
        else:
            slots.append(Slot(name, head[size_field], size_field, layout.offsets[size_field]))
    taken = take(seen, WHAT, page_size, page_size, slots)
    copied: Values = {name: head[name] for name in _COPIED if name in head and name != "page_size"}
    parts: Values = {"kernel": b"", **taken.parts}
    return BootImage(
        **parts,
        **copied,
        header_version=version,
        pxa=layout is PXA,
        page_size=page_size,
        name=read_text(head.get("name", b"")),
        cmdline=cmdline(head),
        header=bytes(seen[:page_size]),
        header_offset=header_offset,
        lead=bytes(whole[:lead]),
        paddings=taken.paddings,
        missing=taken.missing if any(len(part) for part in taken.parts.values()) else 0,
        tail=seen[taken.end :],
        tail_offset=lead + taken.end,
    )


def _wrong_page_size(value: int) -> str:
    return f"{value}, it must be one of {PAGE_SIZES}"


def build(image: BootImage) -> Iterator[Data]:
    """The file, in chunks; sizes are computed, everything else is written as it stands (see `renew`).

    Raises:
        InputError: If a field does not fit into the header; before the first chunk.
    """
    return _chunks(_header_page(image), image)


def _chunks(page: bytes, image: BootImage) -> Iterator[Data]:
    yield image.lead
    yield page
    yield from lay(image.parts, image.paddings, image.missing, image.page_size)
    yield from windows(image.tail)


def _header_page(image: BootImage) -> bytes:
    """The header page: what was read, under the fields as they are now."""
    layout, version = image.layout, image.header_version
    if image.page_size not in PAGE_SIZES or (version >= 3 and image.page_size != V3_PAGE_SIZE):
        raise malformed(WHAT, "page_size", 0x24, _wrong_page_size(image.page_size))
    old = image.header or bytes(image.page_size)
    was = layout.parse(view(old[image.header_offset :].ljust(layout.size, b"\0")))
    fields = {**was, **{name: getattr(image, name) for name in _COPIED if name in layout.offsets}}
    fields |= {f"{part.name}_size": len(part.data) for part in image.parts}
    fields |= {name: 0 for name in ("dt_size",) if not len(image.dt)}
    fields |= {"magic": BOOT_MAGIC, "header_version": version}
    was_read = was["magic"] == BOOT_MAGIC  # v3 may state any size: it stays
    fields["header_size"] = was["header_size"] if was_read and version >= 3 else layout.size
    if len(image.dt) and not image.pxa:
        if version or len(image.dt) <= LAST_VERSION:
            problem = (
                f"{len(image.dt)} bytes in a v{version} image; only v0 has one, above {LAST_VERSION} bytes"
            )
            raise malformed(WHAT, "dt_size", VERSION_OFFSET, problem, fix="Take the dt part out.")
        fields["header_version"] = len(image.dt)
    fields |= _text_fields(image, layout, was)
    header = layout.build({name: fields[name] for name in layout.names})
    room = image.page_size - image.header_offset
    if any(header[room:]):
        raise malformed(
            WHAT, "header", 0, f"it does not fit into {room} bytes", fix="Shorten the command line."
        )
    header = header[:room]
    page = old[: image.header_offset] + header + old[image.header_offset + len(header) :]
    whole = page.ljust(image.page_size, b"\0")[: image.page_size]
    cut = len(old) < image.page_size and not any(len(part.data) for part in image.parts)
    return whole[: max(len(old), image.header_offset + len(header))] if cut else whole


def _text_fields(image: BootImage, layout: Layout, was: Values) -> Values:
    """Name and command line as stored; what was read stays byte for byte if its meaning did not change."""
    stored: Values = {}
    if "name" in was:
        stored["name"] = kept_text(was["name"], image.name, WHAT, "name", layout.offsets["name"])
    if cmdline(was) != image.cmdline:
        size = BOOT_ARGS_SIZE + BOOT_EXTRA_ARGS_SIZE
        both = stored_text(image.cmdline, WHAT, "cmdline", layout.offsets["cmdline"], size)
        first = len(was["cmdline"])
        # Bootloaders look for a NUL, or put one there and lose a byte; newer mkbootimg leaves room for it.
        if "extra_cmdline" in was and not any(both[-2:]):
            both = both[: first - 1] + b"\0" + both[first - 1 : -1]
        stored |= {"cmdline": both[:first], "extra_cmdline": both[first:]}
    return stored


def has_id(image: BootImage) -> bool:
    """True if the header has a field for an id: v0 to v2."""
    return "id" in image.layout.offsets


def compute_id(image: BootImage, algorithm: Algorithm) -> bytes:
    """The id `mkbootimg` writes: a hash over every part and its size, padded to 32 bytes. Reads all parts.

    Zeros for v3 and v4, which have none.
    """
    if not has_id(image):
        return bytes(32)
    ids = bootid.compute_ids(image.parts, "sha256" if algorithm.startswith("sha256") else "sha1")
    return ids.get(algorithm) or next(iter(ids.values()))


def check_id(image: BootImage) -> Algorithm | None:
    """The algorithm whose hash over the parts is the image's id; None if none is. Reads all parts."""
    name = bootid.hash_of(image.id) if has_id(image) else None
    return bootid.found_algorithm(image.id, bootid.compute_ids(image.parts, name)) if name else None


def renew(image: BootImage, algorithm: Algorithm | None = "sha1") -> BootImage:
    """`image` with all that depends on its parts: id, recovery_dtbo_offset, footer, DHTB checksum.

    Args:
        image: A changed image.
        algorithm: For the id; None keeps it as it is.
    """
    offsets = {part.name: part.offset for part in image.parts if part.data}
    changed = replace(
        image,
        id=image.id if algorithm is None else compute_id(image, algorithm),
        recovery_dtbo_offset=offsets.get("recovery_dtbo", 0),
    )
    changed = replace(changed, tail=tails.renew(image.tail, image.tail_offset, changed.end))
    if wrappers.is_dhtb(changed.lead):
        rest = build(replace(changed, lead=b""))
        changed = replace(
            changed, lead=wrappers.dhtb_header(changed.lead, rest, changed.end - image.tail_offset)
        )
    return changed

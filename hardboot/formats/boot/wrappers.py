"""Headers and loaders that makers and exploits put in front of a boot image or its parts.

Sources: Magisk native/src/boot/{magiskboot.hpp,bootimg.hpp,bootimg.cpp} (DHTB, Amonet, the Nooks); amonet's
inject_microloader(), which puts a header of its own at the start; DualBootPatcher libmbbootimg mtk_p.h and
loki_p.h; retroid-pocket-3-plus-autoroot, vbmeta_pad.py (a DHTB header in the last 512 bytes of a partition).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated

from construct import Bytes

from hardboot.formats.binary_record import BinaryRecord, Le32
from hardboot.formats.boot.bootheader import BOOT_ARGS_SIZE, BOOT_MAGIC, BootHeaderV0
from hardboot.formats.reading import Data, malformed, view
from hardboot.formats.sniff import BOOT_IMAGE, TEXT, sniff
from hardboot.formats.text_field import read_text

LEAD_MAX = 64 << 10  # bytes a loader may take in front of a boot image
AMONET_SIZE = 1024

_MAX_LEADS = 64  # magics to look at in front of an image
_AMONET_MAGIC = b"microloader"
_AMLOGIC_MAGIC = b"AMLSECU!"
_DHTB_MAGIC = b"DHTB\1\0\0\0"
_LOKI_OFFSET = 0x400
_MTK_MAGIC = b"\x88\x16\x88\x58"


@dataclass(frozen=True)
class DhtbHeader(BinaryRecord, what="DHTB header"):
    """Samsung's header in front of a boot image for Spreadtrum.

    Attributes:
        sha256: Over the `size` bytes behind the header.
    """

    magic: Annotated[bytes, Bytes(8)]
    sha256: Annotated[bytes, Bytes(32)]
    reserved: Annotated[bytes, Bytes(8)]
    size: Le32
    padding: Annotated[bytes, Bytes(460)]


@dataclass(frozen=True)
class MtkHeader(BinaryRecord, what="MTK header"):
    """MediaTek's header in front of a part.

    Attributes:
        size: Bytes of the part behind the header.
        name: "KERNEL", "ROOTFS" or "RECOVERY".
    """

    magic: Annotated[bytes, Bytes(4)]
    size: Le32
    name: Annotated[bytes, Bytes(32)]
    padding: Annotated[bytes, Bytes(472)]


DHTB_SIZE = DhtbHeader.SIZE
MTK_SIZE = MtkHeader.SIZE


def refuse_loki(data: memoryview) -> None:
    """Refuse a boot image patched by Loki: kernel and ramdisk are not where its header says.

    Raises:
        InputError: If `data` is such an image.
    """
    if bytes(data[_LOKI_OFFSET : _LOKI_OFFSET + 4]) == b"LOKI":
        problem = "this image was patched by Loki, an exploit for old bootloaders, which is not supported"
        fix = "Give the original image, before loki_tool patched it."
        raise malformed("boot image", "Loki header", _LOKI_OFFSET, problem, fix=fix)


def is_amlogic_secure(header: bytes) -> bool:
    """Return whether a boot image's header page says that its parts are encrypted for Amlogic's secure boot.

    Source: Amlogic's U-Boot, common/cmd_imgread.c, AmlSecureBootImgHeader: the block is in the middle of a
    page of 2048 bytes, and from Android 9 on, whose header has a version, in the middle of one of 4096.
    """
    return any(header[at : at + len(_AMLOGIC_MAGIC)] == _AMLOGIC_MAGIC for at in (0x400, 0x800))


def is_dhtb(data: Data) -> bool:
    """Return whether `data` begins with Samsung's DHTB header."""
    return view(data)[: len(_DHTB_MAGIC)] == _DHTB_MAGIC


def is_amonet(data: memoryview) -> bool:
    """Return whether Amonet's microloader replaces the boot image header, which is behind it."""
    moved = data[AMONET_SIZE : AMONET_SIZE + len(BOOT_MAGIC)] == BOOT_MAGIC
    return moved and (data[: len(BOOT_MAGIC)] == BOOT_MAGIC or _AMONET_MAGIC in bytes(data[:AMONET_SIZE]))


@dataclass(frozen=True)
class Loader:
    """A loader in front of a boot image; it begins with a header like a boot image's.

    Attributes:
        name: As people call it.
        size: Bytes in front of the boot image.
        field: Of its header: where its mark is, in bytes.
        marks: What that field begins with.
    """

    name: str
    size: int
    field: int
    marks: tuple[bytes, ...]


_LOADERS = (
    Loader(
        "Nook HD loader",
        1 << 20,
        BootHeaderV0.offset_of("cmdline"),
        (
            *(b"Red Loader", b"Green Loader", b"Green Recovery"),
            *(b"eMMC boot.img+secondloader", b"eMMC recovery.img+secondloader"),
        ),
    ),
    Loader("Nook Tablet loader", 256 << 10, BootHeaderV0.offset_of("name"), (b"BauwksBoot",)),
)


def find_loader(data: memoryview) -> Loader | None:
    """Return the known loader that `data` begins with, without looking for the boot image behind it."""
    for loader in _LOADERS:
        field = bytes(data[loader.field : loader.field + BOOT_ARGS_SIZE])
        if field.startswith(loader.marks):
            return loader
    return None


def leads(data: memoryview) -> Iterator[int]:
    """Yield how many bytes may be in front of a boot image: a DHTB header, a loader, or none.

    What begins with the magic is not always the image: loaders contain it, too, and some begin with it.
    """
    if is_dhtb(data):
        yield DHTB_SIZE
        return
    loader = find_loader(data)
    if loader and data[loader.size : loader.size + len(BOOT_MAGIC)] == BOOT_MAGIC:
        yield loader.size
        return
    if sniff(data) not in (None, TEXT, BOOT_IMAGE):
        return
    start = bytes(data[: LEAD_MAX + len(BOOT_MAGIC)])
    at = start.find(BOOT_MAGIC)
    for _ in range(_MAX_LEADS):
        if at < 0:
            return
        yield at
        at = start.find(BOOT_MAGIC, at + 1)


@dataclass(frozen=True)
class DhtbCheck:
    """The bytes that a DHTB header covers, the SHA-256 it states, and the SHA-256 computed over them."""

    size: int
    stored: bytes
    computed: bytes


def read_dhtb(data: memoryview) -> DhtbCheck:
    """Read the DHTB header that `data` begins with, and hash all that it covers.

    Raises:
        InputError: If it covers more than there is.
    """
    return _check_dhtb(DhtbHeader.parse(data), data[DHTB_SIZE:])


def has_dhtb_behind(data: memoryview) -> bool:
    """Return whether `data` ends with a DHTB header, as Unisoc's vbmeta partitions do."""
    return len(data) >= DHTB_SIZE and is_dhtb(data[-DHTB_SIZE:])


def read_dhtb_behind(data: memoryview) -> DhtbCheck:
    """Read the DHTB header that `data` ends with, and hash what it covers, from the start of `data`.

    Raises:
        InputError: If it covers more than there is.
    """
    return _check_dhtb(DhtbHeader.parse(data[-DHTB_SIZE:]), data[:-DHTB_SIZE])


def _check_dhtb(header: DhtbHeader, content: memoryview) -> DhtbCheck:
    if header.size > len(content):
        problem = f"{header.size} bytes, there are {len(content)}"
        raise malformed(header.WHAT, "size", header.offset_of("size"), problem)
    computed = hashlib.sha256(content[: header.size]).digest()
    return DhtbCheck(header.size, header.sha256, computed)


def dhtb_header(old: bytes, content: Iterator[Data], growth: int) -> bytes:
    """Return the DHTB header `old` for a file that grew by `growth` bytes to `content`, the covered first."""
    header = DhtbHeader.parse(view(old))
    size = max(0, header.size + growth)
    digest, left = hashlib.sha256(), size
    for chunk in content:
        digest.update(chunk[:left])
        left -= len(chunk[:left])
    return replace(header, sha256=digest.digest(), size=size - left).build()


@dataclass(frozen=True)
class MtkPart:
    """A part with a MediaTek header in front.

    Attributes:
        name: "KERNEL", "ROOTFS" or "RECOVERY".
        header: The 512 bytes of the header.
        data: The part behind it.
    """

    name: str
    header: bytes
    data: memoryview

    @property
    def warning(self) -> str | None:
        """What is wrong with the size in the header; None if it is that of the part.

        MediaTek's LK takes the size from the boot image header, so another one here does no harm.
        """
        stated = mtk_size(self.header)
        if stated == len(self.data):
            return None
        return f"{MtkHeader.WHAT}: size is {stated} bytes, {len(self.data)} follow"

    def around(self, data: Data) -> bytes:
        """Return `data` with the header in front, whose size changes by as much as the part does."""
        return mtk_header(self.header, len(self.data), len(data)) + bytes(view(data))


def split_mtk(part: Data) -> MtkPart | None:
    """Split a part from its MediaTek header; None if it has none."""
    data = view(part)
    if len(data) < MTK_SIZE or data[: len(_MTK_MAGIC)] != _MTK_MAGIC:
        return None
    header = MtkHeader.parse(data)
    return MtkPart(read_text(header.name), bytes(data[:MTK_SIZE]), data[MTK_SIZE:])


def mtk_size(header: bytes) -> int:
    """Return the bytes of the part that a MediaTek header states."""
    return MtkHeader.parse(view(header)).size


def mtk_header(old: bytes, old_size: int, new_size: int) -> bytes:
    """Return the MediaTek header `old` for a part that was `old_size` bytes and now is `new_size`.

    A size that differed from the part's still differs by as much.
    """
    header = MtkHeader.parse(view(old))
    size = header.size + new_size - old_size
    return replace(header, size=size if 0 <= size < 1 << 32 else new_size).build()


def without_mtk(part: Data) -> Data:
    """Return a part as a bootloader starts it: without its MediaTek header, if it has one."""
    mtk = split_mtk(part)
    return mtk.data if mtk else part

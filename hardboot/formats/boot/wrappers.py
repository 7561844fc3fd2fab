"""What makers and hackers put around a boot image or its parts.

Sources: Magisk native/src/boot/{magiskboot.hpp,bootimg.hpp,bootimg.cpp} (DHTB, Amonet); DualBootPatcher
libmbbootimg mtk_p.h and loki_p.h.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from hardboot.base.errors import InputError
from hardboot.formats.boot.bootheader import BOOT_MAGIC
from hardboot.formats.header import Layout
from hardboot.formats.reading import Data, malformed, view
from hardboot.formats.sniff import TEXT, sniff
from hardboot.formats.text_field import read_text

LEAD_MAX = 64 << 10  # bytes a loader may take in front of a boot image
AMONET_SIZE = 1024
MTK_SIZE = 512
DHTB_SIZE = 512

_AMONET_MAGIC = b"microloader"
_DHTB_MAGIC = b"DHTB\1\0\0\0"
_DHTB_SIZE_OFFSET = 0x30
_LOKI_OFFSET = 0x400
_MTK_MAGIC = b"\x88\x16\x88\x58"
_MTK = Layout("MTK header", "<", ("magic", "4s"), ("size", "I"), ("name", "32s"), ("rest", "472s"))


def refuse_loki(data: memoryview) -> None:
    """Refuse a boot image patched by Loki: kernel and ramdisk do not lie where its header says.

    Raises:
        InputError: If `data` is such an image.
    """
    if bytes(data[_LOKI_OFFSET : _LOKI_OFFSET + 4]) == b"LOKI":
        problem = "this image was patched by Loki, an exploit for old bootloaders, which is not supported"
        fix = "Give the image as it was before loki_tool patched it."
        raise malformed("boot image", "Loki header", _LOKI_OFFSET, problem, fix=fix)


def is_dhtb(data: Data) -> bool:
    """True if `data` begins with Samsung's DHTB header."""
    return view(data)[: len(_DHTB_MAGIC)] == _DHTB_MAGIC


def is_amonet(data: memoryview) -> bool:
    """True if Amonet's microloader stands where the boot image header was; only the header moved."""
    moved = data[AMONET_SIZE : AMONET_SIZE + len(BOOT_MAGIC)] == BOOT_MAGIC
    return moved and data[: len(_AMONET_MAGIC)] == _AMONET_MAGIC


def lead_size(data: memoryview) -> int:
    """Bytes in front of a boot image: a DHTB header, or a loader nobody knows; 0 if there is nothing."""
    if is_dhtb(data):
        return DHTB_SIZE
    if data[: len(BOOT_MAGIC)] == BOOT_MAGIC or is_amonet(data) or sniff(data) not in (None, TEXT):
        return 0
    return max(0, bytes(data[: LEAD_MAX + len(BOOT_MAGIC)]).find(BOOT_MAGIC))


@dataclass(frozen=True)
class Dhtb:
    """A DHTB header: bytes it covers, its SHA-256 over them, and the SHA-256 they have."""

    size: int
    stored: bytes
    computed: bytes


def read_dhtb(data: memoryview) -> Dhtb:
    """Check the DHTB header in front of `data`. Reads all it covers.

    Raises:
        InputError: If it covers more than there is.
    """
    if len(data) < DHTB_SIZE:
        raise malformed("DHTB header", "header", 0, f"{len(data)} bytes, it has {DHTB_SIZE}")
    size = struct.unpack_from("<I", data, _DHTB_SIZE_OFFSET)[0]
    if DHTB_SIZE + size > len(data):
        problem = f"{size} bytes, {len(data) - DHTB_SIZE} follow"
        raise malformed("DHTB header", "size", _DHTB_SIZE_OFFSET, problem)
    computed = hashlib.sha256(data[DHTB_SIZE : DHTB_SIZE + size]).digest()
    return Dhtb(size, bytes(data[8:40]), computed)


def dhtb_header(old: bytes, rest: Iterator[Data], growth: int) -> bytes:
    """The DHTB header `old` for an image that grew by `growth` bytes to `rest`."""
    size = max(0, struct.unpack_from("<I", old, _DHTB_SIZE_OFFSET)[0] + growth)
    digest, left = hashlib.sha256(), size
    for chunk in rest:
        digest.update(chunk[:left])
        left -= len(chunk[:left])
    header = bytearray(old)
    header[8:40] = digest.digest()
    struct.pack_into("<I", header, _DHTB_SIZE_OFFSET, size - left)
    return bytes(header)


@dataclass(frozen=True)
class Mtk:
    """A part with a MediaTek header in front of it.

    Attributes:
        name: "KERNEL", "ROOTFS" or "RECOVERY".
        header: Its 512 bytes.
    """

    name: str
    header: bytes
    data: memoryview


def split_mtk(part: Data) -> Mtk | None:
    """Take the MediaTek header off a part; None if it has none, or one that is not as long as the part."""
    data = view(part)
    if len(data) < MTK_SIZE or data[:4] != _MTK_MAGIC:
        return None
    head = _MTK.parse(data)
    if head["size"] != len(data) - MTK_SIZE:
        return None
    return Mtk(read_text(head["name"]), bytes(data[:MTK_SIZE]), data[MTK_SIZE:])


def mtk_header(old: bytes, size: int) -> bytes:
    """The MediaTek header `old` for a part of `size` bytes.

    Raises:
        InputError: If `old` is none.
    """
    if len(old) != MTK_SIZE or old[:4] != _MTK_MAGIC:
        raise malformed("MTK header", "magic", 0, f"{len(old)} bytes that begin with {old[:4].hex()}")
    return _MTK.build({**_MTK.parse(view(old)), "size": size})


def with_mtk(header: bytes, data: Data) -> bytes:
    """A part with its MediaTek header in front."""
    return b"".join(chain((mtk_header(header, len(data)),), (bytes(view(data)),)))


def without_mtk(part: Data) -> Data:
    """A part as a bootloader starts it: without its MediaTek header, if it has one.

    Raises:
        InputError: If it has one for a part of another size.
    """
    problem = problem_of_mtk(part)
    if problem:
        raise problem
    mtk = split_mtk(part)
    return mtk.data if mtk else part


def problem_of_mtk(part: Data) -> InputError | None:
    """What is wrong with a part that begins with a MediaTek header `split_mtk` did not take; else None."""
    data = view(part)
    if len(data) < MTK_SIZE or data[:4] != _MTK_MAGIC or split_mtk(part):
        return None
    return malformed(
        "MTK header", "size", 4, f"{_MTK.parse(data)['size']} bytes, {len(data) - MTK_SIZE} follow"
    )

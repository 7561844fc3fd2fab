"""Read Android Verified Boot's footers, vbmeta images and AVB 1.0 signatures; verify.py checks them.

Sources: as records.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from hardboot.base.errors import InputError
from hardboot.formats.avb.descriptors import Descriptor, parse_descriptors
from hardboot.formats.avb.records import (
    Avb1Signature,
    Footer,
    VbmetaHeader,
)
from hardboot.formats.reading import Data, malformed, view
from hardboot.formats.text_field import read_text

VBMETA_MAGIC = b"AVB0"
MAX_VBMETA = 64 << 10  # bytes; libavb avb_slot_verify.c, VBMETA_MAX_SIZE

_FOOTER_MAGIC = b"AVBf"
_ALGORITHMS = ("none", *(f"SHA{hash_}_RSA{key}" for hash_ in (256, 512) for key in (2048, 4096, 8192)))
_FLAGS = ("verity", "verification")  # libavb avb_vbmeta_image.h, AvbVBMetaImageFlags; as fastboot names them
_WHAT = VbmetaHeader.WHAT


@dataclass(frozen=True)
class VbMeta:
    """A vbmeta image.

    Attributes:
        size: Bytes of the image, without the padding up to the end of its partition.
        signed: The bytes that the signature is over: its header and its auxiliary block.
        digest: The hash over `signed` that it states; empty if it is not signed.
        signature: The signature that it states.
        key: The public key, as AVB stores it.
    """

    algorithm: str
    flags: int
    rollback_index: int
    release: str
    size: int
    descriptors: tuple[Descriptor, ...]
    signed: tuple[memoryview, memoryview]
    digest: bytes
    signature: bytes
    key: bytes


def has_footer(data: Data) -> bool:
    """Return whether `data` ends with something that begins like an AVB footer."""
    tail = view(data)[-Footer.SIZE :]
    return len(tail) == Footer.SIZE and tail[: len(_FOOTER_MAGIC)] == _FOOTER_MAGIC


def parse_footer(data: Data, offset: int = 0) -> Footer | None:
    """Read the footer at the end of a partition; None if there is none, or it points outside the partition.

    Args:
        data: The partition, or the end of it.
        offset: Of `data` in the partition, in bytes.
    """
    if not has_footer(data):
        return None
    start = len(data) - Footer.SIZE
    footer = Footer.parse(view(data), start)
    end = offset + start
    if footer.vbmeta_offset + footer.vbmeta_size > end or footer.original_image_size > end:
        return None
    return footer


def read_size(data: Data) -> int:
    """Return the bytes of the vbmeta image that `data` begins with; only its header is read.

    Raises:
        InputError: If `data` is something else, or is truncated.
    """
    content = view(data)
    header = VbmetaHeader.parse(content)
    if header.magic != VBMETA_MAGIC:
        raise malformed(_WHAT, "magic", 0, f"{header.magic.hex()}, not {VBMETA_MAGIC.hex()}")
    size = header.SIZE + header.authentication_size + header.auxiliary_size
    if size > min(len(content), MAX_VBMETA):
        problem = f"{size} bytes, there are {len(content)}, and the limit is {MAX_VBMETA}"
        raise malformed(_WHAT, "auxiliary_size", header.offset_of("auxiliary_size"), problem)
    return size


def parse_vbmeta(data: Data) -> VbMeta:
    """Read a vbmeta image.

    Raises:
        InputError: If `data` is something else, is truncated, or a block of it lies outside.
    """
    content = view(data)
    size = read_size(content)
    header = VbmetaHeader.parse(content)
    if header.descriptors_offset + header.descriptors_size > header.auxiliary_size:
        problem = f"{header.descriptors_size} bytes from {header.descriptors_offset:#x}, outside the block"
        raise malformed(_WHAT, "descriptors", header.offset_of("descriptors_offset"), problem)
    first = header.SIZE + header.authentication_size
    authentication, auxiliary = content[header.SIZE : first], content[first:size]
    start = first + header.descriptors_offset
    number = header.algorithm
    return VbMeta(
        algorithm=_ALGORITHMS[number] if number < len(_ALGORITHMS) else f"number {number}",
        flags=header.flags,
        rollback_index=header.rollback_index,
        release=read_text(header.release),
        size=size,
        descriptors=parse_descriptors(content, start, start + header.descriptors_size),
        signed=(content[: header.SIZE], auxiliary),
        digest=_field(authentication, "hash", header.hash_offset, header.hash_size),
        signature=_field(authentication, "signature", header.signature_offset, header.signature_size),
        key=_field(auxiliary, "key", header.key_offset, header.key_size),
    )


def vbmeta_size(data: Data) -> int | None:
    """Return the bytes of the vbmeta image that `data` begins with; None if there is no whole one."""
    try:
        return parse_vbmeta(data).size
    except InputError:
        return None


def disabled(flags: int) -> list[str]:
    """Return the checks that a vbmeta image's flags disable."""
    return [name for bit, name in enumerate(_FLAGS) if flags >> bit & 1]


def _field(block: memoryview, name: str, offset: int, size: int) -> bytes:
    """Return the bytes of a hash, a signature or a key in its block."""
    if offset + size > len(block):
        problem = f"{size} bytes from {offset:#x}, the block has {len(block)}"
        raise malformed(_WHAT, f"{name}_offset", VbmetaHeader.offset_of(f"{name}_offset"), problem)
    return bytes(block[offset : offset + size])


def avb1_signature_size(data: Data) -> int | None:
    """Return the bytes of the AVB 1.0 signature that `data` begins with; None if there is none."""
    content = view(data)
    if len(content) < Avb1Signature.SIZE:
        return None
    head = Avb1Signature.parse(content)
    if (head.tag, head.version, head.certificate) != (b"\x30\x82", b"\x02\x01\x01", b"\x30"):
        return None
    size = head.offset_of("version") + head.size
    return size if size <= len(content) else None

"""Read the descriptors of a vbmeta image.

Sources: as records.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hardboot.formats.avb.records import (
    ChainDescriptor,
    CommandLineDescriptor,
    DescriptorHeader,
    HashDescriptor,
    HashtreeDescriptor,
    PropertyDescriptor,
    VbmetaHeader,
)
from hardboot.formats.binary_record import BinaryRecord
from hardboot.formats.reading import malformed, truncated
from hardboot.formats.text_field import read_text

MAX_DESCRIPTORS = 1024

_WHAT = VbmetaHeader.WHAT


@dataclass(frozen=True)
class Descriptor:
    """A descriptor of a vbmeta image; of a hash descriptor also what it states.

    Attributes:
        text: In words.
        image_size: Bytes from the partition's start that are hashed.
        hash: The hash's name, such as "sha256".
    """

    text: str
    partition: str = ""
    image_size: int = 0
    hash: str = ""
    salt: bytes = b""
    digest: bytes = b""


def parse_descriptors(data: memoryview, offset: int, end: int) -> tuple[Descriptor, ...]:
    """Read the descriptors of a vbmeta image between two offsets, at most MAX_DESCRIPTORS.

    Raises:
        InputError: If a descriptor is truncated.
    """
    descriptors: list[Descriptor] = []
    while offset < end and len(descriptors) < MAX_DESCRIPTORS:
        if end - offset < DescriptorHeader.SIZE:
            raise truncated(_WHAT, "descriptor", offset, end - offset, DescriptorHeader.SIZE)
        header = DescriptorHeader.parse(data, offset)
        if header.size > end - offset - header.SIZE:
            field_offset = offset + header.offset_of("size")
            raise malformed(_WHAT, "descriptor", field_offset, f"{header.size} bytes, outside the block")
        offset += header.SIZE
        descriptors.append(_descriptor(header.tag, data[offset : offset + header.size]))
        offset += header.size
    return tuple(descriptors)


def _descriptor(tag: int, body: memoryview) -> Descriptor:
    if tag >= len(_READERS):
        return Descriptor(f"descriptor {tag}")
    name, record, read = _READERS[tag]
    return read(body) if len(body) >= record.SIZE else Descriptor(name)


def _texts(body: memoryview, offset: int, *sizes: int) -> list[bytes]:
    """Slice `sizes` bytes out of `body` in turn, from `offset` on; fewer where `body` ends."""
    slices = []
    for size in sizes:
        slices.append(bytes(body[offset : offset + size]))
        offset += size
    return slices


def _property(body: memoryview) -> Descriptor:
    record = PropertyDescriptor.parse(body)
    key, _, value = _texts(body, record.SIZE, record.key_size, 1, record.value_size)
    return Descriptor(f"property {read_text(key)}: {read_text(value)}")


def _hashtree(body: memoryview) -> Descriptor:
    record = HashtreeDescriptor.parse(body)
    (name,) = _texts(body, record.SIZE, record.name_size)
    how = read_text(record.hash)
    return Descriptor(f"hashtree of {read_text(name)}, {record.image_size} bytes, {how}")


def _hash(body: memoryview) -> Descriptor:
    record = HashDescriptor.parse(body)
    name, salt, digest = _texts(body, record.SIZE, record.name_size, record.salt_size, record.digest_size)
    partition, how = read_text(name), read_text(record.hash)
    text = f"hash of {partition}, {record.image_size} bytes, {how}"
    return Descriptor(text, partition, record.image_size, how, salt, digest)


def _command_line(body: memoryview) -> Descriptor:
    record = CommandLineDescriptor.parse(body)
    (cmdline,) = _texts(body, record.SIZE, record.cmdline_size)
    return Descriptor(f"kernel command line: {read_text(cmdline)}")


def _chain(body: memoryview) -> Descriptor:
    record = ChainDescriptor.parse(body)
    (name,) = _texts(body, record.SIZE, record.name_size)
    return Descriptor(f"chain partition {read_text(name)}")


# By tag: libavb avb_descriptor.h, AvbDescriptorTag.
_READERS: tuple[tuple[str, type[BinaryRecord], Callable[[memoryview], Descriptor]], ...] = (
    ("property", PropertyDescriptor, _property),
    ("hashtree", HashtreeDescriptor, _hashtree),
    ("hash", HashDescriptor, _hash),
    ("kernel command line", CommandLineDescriptor, _command_line),
    ("chain partition", ChainDescriptor, _chain),
)

"""The manifest of an OTA payload, a protobuf message: what each partition is made of.

Source: AOSP system/update_engine, update_metadata.proto; only the fields that hardboot needs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError, Message

from hardboot.formats.reading import malformed, too_large

WHAT = "OTA payload"
MAX_OPERATIONS = 1 << 18  # of full payloads; each writes 2 MiB, so that is 512 GiB
MAX_PARTITIONS = 512
# Operations that need nothing but the payload.
REPLACE, REPLACE_BZ, ZERO, DISCARD, REPLACE_XZ, REPLACE_ZSTD = 0, 1, 6, 7, 8, 14
WITHOUT_SOURCE = (REPLACE, REPLACE_BZ, ZERO, DISCARD, REPLACE_XZ, REPLACE_ZSTD)
WITHOUT_DATA = (ZERO, DISCARD)
_NAMES = {
    2: "MOVE",
    3: "BSDIFF",
    4: "SOURCE_COPY",
    5: "SOURCE_BSDIFF",
    9: "PUFFDIFF",
    10: "BROTLI_BSDIFF",
    11: "ZUCCHINI",
    12: "LZ4DIFF_BSDIFF",
    13: "LZ4DIFF_PUFFDIFF",
}
_PARTITION_NAME = re.compile(rb"[A-Za-z0-9_.-]{1,64}")
_BLOCK_SIZES = (512, 1 << 20)  # bytes; AOSP writes 4096
_HASH_SIZE = 32  # bytes of a SHA-256

# Each message with its fields: number, name, type; "*" repeats. Enumerations are integers, so that an
# operation that is not known yet keeps its number; names are bytes, whatever they hold.
_MESSAGES = {
    "Extent": "1 start_block uint64, 2 num_blocks uint64",
    "PartitionInfo": "1 size uint64, 2 hash bytes",
    "InstallOperation": "1 type uint32, 2 data_offset uint64, 3 data_length uint64, 6 dst_extents *Extent, "
    "8 data_sha256_hash bytes",
    "PartitionUpdate": "1 partition_name bytes, 7 new_partition_info PartitionInfo, "
    "8 operations *InstallOperation",
    "DeltaArchiveManifest": "3 block_size uint32, 12 minor_version uint32, 13 partitions *PartitionUpdate",
}
_PACKAGE = "chromeos_update_engine"


class Extent(NamedTuple):
    """Blocks of a partition that follow each other."""

    start: int
    blocks: int


class Operation(NamedTuple):
    """One operation.

    Attributes:
        type: One of WITHOUT_SOURCE.
        offset: Of its data among the payload's data.
        length: Bytes of its data.
        extents: Where what it makes goes, in this order.
        sha256: Of its data; nothing if none is stated.
    """

    type: int
    offset: int
    length: int
    extents: tuple[Extent, ...]
    sha256: bytes


@dataclass(frozen=True)
class Partition:
    """One partition.

    Attributes:
        size: Bytes.
        sha256: Of its content; nothing if none is stated.
        operations: Empty if `needs` is not.
        needs: Operations that need the old content of the partition, by name.
    """

    name: str
    size: int
    sha256: bytes
    operations: tuple[Operation, ...] = field(repr=False)
    needs: tuple[str, ...]


@dataclass(frozen=True)
class Manifest:
    """A manifest.

    Attributes:
        block_size: Bytes.
        minor_version: 0 for a full payload, others for an incremental one.
    """

    block_size: int
    minor_version: int
    partitions: tuple[Partition, ...]


def _message_class() -> type[Message]:
    file = descriptor_pb2.FileDescriptorProto(name="update_metadata.proto", package=_PACKAGE)
    kinds = descriptor_pb2.FieldDescriptorProto
    for message, fields in _MESSAGES.items():
        described = file.message_type.add(name=message)
        for text in fields.split(", "):
            number, name, kind = text.split()
            label = kinds.LABEL_REPEATED if kind.startswith("*") else kinds.LABEL_OPTIONAL
            kind = kind.removeprefix("*")
            added = described.field.add(name=name, number=int(number), label=label)
            if kind in _MESSAGES:
                added.type, added.type_name = kinds.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"
            else:
                added.type = getattr(kinds, f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = pool.FindMessageTypeByName(f"{_PACKAGE}.DeltaArchiveManifest")
    made: type[Message] = message_factory.GetMessageClass(found)
    return made


_MANIFEST = _message_class()


def parse(data: bytes, offset: int) -> Manifest:
    """Read a manifest.

    Args:
        data: The message.
        offset: Of it in the payload, for errors.

    Raises:
        InputError: If it is damaged, or has more partitions or operations than hardboot reads.
    """
    message = _MANIFEST()
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise malformed(WHAT, "manifest", offset, "it is no protobuf message") from error
    block_size = message.block_size if message.HasField("block_size") else 4096
    if not _BLOCK_SIZES[0] <= block_size <= _BLOCK_SIZES[1] or block_size & (block_size - 1):
        raise malformed(WHAT, "block_size", None, f"{block_size} bytes")
    if len(message.partitions) > MAX_PARTITIONS:
        problem = f"{len(message.partitions)} partitions, the limit is {MAX_PARTITIONS}"
        raise too_large(WHAT, "partitions", None, problem)
    count = sum(len(partition.operations) for partition in message.partitions)
    if count > MAX_OPERATIONS:
        raise too_large(WHAT, "operations", None, f"{count}, the limit is {MAX_OPERATIONS}")
    partitions = tuple(_partition(partition) for partition in message.partitions)
    names = [partition.name for partition in partitions]
    for name in names:
        if names.count(name) > 1:
            raise malformed(WHAT, "partitions", None, f"{name} is there {names.count(name)} times")
    return Manifest(block_size, message.minor_version, partitions)


def _partition(message: Message) -> Partition:
    name = message.partition_name
    if not _PARTITION_NAME.fullmatch(name):
        raise malformed(WHAT, "partition_name", None, f"{name[:64]!r} is no name of a partition")
    info = message.new_partition_info
    needs = sorted({operation.type for operation in message.operations}.difference(WITHOUT_SOURCE))
    operations = () if needs else tuple(map(_operation, message.operations))
    for what, value in [
        ("new_partition_info", info.hash),
        *(("data_sha256_hash", operation.sha256) for operation in operations),
    ]:
        if len(value) not in (0, _HASH_SIZE):
            raise malformed(WHAT, f"{what} of {name.decode()}", None, f"a hash of {len(value)} bytes")
    return Partition(name.decode(), info.size, info.hash, operations, tuple(map(_operation_name, needs)))


def _operation(message: Message) -> Operation:
    extents: Iterable[Message] = message.dst_extents
    return Operation(
        message.type,
        message.data_offset,
        message.data_length,
        tuple(Extent(extent.start_block, extent.num_blocks) for extent in extents),
        message.data_sha256_hash,
    )


def _operation_name(number: int) -> str:
    return _NAMES.get(number, f"operation {number}")

"""OTA payloads (payload.bin): the header, and where the blocks of each partition come from.

Source: AOSP system/update_engine, update_metadata.proto, payload_consumer/payload_metadata.cc.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, NamedTuple

from construct import Bytes

from hardboot.formats.binary_record import Be32, Be64, BinaryRecord
from hardboot.formats.ota.manifest import WHAT, WITHOUT_DATA, Operation, Partition
from hardboot.formats.reading import malformed, too_large

MAGIC = b"CrAU"
MAX_MANIFEST = 8 << 20  # bytes; that of a phone's full OTA has 1 MiB, and protobuf needs 20 times as much
MAX_PARTITION = 64 << 30  # bytes
_VERSION = 2  # the only one of Android


@dataclass(frozen=True)
class Header(BinaryRecord, what=WHAT):
    """The header; sizes are in bytes."""

    magic: Annotated[bytes, Bytes(4)]
    version: Be64
    manifest_size: Be64
    signature_size: Be32


class Run(NamedTuple):
    """Blocks that one operation makes and that follow each other.

    Attributes:
        start: Byte in the partition.
        size: Bytes.
        offset: Of its first byte in what the operation makes.
        operation: None for blocks that no operation writes.
        scattered: Whether the operation makes blocks elsewhere, too.
    """

    start: int
    size: int
    offset: int
    operation: Operation | None
    scattered: bool = False


def parse_header(data: bytes) -> Header:
    """Read the header.

    Raises:
        InputError: If it is that of another version, or of no payload.
    """
    header = Header.parse(memoryview(data))
    if header.magic != MAGIC:
        raise malformed(WHAT, "magic", 0, f"{header.magic!r}, not {MAGIC!r}")
    if header.version != _VERSION:
        fix = "Use the OTA package of an Android phone." if header.version == 1 else "Use a full OTA package."
        problem = f"version {header.version}, hardboot reads version {_VERSION}"
        raise malformed(WHAT, "version", Header.offset_of("version"), problem, fix=fix)
    if header.manifest_size > MAX_MANIFEST:
        problem = f"{header.manifest_size} bytes, the limit is {MAX_MANIFEST}"
        raise too_large(WHAT, "manifest_size", Header.offset_of("manifest_size"), problem)
    return header


def data_offset(header: Header) -> int:
    """Return where the operations' data begins."""
    return header.SIZE + header.manifest_size + header.signature_size


def runs(partition: Partition, block_size: int, data_size: int) -> tuple[Run, ...]:
    """Return where the blocks of a partition come from, in their order and without a gap.

    Args:
        partition: One that needs no old content.
        block_size: Of the payload, in bytes.
        data_size: Bytes of the payload's data.

    Raises:
        InputError: If blocks lie outside of the partition or are written twice, or data is outside of the
            payload.
    """
    if not 0 < partition.size <= MAX_PARTITION:
        problem = f"{partition.name} has {partition.size} bytes, it must have 1 to {MAX_PARTITION}"
        raise malformed(WHAT, "new_partition_info", None, problem)
    found = [run for one in partition.operations for run in _runs_of(one, partition, block_size, data_size)]
    return tuple(_without_gaps(sorted(found, key=lambda run: run.start), partition))


def _runs_of(operation: Operation, partition: Partition, block_size: int, data_size: int) -> list[Run]:
    if operation.type not in WITHOUT_DATA and operation.offset + operation.length > data_size:
        problem = f"{partition.name}: {operation.length} bytes at {operation.offset:#x} of {data_size}"
        raise malformed(WHAT, "data_offset", None, f"{problem}: the payload ends before")
    found: list[Run] = []
    done = 0
    for extent in operation.extents:
        start, size = extent.start * block_size, extent.blocks * block_size
        # The last block may reach behind a partition that does not end at a block's end.
        if not size or start + size - block_size >= partition.size:
            problem = f"{partition.name}: {extent.blocks} blocks from block {extent.start} on"
            raise malformed(WHAT, "dst_extents", None, f"{problem}, its size is {partition.size} bytes")
        if found and found[-1].start + found[-1].size == start:
            found[-1] = found[-1]._replace(size=found[-1].size + size)
        else:
            found.append(Run(start, size, done, operation))
        done += size
    return found if len(found) < 2 else [run._replace(scattered=True) for run in found]


def _without_gaps(found: Sequence[Run], partition: Partition) -> list[Run]:
    filled: list[Run] = []
    end = 0
    for run in found:
        if run.start < end:
            problem = f"{partition.name}: block at {run.start:#x} is written twice"
            raise malformed(WHAT, "dst_extents", None, problem)
        if run.start > end:
            filled.append(Run(end, run.start - end, 0, None))
        end = run.start + run.size
        filled.append(run._replace(size=min(end, partition.size) - run.start))
    if end < partition.size:
        filled.append(Run(end, partition.size - end, 0, None))
    return filled

"""Downloads, made by hand from their public descriptions: nothing here is the product's.

Payloads: AOSP system/update_engine, update_metadata.proto, and protobuf's encoding.md; transfer lists: AOSP
bootable/recovery, updater/blockimg.cpp.
"""

import bz2
import hashlib
import io
import lzma
import struct
import tarfile
from collections.abc import Iterable, Mapping, Sequence

BLOCK = 4096
REPLACE, REPLACE_BZ, SOURCE_COPY, ZERO, DISCARD, REPLACE_XZ, PUFFDIFF, REPLACE_ZSTD = 0, 1, 4, 6, 7, 8, 9, 14


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def field(number: int, value: int | bytes) -> bytes:
    """Return a field: integers as varints, bytes with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def operation(
    kind: int, offset: int, data: bytes, extents: Iterable[tuple[int, int]], *, sha256: bytes | None = None
) -> bytes:
    """Return an InstallOperation; the hash is that of the data unless another is given."""
    out = field(1, kind)
    if data:
        out += field(2, offset) + field(3, len(data))
    for start, blocks in extents:
        out += field(6, field(1, start) + field(2, blocks))
    return out + (field(8, hashlib.sha256(data).digest() if sha256 is None else sha256) if data else b"")


def partition(name: str, image: bytes, operations: Iterable[bytes], *, sha256: bytes | None = None) -> bytes:
    digest = hashlib.sha256(image).digest() if sha256 is None else sha256
    out = field(1, name.encode()) + field(7, field(1, len(image)) + (field(2, digest) if digest else b""))
    return out + b"".join(field(8, one) for one in operations)


def manifest(partitions: Iterable[bytes], *, minor_version: int = 0) -> bytes:
    return field(3, BLOCK) + field(12, minor_version) + b"".join(field(13, one) for one in partitions)


def assembled(message: bytes, data: bytes, *, version: int = 2, signature: bytes = b"sign") -> bytes:
    """Return a payload of a manifest and the operations' data."""
    return b"CrAU" + struct.pack(">QQI", version, len(message), len(signature)) + message + signature + data


def packed(kind: int, data: bytes) -> bytes:
    if kind == REPLACE_BZ:
        return bz2.compress(data)
    return lzma.compress(data, check=lzma.CHECK_CRC32) if kind == REPLACE_XZ else data


def payload(images: Mapping[str, bytes], *, chunk: int = 4, kinds: Sequence[int] = (REPLACE_XZ,)) -> bytes:
    """Return a full payload, as AOSP's FullUpdateGenerator makes it: chunks that follow each other.

    Args:
        images: By name of the partition.
        chunk: Blocks of an operation.
        kinds: Of the operations, in turn.
    """
    data, partitions, number = b"", [], 0
    for name, image in images.items():
        operations = []
        for start in range(0, len(image), chunk * BLOCK):
            kind = kinds[number % len(kinds)]
            content = image[start : start + chunk * BLOCK]
            stored = b"" if kind in (ZERO, DISCARD) else packed(kind, content)
            extent = (start // BLOCK, -(-len(content) // BLOCK))
            operations.append(operation(kind, len(data), stored, [extent]))
            data, number = data + stored, number + 1
        partitions.append(partition(name, image, operations))
    return assembled(manifest(partitions), data)


def image(blocks: int, seed: int = 1) -> bytes:
    """Return an image whose blocks all differ, with every fourth one zeros."""
    return b"".join(
        bytes(BLOCK) if index % 4 == 3 else hashlib.sha256(b"%d %d" % (seed, index)).digest() * (BLOCK // 32)
        for index in range(blocks)
    )


def transfer_list(ranges: Sequence[tuple[int, int]], end: int, *, version: int = 4) -> bytes:
    """Return a transfer list of a full OTA: all else up to block `end` is erased."""
    words = ",".join(f"{start},{stop}" for start, stop in ranges)
    heads = ["0", "0"] if version > 1 else []
    total = sum(stop - start for start, stop in ranges)
    new = f"new {2 * len(ranges)},{words}"
    return "\n".join([str(version), str(total), *heads, f"erase 2,0,{end}", new, ""]).encode()


def data_ranges(content: bytes) -> list[tuple[int, int]]:
    """Return the ranges of blocks that are not zeros."""
    found: list[tuple[int, int]] = []
    for index in range(len(content) // BLOCK):
        if any(content[index * BLOCK : (index + 1) * BLOCK]):
            if found and found[-1][1] == index:
                found[-1] = found[-1][0], index + 1
            else:
                found.append((index, index + 1))
    return found


def new_data(content: bytes, ranges: Iterable[tuple[int, int]]) -> bytes:
    return b"".join(content[start * BLOCK : stop * BLOCK] for start, stop in ranges)


def block_ota(name: str, content: bytes, *, version: int = 4) -> dict[str, bytes]:
    """Return the files of a block-based OTA for one partition."""
    ranges = data_ranges(content)
    return {
        f"{name}.transfer.list": transfer_list(ranges, len(content) // BLOCK, version=version),
        f"{name}.new.dat": new_data(content, ranges),
        f"{name}.patch.dat": b"",
    }


def tar(members: Mapping[str, bytes], mode: str = "w") -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode=mode, format=tarfile.GNU_FORMAT) as archive:  # type: ignore[call-overload]
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return target.getvalue()


def tar_md5(archive: bytes, name: str = "AP.tar") -> bytes:
    """Return an archive with the line that Samsung's tools append."""
    return archive + f"{hashlib.md5(archive).hexdigest()}  {name}\n".encode()

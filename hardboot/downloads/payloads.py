"""The partitions in a full OTA payload (payload.bin), checked by the hashes in it."""

import hashlib
from collections.abc import Iterator, Mapping
from functools import partial

from hardboot.base.errors import InputError
from hardboot.downloads.content import FileContent
from hardboot.downloads.found import Found
from hardboot.downloads.image_source import ImageSource
from hardboot.formats.archives import decoders
from hardboot.formats.archives.decoders import Streamed
from hardboot.formats.ota import manifest as manifests
from hardboot.formats.ota import payload
from hardboot.formats.ota.manifest import Manifest, Operation, Partition
from hardboot.formats.ota.payload import Run
from hardboot.formats.reading import malformed, zeros

MAX_SCATTERED = 64 << 20  # bytes of an operation whose blocks do not follow each other; AOSP's have 2 MiB
_COMPRESSION: Mapping[int, Streamed] = {
    manifests.REPLACE_BZ: "bzip2",
    manifests.REPLACE_XZ: "xz",
    manifests.REPLACE_ZSTD: "zstd",
}


def read(content: FileContent) -> Found:
    """Find the partitions in a payload.

    Raises:
        InputError: If it is no payload, of another version, or damaged.
    """
    header = payload.parse_header(content.head(payload.Header.SIZE))
    stored = content.part(header.SIZE, header.manifest_size)
    manifest = manifests.parse(stored.head(stored.size), header.SIZE)
    start = payload.data_offset(header)
    data = content.part(start, content.size - start)
    images: dict[str, ImageSource] = {}
    refused: dict[str, InputError] = {}
    for partition in manifest.partitions:
        if partition.needs:
            refused[partition.name] = _needs_old(partition)
            continue
        runs = payload.runs(partition, manifest.block_size, data.size)
        images[partition.name] = ImageSource(
            partition.name,
            packing=("payload.bin",),
            stated_size=partition.size,
            opened=partial(_content, data, partition.name, runs),
            sha256=partition.sha256.hex() or None,
            note=None if partition.sha256 else "the payload states no hash of it",
        )
    return Found(_kind(manifest), images, refused)


def _kind(manifest: Manifest) -> str:
    return "incremental OTA payload" if manifest.minor_version else "full OTA payload"


def _needs_old(partition: Partition) -> InputError:
    needs = ", ".join(partition.needs)
    return InputError(
        f"partition {partition.name}: it is an incremental update ({needs}) of an image that is not in it",
        state="Nothing was changed.",
        fix="Use a full OTA package.",
    )


def _content(data: FileContent, name: str, runs: tuple[Run, ...]) -> Iterator[bytes]:
    """Yield a partition.

    Raises:
        InputError: If an operation's data is damaged, or makes more than its blocks hold.
    """
    kept: tuple[Operation, bytes] | None = None
    for run in runs:
        operation = run.operation
        if operation is None or operation.type in manifests.WITHOUT_DATA:
            yield from zeros(run.size)
        elif not run.scattered:
            yield from _exactly(_made(data, name, operation), run.size, name)
        else:
            if kept is None or kept[0] is not operation:
                kept = operation, _scattered(data, name, operation)
            part = kept[1][run.offset : run.offset + run.size]
            yield part
            yield from zeros(run.size - len(part))


def _scattered(data: FileContent, name: str, operation: Operation) -> bytes:
    """Return all that an operation makes whose blocks do not follow each other."""
    made = bytearray()
    for piece in _made(data, name, operation):
        made += piece
        if len(made) > MAX_SCATTERED:
            raise _wrong(name, f"scattered operation of more than {MAX_SCATTERED} bytes")
    return bytes(made)


def _exactly(pieces: Iterator[bytes], size: int, name: str) -> Iterator[bytes]:
    """Yield pieces, and zeros up to `size` bytes."""
    for piece in pieces:
        size -= len(piece)
        if size < 0:
            raise _wrong(name, "an operation makes more than its blocks hold")
        yield piece
    yield from zeros(size)


def _made(data: FileContent, name: str, operation: Operation) -> Iterator[bytes]:
    stored = _checked(data.part(operation.offset, operation.length), name, operation)
    kind = _COMPRESSION.get(operation.type)
    return decoders.decompress_pieces(kind, stored) if kind else stored


def _checked(stored: FileContent, name: str, operation: Operation) -> Iterator[bytes]:
    digest = hashlib.sha256()
    for piece in stored.pieces():
        digest.update(piece)
        yield piece
    if operation.sha256 and digest.digest() != operation.sha256:
        raise _wrong(name, f"the data at {operation.offset:#x} does not match its SHA-256")


def _wrong(name: str, problem: str) -> InputError:
    return malformed(manifests.WHAT, f"partition {name}", None, problem)

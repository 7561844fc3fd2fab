"""Android sparse images: read, and expand.

Source: AOSP system/core, libsparse/sparse_format.h.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from hardboot.formats.header import Layout
from hardboot.formats.reading import PIECE, Data, malformed, pieces, view

_WHAT = "sparse image"
_MAGIC = 0xED26FF3A
MAX_BLOCK_SIZE = 1 << 20  # bytes; img2simg writes 4096
MAX_CHUNKS = 1 << 20
MAX_EXPANDED = 256 << 20  # bytes that are expanded; boot partitions have up to 128 MiB
_FILE = Layout(
    _WHAT,
    "<",
    ("magic", "I"),
    ("major", "H"),
    ("minor", "H"),
    ("header_size", "H"),
    ("chunk_header_size", "H"),
    ("block_size", "I"),
    ("blocks", "I"),
    ("chunks", "I"),
    ("checksum", "I"),
)
_CHUNK = Layout(_WHAT, "<", ("type", "H"), ("reserved", "H"), ("blocks", "I"), ("size", "I"))
_RAW, _FILL, _DONT_CARE, _CRC32 = 0xCAC1, 0xCAC2, 0xCAC3, 0xCAC4
KINDS = {_RAW: "raw", _FILL: "fill", _DONT_CARE: "skip", _CRC32: "crc32"}


@dataclass(frozen=True)
class Chunk:
    """One chunk: its kind, the bytes it stands for, and its own data."""

    kind: str
    size: int
    data: memoryview = field(repr=False)


@dataclass(frozen=True)
class Sparse:
    """A sparse image; `size` is in bytes, expanded."""

    block_size: int
    size: int
    chunks: tuple[Chunk, ...] = field(repr=False)
    trailing_size: int = 0


def parse(data: Data) -> Sparse:
    """Read a sparse image; only the chunk headers are read.

    Raises:
        InputError: If it is something else, cut off, or its numbers contradict each other.
    """
    seen = view(data)
    head = _FILE.parse(seen)
    if head["magic"] != _MAGIC or head["major"] != 1:
        problem = f"{head['magic']:#x} version {head['major']}, not {_MAGIC:#x} version 1"
        raise malformed(_WHAT, "magic", 0, problem)
    if head["header_size"] < _FILE.size or head["chunk_header_size"] < _CHUNK.size:
        problem = f"{head['header_size']} and {head['chunk_header_size']} bytes"
        raise malformed(_WHAT, "header sizes", _FILE.offsets["header_size"], problem)
    block = head["block_size"]
    if not 4 <= block <= MAX_BLOCK_SIZE or block % 4:
        raise malformed(_WHAT, "block_size", _FILE.offsets["block_size"], f"{block} bytes")
    if head["chunks"] > MAX_CHUNKS:
        problem = f"{head['chunks']}, the limit is {MAX_CHUNKS}"
        raise malformed(_WHAT, "chunks", _FILE.offsets["chunks"], problem)
    chunks, offset, blocks = [], head["header_size"], 0
    for _ in range(head["chunks"]):
        chunk, size = _chunk(seen, offset, head["chunk_header_size"], block)
        chunks.append(chunk)
        offset += size
        blocks += chunk.size // block
    if blocks != head["blocks"]:
        problem = f"{head['blocks']} blocks, the chunks have {blocks}"
        raise malformed(_WHAT, "blocks", _FILE.offsets["blocks"], problem)
    return Sparse(block, blocks * block, tuple(chunks), len(seen) - offset)


def _chunk(data: memoryview, offset: int, header_size: int, block: int) -> tuple[Chunk, int]:
    """The chunk at `offset`, and its size in the file."""
    head = _CHUNK.parse(data, offset)
    size = head["blocks"] * block
    wanted = {_RAW: size, _FILL: 4, _DONT_CARE: 0, _CRC32: 4}.get(head["type"])
    if wanted is None:
        raise malformed(_WHAT, "chunk type", offset, f"{head['type']:#x}, it must be one of {sorted(KINDS)}")
    if head["size"] != header_size + wanted or offset + head["size"] > len(data):
        problem = f"{head['size']} bytes for {wanted} of data, {len(data) - offset} are left"
        raise malformed(_WHAT, "chunk size", offset + _CHUNK.offsets["size"], problem)
    start = offset + header_size
    stands_for = 0 if head["type"] == _CRC32 else size
    return Chunk(KINDS[head["type"]], stands_for, data[start : start + wanted]), head["size"]


def expand(image: Sparse) -> Iterator[bytes]:
    """The image in pieces; what the sparse image does not care about is zeros."""
    for chunk in image.chunks:
        if chunk.kind == "raw":
            yield from pieces(chunk.data)
        else:
            unit = bytes(chunk.data) if chunk.kind == "fill" else bytes(4)
            piece = unit * (min(chunk.size, PIECE) // 4)
            for start in range(0, chunk.size, PIECE):
                yield piece[: chunk.size - start]

"""Android sparse images: read, expand, write.

The file header is declared with construct. The headers of chunks are read with struct: an image may have
131,072 of them, and 100,000 take 0.03 s that way, 2.0 s as construct records.
Source: AOSP system/core, libsparse/sparse_format.h.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

from hardboot.base.errors import InputError
from hardboot.formats.binary_record import BinaryRecord, Le16, Le32
from hardboot.formats.reading import PIECE, Data, malformed, pieces, truncated, view

ChunkKind: TypeAlias = Literal["raw", "fill", "skip", "crc32"]

SPARSE_MAGIC = 0xED26FF3A
MAX_BLOCK_SIZE = 1 << 20  # bytes; img2simg writes 4096
MAX_CHUNKS = 1 << 17  # 512 MiB in which no two blocks are alike
MAX_EXPANDED = 256 << 20  # bytes that are expanded; boot partitions have up to 128 MiB

_WHAT = "sparse image"
_RAW, _FILL, _DONT_CARE, _CRC32 = 0xCAC1, 0xCAC2, 0xCAC3, 0xCAC4
KINDS: dict[int, ChunkKind] = {_RAW: "raw", _FILL: "fill", _DONT_CARE: "skip", _CRC32: "crc32"}
_FIX = "Give an image of one partition."


@dataclass(frozen=True)
class Header(BinaryRecord, what=_WHAT):
    """The header of a sparse image, as stored: sizes in bytes; `blocks` of the expanded image."""

    magic: Le32
    major: Le16
    minor: Le16
    header_size: Le16
    chunk_header_size: Le16
    block_size: Le32
    blocks: Le32
    chunks: Le32
    checksum: Le32


class _ChunkHeader(NamedTuple):
    type: int
    reserved: int
    blocks: int
    size: int


class ChunkHeader(NamedTuple):
    """The header of a chunk, checked.

    Attributes:
        kind: See `Chunk`.
        blocks: Of the expanded image; none for a checksum.
        size: Bytes of the expanded image.
        stored_size: Bytes of its data in the file.
    """

    kind: ChunkKind
    blocks: int
    size: int
    stored_size: int


_CHUNK = struct.Struct("<HHII")
HEADER_SIZE, CHUNK_SIZE = Header.SIZE, _CHUNK.size  # bytes, at least
_CHUNK_SIZE_AT = 8  # offset of the field `size`


@dataclass(frozen=True)
class Chunk:
    """One chunk.

    Attributes:
        kind: "fill" repeats 4 bytes, "skip" stands for content that does not matter.
        size: Bytes of the expanded image it stands for.
        offset: Offset of its data in the file.
        data: Its data in the file.
    """

    kind: ChunkKind
    size: int
    offset: int
    data: memoryview = field(repr=False)


@dataclass(frozen=True)
class Sparse:
    """A sparse image.

    Attributes:
        block_size: In bytes.
        size: Bytes of the expanded image.
        trailing_size: Bytes behind the last chunk.
    """

    block_size: int
    size: int
    chunks: tuple[Chunk, ...] = field(repr=False)
    trailing_size: int = 0


def _wrong(name: str, problem: str, fix: str | None = None) -> InputError:
    at = Header.offset_of(name)
    return malformed(_WHAT, name, at, problem, fix=fix) if fix else malformed(_WHAT, name, at, problem)


def parse(data: Data, *, hollow: bool = False) -> Sparse:
    """Read a sparse image; only headers are read.

    Args:
        data: The file.
        hollow: True for a `skeleton`, whose raw chunks have no data.

    Raises:
        InputError: If it is something else, is truncated, or its numbers contradict each other.
    """
    content = view(data)
    head = parse_header(content)
    block = head.block_size
    if head.chunks > MAX_CHUNKS:
        raise _wrong("chunks", f"{head.chunks}, the limit is {MAX_CHUNKS}")
    chunks: list[Chunk] = []
    offset, blocks = head.header_size, 0
    for _ in range(head.chunks):
        chunk = _chunk(content, offset, head, hollow)
        chunks.append(chunk)
        offset = chunk.offset + len(chunk.data)
        blocks += chunk.size // block
    if blocks != head.blocks:
        raise _wrong("blocks", f"{head.blocks} blocks, the chunks have {blocks}")
    return Sparse(block, blocks * block, tuple(chunks), len(content) - offset)


def parse_header(data: memoryview) -> Header:
    """Read the header that `data` begins with.

    Raises:
        InputError: If it is that of something else, is truncated, or damaged.
    """
    head = Header.parse(data)
    if head.magic != SPARSE_MAGIC or head.major != 1:
        raise _wrong("magic", f"{head.magic:#x} version {head.major}, not {SPARSE_MAGIC:#x} version 1")
    if head.header_size < Header.SIZE or head.chunk_header_size < _CHUNK.size:
        problem = f"{head.header_size} bytes, and {head.chunk_header_size} for chunks, are too few"
        raise _wrong("header_size", problem)
    if not 4 <= head.block_size <= MAX_BLOCK_SIZE or head.block_size % 4:
        raise _wrong("block_size", f"{head.block_size} bytes")
    return head


def parse_chunk(data: bytes, offset: int, image: Header) -> ChunkHeader:
    """Read the header of a chunk, which is all of `data`.

    Args:
        data: CHUNK_SIZE bytes.
        offset: Of the chunk in the file, for errors.
        image: The header of the image.

    Raises:
        InputError: If there is no such kind of chunk, or its sizes contradict each other.
    """
    head = _ChunkHeader(*_CHUNK.unpack(data))
    if head.type not in KINDS:
        problem = f"{head.type:#x}, it must be one of {', '.join(map(hex, KINDS))}"
        raise malformed(_WHAT, "chunk type", offset, problem)
    blocks = 0 if head.type == _CRC32 else head.blocks
    size = blocks * image.block_size
    stored = {_RAW: size, _FILL: 4, _DONT_CARE: 0, _CRC32: 4}[head.type]
    if head.size != image.chunk_header_size + stored:
        raise malformed(
            _WHAT, "chunk size", offset + _CHUNK_SIZE_AT, f"{head.size} bytes for {stored} of data"
        )
    return ChunkHeader(KINDS[head.type], blocks, size, stored)


def _chunk(data: memoryview, offset: int, image: Header, hollow: bool) -> Chunk:
    if offset + _CHUNK.size > len(data):
        raise truncated(_WHAT, "chunk header", offset, len(data) - offset, _CHUNK.size)
    head = parse_chunk(bytes(data[offset : offset + _CHUNK.size]), offset, image)
    stored = 0 if hollow and head.kind == "raw" else head.stored_size
    start = offset + image.chunk_header_size
    if start + stored > len(data):
        raise truncated(_WHAT, "chunk", start, len(data) - start, stored)
    return Chunk(head.kind, head.size, start, data[start : start + stored])


def expand(image: Sparse) -> Iterator[bytes]:
    """Return the expanded image in pieces; skipped chunks are zeros.

    Raises:
        InputError: If it would be empty or have more than MAX_EXPANDED bytes; before the first piece.
    """
    if image.size > MAX_EXPANDED:
        raise _wrong("blocks", f"it expands to {image.size} bytes, the limit is {MAX_EXPANDED}", _FIX)
    if not image.size:
        raise _wrong("blocks", "it expands to nothing")
    return _expand(image)


def _expand(image: Sparse) -> Iterator[bytes]:
    for chunk in image.chunks:
        if chunk.kind == "raw":
            yield from pieces(chunk.data)
        else:
            yield from filled(chunk.kind, bytes(chunk.data), chunk.size)


def filled(kind: ChunkKind, data: bytes, size: int) -> Iterator[bytes]:
    """Yield the `size` bytes that a chunk without its own data stands for.

    Args:
        kind: Of the chunk, not "raw".
        data: The 4 bytes that a "fill" chunk repeats.
        size: A multiple of 4.
    """
    unit = data if kind == "fill" else bytes(4)
    piece = unit * (min(size, PIECE) // 4)
    for start in range(0, size, PIECE):
        yield piece[: size - start]


def skeleton(image: Sparse, data: Data) -> Iterator[bytes]:
    """Yield the file without the data of its raw chunks; `restore` joins it with the expanded image."""
    content = view(data)
    at = 0
    for chunk in image.chunks:
        if chunk.kind == "raw":
            yield bytes(content[at : chunk.offset])
            at = chunk.offset + len(chunk.data)
    yield from pieces(content[at:])


def restore(bones: Data, raw: Data) -> Iterator[bytes]:
    """Return the file whose `skeleton` is `bones` and which expands to `raw`.

    Raises:
        InputError: If both do not fit together; before the first piece.
    """
    image, content = parse(bones, hollow=True), view(raw)
    if image.size != len(content):
        raise _wrong("blocks", f"{image.size} bytes, not {len(content)}")
    at = 0
    for chunk in image.chunks:
        if chunk.kind in ("fill", "skip"):
            alone = Sparse(image.block_size, chunk.size, (chunk,))
            for piece in _expand(alone):
                if content[at : at + len(piece)] != piece:
                    problem = f"the expanded image differs from it at {at:#x}"
                    raise malformed(_WHAT, "chunk", chunk.offset, problem, fix="Unpack the image again.")
                at += len(piece)
        else:
            at += chunk.size
    return _restore(image, view(bones), content)


def _restore(image: Sparse, bones: memoryview, raw: memoryview) -> Iterator[bytes]:
    written = at = 0
    for chunk in image.chunks:
        if chunk.kind == "raw":
            yield bytes(bones[written : chunk.offset])
            yield from pieces(raw[at : at + chunk.size])
            written = chunk.offset
        at += chunk.size
    yield from pieces(bones[written:])


def build(raw: Data, block_size: int = 4096) -> Iterator[bytes]:
    """Return a sparse image of `raw` as img2simg writes it: blocks of one repeated word are fill chunks.

    Args:
        raw: The image.
        block_size: In bytes, a multiple of 4.

    Raises:
        InputError: If there is no such block size; before the first piece.
    """
    if not 4 <= block_size <= MAX_BLOCK_SIZE or block_size % 4:
        raise _wrong("block_size", f"{block_size} bytes", "Use 4096.")
    return _build(view(raw), block_size)


def _build(raw: memoryview, block_size: int) -> Iterator[bytes]:
    runs: list[tuple[bytes, int]] = []  # the repeated word or nothing, and blocks
    for piece in pieces(raw, block_size):
        word = piece[:4]
        repeats = len(piece) == block_size and piece == word * (block_size // 4)
        unit = word if repeats else b""
        blocks = runs.pop()[1] + 1 if runs and runs[-1][0] == unit else 1
        runs.append((unit, blocks))
    header = Header(
        magic=SPARSE_MAGIC,
        major=1,
        minor=0,
        header_size=Header.SIZE,
        chunk_header_size=_CHUNK.size,
        block_size=block_size,
        blocks=sum(blocks for _, blocks in runs),
        chunks=len(runs),
        checksum=0,
    )
    yield header.build()
    at = 0
    for unit, blocks in runs:
        size = blocks * block_size
        kind, stored = (_FILL, len(unit)) if unit else (_RAW, size)
        yield _CHUNK.pack(kind, 0, blocks, _CHUNK.size + stored) + unit
        if not unit:
            yield from pieces(raw[at : at + size])
        at += size
    yield bytes(max(0, at - len(raw)))

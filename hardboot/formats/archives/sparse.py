"""Android sparse images: read, expand, write.

Source: AOSP system/core, libsparse/sparse_format.h.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from hardboot.formats.header import Layout
from hardboot.formats.reading import PIECE, Data, malformed, pieces, view

_WHAT = "sparse image"
_MAGIC = 0xED26FF3A
MAX_BLOCK_SIZE = 1 << 20  # bytes; img2simg writes 4096
MAX_CHUNKS = 1 << 17  # 512 MiB in which no two blocks are alike
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
    """One chunk: its kind, the bytes it stands for, where its own data lies in the file, and that data."""

    kind: str
    size: int
    offset: int
    data: memoryview = field(repr=False)


@dataclass(frozen=True)
class Sparse:
    """A sparse image; `size` is in bytes, expanded."""

    block_size: int
    size: int
    chunks: tuple[Chunk, ...] = field(repr=False)
    trailing_size: int = 0


def parse(data: Data, *, hollow: bool = False) -> Sparse:
    """Read a sparse image; only the chunk headers are read.

    Args:
        data: The file.
        hollow: It is a `skeleton`.

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
        chunk = _chunk(seen, offset, head["chunk_header_size"], block, hollow)
        chunks.append(chunk)
        offset = chunk.offset + len(chunk.data)
        blocks += chunk.size // block
    if blocks != head["blocks"]:
        problem = f"{head['blocks']} blocks, the chunks have {blocks}"
        raise malformed(_WHAT, "blocks", _FILE.offsets["blocks"], problem)
    return Sparse(block, blocks * block, tuple(chunks), len(seen) - offset)


def _chunk(data: memoryview, offset: int, header_size: int, block: int, hollow: bool) -> Chunk:
    head = _CHUNK.parse(data, offset)
    size = head["blocks"] * block
    wanted = {_RAW: size, _FILL: 4, _DONT_CARE: 0, _CRC32: 4}.get(head["type"])
    if wanted is None:
        raise malformed(_WHAT, "chunk type", offset, f"{head['type']:#x}, it must be one of {sorted(KINDS)}")
    held = 0 if hollow and head["type"] == _RAW else wanted
    if head["size"] != header_size + wanted or offset + header_size + held > len(data):
        problem = f"{head['size']} bytes for {wanted} of data, {len(data) - offset} are left"
        raise malformed(_WHAT, "chunk size", offset + _CHUNK.offsets["size"], problem)
    start = offset + header_size
    stands_for = 0 if head["type"] == _CRC32 else size
    return Chunk(KINDS[head["type"]], stands_for, start, data[start : start + held])


def expand(image: Sparse) -> Iterator[bytes]:
    """The image in pieces; what the sparse image does not care about is zeros.

    Raises:
        InputError: If it would have more than MAX_EXPANDED bytes; before the first piece.
    """
    if image.size > MAX_EXPANDED:
        problem = f"it expands to {image.size} bytes, the limit is {MAX_EXPANDED}"
        raise malformed(
            _WHAT, "blocks", _FILE.offsets["blocks"], problem, fix="Give an image of one partition."
        )
    if not image.size:
        raise malformed(_WHAT, "blocks", _FILE.offsets["blocks"], "it expands to nothing")
    return _expand(image)


def _expand(image: Sparse) -> Iterator[bytes]:
    for chunk in image.chunks:
        if chunk.kind == "raw":
            yield from pieces(chunk.data)
        else:
            unit = bytes(chunk.data) if chunk.kind == "fill" else bytes(4)
            piece = unit * (min(chunk.size, PIECE) // 4)
            for start in range(0, chunk.size, PIECE):
                yield piece[: chunk.size - start]


def skeleton(image: Sparse, data: Data) -> Iterator[bytes]:
    """The file without the data of its raw chunks: with what it expands to, it is the file again."""
    seen = view(data)
    at = 0
    for chunk in image.chunks:
        if chunk.kind == "raw":
            yield bytes(seen[at : chunk.offset])
            at = chunk.offset + len(chunk.data)
    yield from pieces(seen[at:])


def restore(bones: Data, raw: Data) -> Iterator[bytes]:
    """The file whose `skeleton` is `bones` and which expands to `raw`.

    Raises:
        InputError: If both do not fit together; before the first piece.
    """
    image, content = parse(bones, hollow=True), view(raw)
    if image.size != len(content):
        raise malformed(_WHAT, "blocks", _FILE.offsets["blocks"], f"{image.size} bytes, not {len(content)}")
    at = 0
    for chunk in image.chunks:
        if chunk.kind in ("fill", "skip"):
            stood = Sparse(image.block_size, chunk.size, (chunk,))
            for piece in _expand(stood):
                if content[at : at + len(piece)] != piece:
                    problem = f"another one than what stands at {at:#x}"
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
    """A sparse image of `raw` as img2simg writes it: blocks of one repeated word become fill chunks.

    Raises:
        InputError: If there is no such block size; before the first piece.
    """
    if not 4 <= block_size <= MAX_BLOCK_SIZE or block_size % 4:
        raise malformed(
            _WHAT, "block_size", _FILE.offsets["block_size"], f"{block_size} bytes", fix="Use 4096."
        )
    return _build(view(raw), block_size)


def _build(raw: memoryview, block_size: int) -> Iterator[bytes]:
    runs: list[tuple[bytes, int]] = []  # the repeated word or nothing, and blocks
    for piece in pieces(raw, block_size):
        word = piece[:4]
        unit = word if piece == word * (block_size // 4) else b""
        blocks = runs.pop()[1] + 1 if runs and runs[-1][0] == unit else 1
        runs.append((unit, blocks))
    numbers = (_MAGIC, 1, 0, _FILE.size, _CHUNK.size, block_size, sum(one[1] for one in runs), len(runs), 0)
    yield _FILE.build(dict(zip(_FILE.names, numbers, strict=True)))
    at = 0
    for unit, blocks in runs:
        size = blocks * block_size
        kind, held = (_FILL, len(unit)) if unit else (_RAW, size)
        head = {"type": kind, "reserved": 0, "blocks": blocks, "size": _CHUNK.size + held}
        yield _CHUNK.build(head) + unit
        if not unit:
            yield from pieces(raw[at : at + size])
        at += size
    yield bytes(max(0, at - len(raw)))

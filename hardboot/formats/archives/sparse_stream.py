"""Android sparse images of any size, expanded while they arrive."""

from collections.abc import Iterable, Iterator

from hardboot.formats.archives import sparse
from hardboot.formats.archives.piece_reader import PieceReader
from hardboot.formats.reading import malformed

_WHAT = "sparse image"


def expanded_size(head: bytes) -> int:
    """Return the bytes that a sparse image expands to.

    Args:
        head: Its first bytes, at least those of the header.

    Raises:
        InputError: If its header is damaged.
    """
    header = sparse.parse_header(memoryview(head))
    return header.blocks * header.block_size


def expand_pieces(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the content of the sparse image in `pieces`; what it skips is zeros.

    Raises:
        InputError: If it is damaged or cut off, or its numbers contradict each other.
    """
    reader = PieceReader(pieces, _WHAT)
    header = sparse.parse_header(memoryview(reader.read("header", sparse.HEADER_SIZE)))
    for _ in reader.take("header", header.header_size - sparse.HEADER_SIZE):
        pass
    left = header.blocks
    for _ in range(header.chunks):
        start = reader.offset
        chunk = sparse.parse_chunk(reader.read("chunk header", sparse.CHUNK_SIZE), start, header)
        for _ in reader.take("chunk header", header.chunk_header_size - sparse.CHUNK_SIZE):
            pass
        left -= chunk.blocks
        if left < 0:
            raise malformed(_WHAT, "chunk", start, f"it ends behind the {header.blocks} blocks")
        if chunk.kind == "raw":
            yield from reader.take("chunk", chunk.size)
        else:
            yield from sparse.filled(chunk.kind, reader.read("chunk", chunk.stored_size), chunk.size)
    if left:
        raise malformed(_WHAT, "chunks", reader.offset, f"{left} of {header.blocks} blocks are missing")

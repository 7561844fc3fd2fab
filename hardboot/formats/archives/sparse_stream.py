"""Android sparse images of any size, expanded while they arrive."""

from collections.abc import Iterable, Iterator

from hardboot.formats.archives import sparse
from hardboot.formats.archives.piece_reader import PieceReader
from hardboot.formats.reading import malformed, zeros

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
    return join_pieces([pieces])


def join_pieces(parts: Iterable[Iterable[bytes]]) -> Iterator[bytes]:
    """Yield the image that sparse images make together, each of which skips what the others hold.

    Args:
        parts: Each the pieces of a sparse image, in the order of their content.

    Raises:
        InputError: If one is damaged or cut off, or holds what lies before the content of another.
    """
    end = size = 0
    for part in parts:
        for start, piece in _placed(part):
            size = max(size, start + len(piece))
            if not piece:
                continue
            if start < end:
                raise malformed(
                    _WHAT, "chunk", None, f"it holds byte {start:#x}, which an earlier one holds, too"
                )
            yield from zeros(start - end)
            yield piece
            end = start + len(piece)
    yield from zeros(size - end)


def _placed(pieces: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield what a sparse image does not skip, with its place; at last nothing, at the image's end."""
    reader = PieceReader(pieces, _WHAT)
    header = sparse.parse_header(memoryview(reader.read("header", sparse.HEADER_SIZE)))
    for _ in reader.take("header", header.header_size - sparse.HEADER_SIZE):
        pass
    left, at = header.blocks, 0
    for _ in range(header.chunks):
        start = reader.offset
        chunk = sparse.parse_chunk(reader.read("chunk header", sparse.CHUNK_SIZE), start, header)
        for _ in reader.take("chunk header", header.chunk_header_size - sparse.CHUNK_SIZE):
            pass
        left -= chunk.blocks
        if left < 0:
            raise malformed(_WHAT, "chunk", start, f"it ends behind the {header.blocks} blocks")
        if chunk.kind == "skip":
            at += chunk.size
            continue
        content = (
            reader.take("chunk", chunk.size)
            if chunk.kind == "raw"
            else sparse.filled(chunk.kind, reader.read("chunk", chunk.stored_size), chunk.size)
        )
        for piece in content:
            yield at, piece
            at += len(piece)
    if left:
        raise malformed(_WHAT, "chunks", reader.offset, f"{left} of {header.blocks} blocks are missing")
    yield at, b""

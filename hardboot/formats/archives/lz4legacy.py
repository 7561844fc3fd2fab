"""The lz4 legacy stream of Linux kernels and ramdisks, and LG's variant, which ends with the size unpacked.

Sources: Linux lib/decompress_unlz4.c; lz4's doc/lz4_Frame_format.md, "Legacy frame"; Magisk's magiskboot
(check_fmt_lg) for LG's. After the magic come blocks {u32 packed size, data}; nothing marks the end.
The size in front of a block is read as a plain word: 64 KiB of hostile data have 13,000 blocks, which take
0.1 s with construct, 1 ms without.
"""

from collections.abc import Generator, Iterable, Iterator

import lz4.block

from hardboot.formats.reading import PIECE, Data, forget, malformed, u32, view

MAGIC = b"\x02\x21\x4c\x18"
BLOCK_SIZE = 8 << 20  # bytes unpacked; every block but the last has as many
MAX_PACKED = BLOCK_SIZE + BLOCK_SIZE // 255 + 16  # bytes; LZ4_compressBound(BLOCK_SIZE)
_MAX_PADDING = 64 << 10  # bytes of zeros behind LG's size

_WHAT = "lz4 legacy data"


def blocks(data: Data) -> Iterator[tuple[int, int]]:
    """Yield offset and size of each block's data; stop where a block cannot follow."""
    content = view(data)
    at = len(MAGIC)
    while at + 4 <= len(content):
        size = u32(content, at)
        if not 0 < size <= MAX_PACKED or at + 4 + size > len(content):
            return
        yield at + 4, size
        at += 4 + size


def is_lg(data: Data) -> bool:
    """Return True if LG's size follows the blocks, a word that is not a block itself, and then only zeros."""
    content = view(data)
    end = _end(content)
    behind = content[end + 4 :]
    if end == len(MAGIC) or end + 4 > len(content) or len(behind) > _MAX_PADDING:
        return False
    return u32(content, end) != 0 and not bytes(behind).strip(b"\0")


def _end(data: Data) -> int:
    end = len(MAGIC)
    for offset, size in blocks(data):
        end = offset + size
    return end


def decompress(data: Data) -> Generator[bytes, None, int]:
    """Yield the content in pieces of at most 256 KiB; return the offset where the stream ends.

    Raises:
        InputError: If a block is damaged, or there is none.
    """
    content = view(data)
    end = len(MAGIC)
    for offset, size in blocks(content):
        try:
            block: bytes = lz4.block.decompress(content[offset : offset + size], uncompressed_size=BLOCK_SIZE)
        except lz4.block.LZ4BlockError as error:
            raise malformed(_WHAT, "block", offset, str(error)) from error
        end = offset + size
        forget(content)
        last = len(block) < BLOCK_SIZE  # only the last one is shorter
        for start in range(0, len(block), PIECE):
            yield block[start : start + PIECE]
        del block  # before there is another one
        if last:
            break
    if end == len(MAGIC):
        raise malformed(_WHAT, "block", end, "there is none")
    return end


def check_raw_size(data: Data, end: int, size: int) -> int:
    """Return the offset where LG's stream ends.

    Args:
        data: The stream.
        end: Where its blocks end.
        size: Bytes the blocks unpack to.

    Raises:
        InputError: If the size stated at `end` is missing or another.
    """
    content = view(data)
    if end + 4 > len(content):
        raise malformed(_WHAT, "unpacked size", end, "it is missing")
    if u32(content, end) != size:
        raise malformed(_WHAT, "unpacked size", end, f"{u32(content, end)}, the blocks have {size} bytes")
    return end + 4


def compress(pieces: Iterable[bytes], *, lg: bool = False) -> Iterator[bytes]:
    """Yield the stream; with LG's size behind it if `lg`."""
    yield MAGIC
    size = 0
    for block in _regrouped(pieces):
        packed: bytes = lz4.block.compress(block, mode="high_compression", compression=9, store_size=False)
        size += len(block)
        yield len(packed).to_bytes(4, "little") + packed
    if lg:
        yield size.to_bytes(4, "little")


def _regrouped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the same bytes in pieces of BLOCK_SIZE, the last one shorter; at least one."""
    waiting = bytearray()
    empty = True
    for piece in pieces:
        waiting += piece
        while len(waiting) >= BLOCK_SIZE:
            yield bytes(waiting[:BLOCK_SIZE])
            del waiting[:BLOCK_SIZE]
            empty = False
    if waiting or empty:
        yield bytes(waiting)

"""zstd frames, unpacked one block at a time: the library alone would unpack 64 KiB to gigabytes at once.

Source: RFC 8878, chapter 3.1.1.
"""

from collections.abc import Generator, Iterator

from hardboot.formats.reading import PIECE, Data, forget, malformed, view

MAGIC = b"\x28\xb5\x2f\xfd"
MAX_WINDOW = (
    128 << 20
)  # bytes of decoder memory; Linux builds kernels with zstd -22 --ultra, which uses these

_WHAT = "zstd data"
_DICTIONARY_ID_SIZES = (0, 1, 2, 4)
_CONTENT_SIZES = (0, 2, 4, 8)
_MAX_BLOCKS = 1 << 20  # in a frame; they may be empty
_MAX_BLOCK = 128 << 10  # bytes a block unpacks to


def _blocks(data: memoryview) -> Iterator[int]:
    """Where the frame's header, each block and the frame itself end, in this order.

    Raises:
        InputError: If the frame is cut off or a block has a reserved type.
    """
    if len(data) < 6:
        raise malformed(_WHAT, "frame header", 0, "it is cut off")
    descriptor = data[4]
    single = descriptor >> 5 & 1
    content = _CONTENT_SIZES[descriptor >> 6] or single
    at = 5 + (1 - single) + _DICTIONARY_ID_SIZES[descriptor & 3] + content
    yield at
    last = blocks = 0
    while not last:
        blocks += 1
        if blocks > _MAX_BLOCKS:
            raise malformed(_WHAT, "block header", at, f"more than {_MAX_BLOCKS} blocks")
        if at + 3 > len(data):
            raise malformed(_WHAT, "block header", at, "it is cut off")
        header = int.from_bytes(data[at : at + 3], "little")
        last, kind, size = header & 1, header >> 1 & 3, header >> 3
        if kind == 3:
            raise malformed(_WHAT, "block header", at, "reserved block type 3")
        at += 3 + (1 if kind == 1 else size)  # 1: one byte, repeated
        if at > len(data):
            raise malformed(_WHAT, "block", at, f"it is cut off, the data ends at {len(data):#x}")
        yield at
    if descriptor >> 2 & 1:
        if at + 4 > len(data):
            raise malformed(_WHAT, "checksum", at, "it is cut off")
        yield at + 4


def decompress(data: Data) -> Generator[bytes, None, int]:
    """The content of one frame, in pieces of at most 256 KiB; returns where the frame ends.

    Raises:
        InputError: If it is damaged or cut off, or needs a dictionary or more memory than MAX_WINDOW.
    """
    import zstandard

    seen = view(data)
    decoder = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW).decompressobj()
    start = end = blocks = 0
    try:
        for end in _blocks(seen):
            blocks += 1
            if blocks * _MAX_BLOCK >= PIECE or end - start >= PIECE:
                yield decoder.decompress(bytes(seen[start:end]))
                start, blocks = end, 0
                forget(seen)
        if end > start:
            yield decoder.decompress(bytes(seen[start:end]))
    except zstandard.ZstdError as error:
        raise malformed(_WHAT, "frame", start, str(error)) from error
    if not decoder.eof:
        raise malformed(_WHAT, "frame", end, "it does not end where its blocks do")
    return end

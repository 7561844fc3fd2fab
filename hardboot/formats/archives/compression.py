"""Compressed streams of kernels and ramdisks: detect, decompress within bounds, compress.

Sources: RFC 1952 (gzip), RFC 8878 (zstd), the .xz and lz4 frame specifications, Linux
lib/decompress_unlz4.c (lz4 legacy), Magisk's magiskboot (LG's variant of it).
"""

import bz2
import io
import lzma
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import Literal, Protocol, TypeAlias

import lz4.frame

from hardboot.base.errors import InputError
from hardboot.formats.archives import decoders, lz4legacy
from hardboot.formats.archives.decoders import Streamed, zstd
from hardboot.formats.reading import PIECE, Data, forget, malformed, too_large, view
from hardboot.formats.sniff import described

Compression: TypeAlias = Literal["gzip", "xz", "lzma", "bzip2", "lz4", "lz4-legacy", "lz4-lg", "zstd"]

MAX_UNPACKED = 1 << 30  # bytes; ramdisks that hold a whole system have hundreds of MiB, and must fit into RAM
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"

_INPUT = 64 << 10  # bytes fed at a time
_UNKNOWN_SIZE = (1 << 64) - 1  # in an .lzma header
_MAGICS: dict[bytes, Compression | Literal["lzop"]] = {
    b"\x1f\x8b": "gzip",
    b"\x1f\x9e": "gzip",
    b"\xfd7zXZ\0": "xz",
    b"BZh": "bzip2",
    b"\x04\x22\x4d\x18": "lz4",
    b"\x03\x21\x4c\x18": "lz4",
    b"\x89LZO": "lzop",
    ZSTD_MAGIC: "zstd",
}
_LZMA_DICTIONARIES = tuple(1 << power for power in range(12, 30)) + tuple(
    3 << power for power in range(11, 28)
)


class _Encoder(Protocol):
    """The interface of the standard library's compressors."""

    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


class Decompressor:
    """Decompress the stream that `data` begins with: iterate for its content, in pieces of at most 256 KiB.

    Nothing is kept, and data after the end of the stream is not touched.

    Attributes:
        size: Bytes decompressed so far; once the iteration has ended, of the whole content.
        fed: Bytes of `data` read so far.
        end: Offset in `data` where the stream ends; None until the iteration has ended.
    """

    def __init__(self, kind: Compression, data: Data, *, limit: int = MAX_UNPACKED) -> None:
        """Prepare to decompress; read nothing yet.

        Args:
            kind: As `detect` names it.
            data: Begins with the stream.
            limit: Largest size of the content, in bytes.
        """
        self.kind = kind
        self.size = self.fed = 0
        self.end: int | None = None
        self._data = view(data)
        self._limit = limit

    def __iter__(self) -> Iterator[bytes]:
        """Yield the content.

        Raises:
            InputError: If the stream is damaged or truncated, needs too much memory, or exceeds the limit.
        """
        for piece in self._content():
            self.size += len(piece)
            if self.size > self._limit:
                problem = f"it decompresses to more than {self._limit} bytes, the limit"
                raise too_large(f"{self.kind} data", "stream", 0, problem)
            yield piece
        if self.end is None:
            raise self._wrong(len(self._data), f"truncated after {self.size} decompressed bytes")

    def _wrong(self, offset: int, problem: str) -> InputError:
        return malformed(f"{self.kind} data", "stream", offset, problem)

    def _content(self) -> Iterator[bytes]:
        if self.kind == "lz4-legacy" or self.kind == "lz4-lg":
            yield from self._unlz4_legacy()
            return
        decoder = decoders.new_decoder(self.kind)
        for start, piece in self._fed():
            yield from decoders.feed(self.kind, decoder, piece, start)
            if decoder.eof:
                self.end = start + len(piece) - len(decoder.unused_data or b"")
                return

    def _unlz4_legacy(self) -> Iterator[bytes]:
        end = yield from lz4legacy.decompress(self._data)
        self.end = end if self.kind == "lz4-legacy" else lz4legacy.check_raw_size(self._data, end, self.size)

    def _fed(self) -> Iterator[tuple[int, bytes]]:
        """Yield the compressed data in pieces, each with its offset."""
        for start in range(0, len(self._data), _INPUT):
            self.fed = min(start + _INPUT, len(self._data))
            yield start, bytes(self._data[start : start + _INPUT])
            if start % PIECE == 0:
                forget(self._data)


def detect(data: Data) -> Compression | Literal["lzop"] | None:
    """Return what `data` is compressed with, by its first bytes; None if it is not, or with another program.

    LG's lz4 differs from plain lz4 legacy in what follows the last block: only block sizes are read for it.
    """
    content = view(data)
    head = bytes(content[:13])
    if head.startswith(lz4legacy.MAGIC):
        return "lz4-lg" if lz4legacy.is_lg(content) else "lz4-legacy"
    for magic, kind in _MAGICS.items():
        if head.startswith(magic):
            return kind
    return "lzma" if _is_lzma(head) else None


def detect_streamed(head: bytes) -> Streamed | None:
    """Return what a file is compressed with that begins with `head`, if it can be read piece by piece."""
    kind = detect(head)
    if kind is None or kind == "lzop" or kind == "lz4-legacy" or kind == "lz4-lg":
        return None
    return kind


def _is_lzma(head: bytes) -> bool:
    """Return True for an .lzma header: properties 0x5d, a usual dictionary size, a plausible content size."""
    if len(head) < 13 or head[0] != 0x5D:
        return False
    dictionary, size = struct.unpack_from("<IQ", head, 1)
    return dictionary in _LZMA_DICTIONARIES and (size == _UNKNOWN_SIZE or size <= MAX_UNPACKED)


def decompress(data: Data, *, limit: int = MAX_UNPACKED) -> bytes:
    """Return the whole content of `data`, which is one stream; zeros may follow it.

    Raises:
        InputError: If it is not compressed, is lzop, is damaged, or decompresses to more than `limit` bytes.
    """
    packed = view(data)
    kind = detect(packed)
    if kind is None or kind == "lzop":
        raise unreadable(packed)
    unpacked, end = unpack(kind, packed, limit=limit)
    for start in range(end, len(packed), PIECE):
        if bytes(packed[start : start + PIECE]).strip(b"\0"):
            raise malformed(f"{kind} data", "stream", end, f"{len(packed) - end} bytes follow it")
    return unpacked


def unpack(kind: Compression, data: Data, *, limit: int = MAX_UNPACKED) -> tuple[bytes, int]:
    """Return the whole content of the stream that `data` begins with, and the offset where the stream ends.

    Raises:
        InputError: If it is damaged or decompresses to more than `limit` bytes.
    """
    stream = Decompressor(kind, data, limit=limit)
    content = io.BytesIO()  # a list of pieces and their sum would be there twice
    for piece in stream:
        content.write(piece)
    return content.getvalue(), stream.end or 0


def peek(data: Data) -> bytes:
    """Return the first bytes of the content, at most 256 KiB; of data that is not compressed its own.

    Raises:
        InputError: If the stream is damaged there.
    """
    content = view(data)
    kind = detect(content)
    if kind is None or kind == "lzop":
        return bytes(content[:PIECE])
    return next((piece for piece in Decompressor(kind, content) if piece), b"")


def unreadable(data: Data) -> InputError:
    """Return the error for data that hardboot cannot decompress: lzop, or of no known compression."""
    if detect(data) == "lzop":
        fix = "Decompress it with lzop -d and use another program: no phone needs lzop."
        return malformed("lzop data", "magic", 0, "hardboot does not read lzop", fix=fix)
    return malformed("compressed data", "magic", 0, f"this is {described(data)}")


def compress(kind: Compression, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a stream that kernels and bootloaders read; the same content gives the same bytes everywhere."""
    if kind in ("lz4-legacy", "lz4-lg"):
        yield from lz4legacy.compress(pieces, lg=kind == "lz4-lg")
        return
    if kind == "lz4":
        yield from _lz4_frame(pieces)
        return
    encoder = _encoder(kind)
    for piece in pieces:
        yield encoder.compress(piece)
    yield encoder.flush()


def _lz4_frame(pieces: Iterable[bytes]) -> Iterator[bytes]:
    encoder = lz4.frame.LZ4FrameCompressor(compression_level=9, content_checksum=True)
    yield encoder.begin()
    for piece in pieces:
        yield encoder.compress(piece)
    yield encoder.flush()


def _encoder(kind: Compression) -> _Encoder:
    if kind == "gzip":
        return zlib.compressobj(9, wbits=16 + zlib.MAX_WBITS)
    if kind == "bzip2":
        return bz2.BZ2Compressor()
    if kind == "zstd":
        parameter = zstd.CompressionParameter
        return zstd.ZstdCompressor(options={parameter.compression_level: 19, parameter.checksum_flag: 1})
    if kind == "lzma":
        return lzma.LZMACompressor(lzma.FORMAT_ALONE)
    return lzma.LZMACompressor(lzma.FORMAT_XZ, check=lzma.CHECK_CRC32)  # Linux knows no other check

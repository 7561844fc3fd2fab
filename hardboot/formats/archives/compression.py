"""Compressed streams of kernels and ramdisks: detect, decompress within bounds, compress.

Sources: RFC 1952 (gzip), RFC 8878 (zstd), the .xz and lz4 frame specifications, Linux
lib/decompress_unlz4.c (lz4 legacy), Magisk's magiskboot (LG's variant of it).
"""

import bz2
import io
import lzma
import struct
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, Protocol, TypeAlias

import lz4.frame

from hardboot.base.errors import InputError
from hardboot.formats.archives import lz4legacy
from hardboot.formats.reading import PIECE, Data, forget, malformed, too_large, view
from hardboot.formats.sniff import described

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ZstdError = zstd.ZstdError

Compression: TypeAlias = Literal["gzip", "xz", "lzma", "bzip2", "lz4", "lz4-legacy", "lz4-lg", "zstd"]

MAX_UNPACKED = 1 << 30  # bytes; ramdisks that hold a whole system have hundreds of MiB, and must fit into RAM
# Bytes of decoder memory, for dictionaries of 512 MiB: xz -9 uses 64 MiB, Linux unpacks a ramdisk with any.
# liblzma asks for all of it, but a page of it is only used once as much was decompressed.
MAX_DICTIONARY = (512 << 20) + (2 << 20)
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
ZSTD_WINDOW_LOG = 27  # at most 128 MiB of decoder memory: what zstd -22 --ultra uses, as Linux's build does

_INPUT = 64 << 10  # bytes fed at a time
_OUTPUT = 256 << 10  # bytes unpacked at a time
_MEMORY_LIMIT = "Memory usage limit"  # in lzma's message
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


class _Decoder(Protocol):
    """The interface of the standard library's decompressors."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes | None: ...  # lz4 says None for b""
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


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
        for piece in _UNPACK[self.kind](self):
            self.size += len(piece)
            if self.size > self._limit:
                problem = f"it decompresses to more than {self._limit} bytes, the limit"
                raise too_large(f"{self.kind} data", "stream", 0, problem)
            yield piece
        if self.end is None:
            raise self._wrong(len(self._data), f"truncated after {self.size} decompressed bytes")

    def _wrong(self, offset: int, problem: str) -> InputError:
        return malformed(f"{self.kind} data", "stream", offset, problem)

    def _gunzip(self) -> Iterator[bytes]:
        decoder = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        for start, piece in self._fed():
            waiting = piece
            try:
                while waiting and not decoder.eof:
                    yield decoder.decompress(waiting, _OUTPUT)
                    waiting = decoder.unconsumed_tail
            except zlib.error as error:
                raise self._wrong(start, str(error)) from error
            if decoder.eof:
                self.end = start + len(piece) - len(decoder.unused_data)
                return

    def _decode(self, decoder: _Decoder, errors: type[Exception]) -> Iterator[bytes]:
        for start, piece in self._fed():
            waiting = piece
            try:
                while True:
                    yield decoder.decompress(waiting, _OUTPUT)
                    waiting = b""
                    if decoder.eof or decoder.needs_input:
                        break
            except errors as error:
                fault = too_large if _MEMORY_LIMIT in str(error) else malformed
                raise fault(f"{self.kind} data", "stream", start, str(error)) from error
            if decoder.eof:
                self.end = start + len(piece) - len(decoder.unused_data or b"")
                return

    def _unxz(self) -> Iterator[bytes]:
        container = lzma.FORMAT_XZ if self.kind == "xz" else lzma.FORMAT_ALONE
        decoder = lzma.LZMADecompressor(container, memlimit=MAX_DICTIONARY)
        return self._decode(decoder, lzma.LZMAError)

    def _bunzip2(self) -> Iterator[bytes]:
        return self._decode(bz2.BZ2Decompressor(), OSError)

    def _unlz4(self) -> Iterator[bytes]:
        return self._decode(lz4.frame.LZ4FrameDecompressor(), RuntimeError)

    def _unlz4_legacy(self) -> Iterator[bytes]:
        end = yield from lz4legacy.decompress(self._data)
        self.end = end if self.kind == "lz4-legacy" else lz4legacy.check_raw_size(self._data, end, self.size)

    def _unzstd(self) -> Iterator[bytes]:
        options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: ZSTD_WINDOW_LOG}
        return self._decode(zstd.ZstdDecompressor(options=options), ZstdError)

    def _fed(self) -> Iterator[tuple[int, bytes]]:
        """Yield the compressed data in pieces, each with its offset."""
        for start in range(0, len(self._data), _INPUT):
            self.fed = min(start + _INPUT, len(self._data))
            yield start, bytes(self._data[start : start + _INPUT])
            if start % PIECE == 0:
                forget(self._data)


_UNPACK: dict[str, Callable[[Decompressor], Iterator[bytes]]] = {
    "gzip": Decompressor._gunzip,
    "xz": Decompressor._unxz,
    "lzma": Decompressor._unxz,
    "bzip2": Decompressor._bunzip2,
    "lz4": Decompressor._unlz4,
    "lz4-legacy": Decompressor._unlz4_legacy,
    "lz4-lg": Decompressor._unlz4_legacy,
    "zstd": Decompressor._unzstd,
}


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

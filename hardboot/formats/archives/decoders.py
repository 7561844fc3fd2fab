"""Decompressors behind one interface, and streams that arrive piece by piece.

Sources: RFC 1952 (gzip), RFC 7932 (brotli), RFC 8878 (zstd), the .xz and lz4 frame specifications.
"""

import bz2
import lzma
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, Protocol, TypeAlias

import brotli
import lz4.frame

from hardboot.formats.reading import malformed, too_large

if sys.version_info >= (3, 14):
    from compression import zstd as zstd
else:
    from backports import zstd as zstd

ZstdError = zstd.ZstdError

Streamed: TypeAlias = Literal["gzip", "xz", "lzma", "bzip2", "lz4", "zstd", "brotli"]

# Bytes of decoder memory, for dictionaries of 512 MiB: xz -9 uses 64 MiB, Linux unpacks a ramdisk with any.
# liblzma asks for all of it, but a page of it is only used once as much was decompressed.
MAX_DICTIONARY = (512 << 20) + (2 << 20)
ZSTD_WINDOW_LOG = 27  # at most 128 MiB of decoder memory: what zstd -22 --ultra uses, as Linux's build does
OUTPUT = 256 << 10  # bytes unpacked at a time

_MEMORY_LIMIT = "Memory usage limit"  # in lzma's message


class Decoder(Protocol):
    """The interface of the standard library's decompressors."""

    @property
    def eof(self) -> bool: ...  # noqa: D102
    @property
    def needs_input(self) -> bool: ...  # noqa: D102
    @property
    def unused_data(self) -> bytes | None: ...  # noqa: D102  # lz4 says None for b""
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...  # noqa: D102


class _Gunzip:
    """zlib's decoder, which hands back the input that it has no room for."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        self._waiting = b""

    @property
    def eof(self) -> bool:
        return self._inflate.eof

    @property
    def needs_input(self) -> bool:
        return not self._waiting

    @property
    def unused_data(self) -> bytes:
        return self._inflate.unused_data

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        content = self._inflate.decompress(self._waiting + data, max_length)
        self._waiting = self._inflate.unconsumed_tail
        return content


class _Unbrotli:
    """Brotli's decoder, for which data behind the end of the stream is an error."""

    unused_data = b""

    def __init__(self) -> None:
        self._decoder = brotli.Decompressor()

    @property
    def eof(self) -> bool:
        finished: bool = self._decoder.is_finished()
        return finished

    @property
    def needs_input(self) -> bool:
        needs: bool = self._decoder.can_accept_more_data()
        return needs

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        content: bytes = self._decoder.process(data, output_buffer_limit=max_length)
        return content


def _unxz() -> Decoder:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MAX_DICTIONARY)


def _unlzma() -> Decoder:
    return lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=MAX_DICTIONARY)


def _unlz4() -> Decoder:
    decoder: Decoder = lz4.frame.LZ4FrameDecompressor()
    return decoder


def _unzstd() -> Decoder:
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: ZSTD_WINDOW_LOG}
    return zstd.ZstdDecompressor(options=options)


_DECODERS: dict[Streamed, tuple[Callable[[], Decoder], type[Exception]]] = {
    "gzip": (_Gunzip, zlib.error),
    "xz": (_unxz, lzma.LZMAError),
    "lzma": (_unlzma, lzma.LZMAError),
    "bzip2": (bz2.BZ2Decompressor, OSError),
    "lz4": (_unlz4, RuntimeError),
    "zstd": (_unzstd, ZstdError),
    "brotli": (_Unbrotli, brotli.error),
}


def new_decoder(kind: Streamed) -> Decoder:
    """Return a decoder for one stream."""
    return _DECODERS[kind][0]()


def feed(kind: Streamed, decoder: Decoder, data: bytes, offset: int) -> Iterator[bytes]:
    """Yield what `decoder` makes of `data`, in pieces of about 256 KiB.

    Args:
        kind: Of the stream.
        decoder: As `new_decoder` made it.
        data: The next bytes of the stream.
        offset: Of `data` in the stream, for errors.

    Raises:
        InputError: If the stream is damaged, or needs too much memory.
    """
    try:
        while True:
            content = decoder.decompress(data, OUTPUT)
            data = b""
            if content:
                yield content
            if decoder.eof or decoder.needs_input:
                return
    except _DECODERS[kind][1] as error:
        fault = too_large if _MEMORY_LIMIT in str(error) else malformed
        raise fault(f"{kind} data", "stream", offset, str(error)) from error


def decompress_pieces(kind: Streamed, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the content of streams that follow each other, as parallel compressors write them.

    Args:
        kind: Of all of them.
        pieces: The streams; zeros may follow each.

    Raises:
        InputError: If one is damaged or cut off, or needs too much memory.
    """
    decoder: Decoder | None = new_decoder(kind)
    offset = 0
    for piece in pieces:
        waiting = piece
        while waiting:
            if decoder is None:
                waiting = waiting.lstrip(b"\0")
                if not waiting:
                    break
                decoder = new_decoder(kind)
            yield from feed(kind, decoder, waiting, offset)
            waiting = b""
            if decoder.eof:
                waiting, decoder = decoder.unused_data or b"", None
        offset += len(piece)
    if decoder is not None:
        raise malformed(f"{kind} data", "stream", offset, "truncated")

"""Compressed streams as kernels and ramdisks use them: told apart, unpacked within bounds, packed.

Sources: RFC 1952 (gzip), RFC 8878 (zstd), the .xz and lz4 frame specifications, Linux
lib/decompress_unlz4.c (lz4 legacy), Magisk's magiskboot (LG's variant of it).
"""

import io
import struct
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal, TypeAlias, get_args

from hardboot.base.errors import InputError
from hardboot.formats.archives import lz4legacy, zstdframe
from hardboot.formats.reading import PIECE, Data, forget, malformed, view
from hardboot.formats.sniff import described

Compression: TypeAlias = Literal["gzip", "xz", "lzma", "bzip2", "lz4", "lz4-legacy", "lz4-lg", "zstd"]
COMPRESSIONS: tuple[Compression, ...] = get_args(Compression)

MAX_UNPACKED = 192 << 20  # bytes; the largest kernels and ramdisks of phones unpack to under 100 MiB
MAX_DICTIONARY = 96 << 20  # bytes of decoder memory; Linux's xz_wrap.sh uses 32 MiB, lzma -9 64 MiB

_INPUT = 64 << 10  # bytes fed at a time
_OUTPUT = 256 << 10  # bytes unpacked at a time
_UNKNOWN_SIZE = (1 << 64) - 1  # in an .lzma header
_MAGICS: dict[bytes, Compression | Literal["lzop"]] = {
    b"\x1f\x8b": "gzip",
    b"\x1f\x9e": "gzip",
    b"\xfd7zXZ\0": "xz",
    b"BZh": "bzip2",
    b"\x04\x22\x4d\x18": "lz4",
    b"\x03\x21\x4c\x18": "lz4",
    b"\x89LZO": "lzop",
    zstdframe.MAGIC: "zstd",
}
_LZMA_DICTIONARIES = tuple(1 << power for power in range(12, 28)) + tuple(
    3 << power for power in range(11, 26)
)


class Decompressor:
    """One compressed stream at the start of `data`: iterate over it for its content, in pieces.

    Pieces have at most 256 KiB; nothing is kept. What follows the stream is left alone.

    Attributes:
        size: Bytes unpacked so far; of the whole content once the iteration ended.
        fed: Bytes of `data` looked at so far.
        end: Offset in `data` behind the stream; None until the iteration ended.
    """

    def __init__(self, kind: Compression, data: Data, *, limit: int = MAX_UNPACKED) -> None:
        """Prepare to unpack; reads nothing.

        Args:
            kind: As `detect` names it.
            data: Begins with the stream.
            limit: Bytes the content may have.
        """
        self.kind = kind
        self.size = self.fed = 0
        self.end: int | None = None
        self._data = view(data)
        self._limit = limit

    def __iter__(self) -> Iterator[bytes]:
        """The content.

        Raises:
            InputError: If the stream is damaged, cut off, needs too much memory, or exceeds the limit.
        """
        for piece in _UNPACK[self.kind](self):
            self.size += len(piece)
            if self.size > self._limit:
                raise self._wrong(0, f"it unpacks to more than {self._limit} bytes, the limit")
            yield piece
        if self.end is None:
            raise self._wrong(len(self._data), f"it is cut off after {self.size} unpacked bytes")

    def _wrong(self, offset: int, problem: str) -> InputError:
        return malformed(f"{self.kind} data", "stream", offset, problem)

    def _gunzip(self) -> Iterator[bytes]:
        import zlib

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

    def _decode(self, decoder: Any, errors: type[Exception] | tuple[type[Exception], ...]) -> Iterator[bytes]:
        """With a decoder of the standard library's interface: decompress, needs_input, eof, unused_data."""
        for start, piece in self._fed():
            waiting = piece
            try:
                while True:
                    yield decoder.decompress(waiting, _OUTPUT)
                    waiting = b""
                    if decoder.eof or decoder.needs_input:
                        break
            except errors as error:
                raise self._wrong(start, str(error)) from error
            if decoder.eof:
                self.end = start + len(piece) - len(decoder.unused_data or b"")
                return

    def _unxz(self) -> Iterator[bytes]:
        import lzma

        container = lzma.FORMAT_XZ if self.kind == "xz" else lzma.FORMAT_ALONE
        decoder = lzma.LZMADecompressor(container, memlimit=MAX_DICTIONARY)
        return self._decode(decoder, lzma.LZMAError)

    def _bunzip2(self) -> Iterator[bytes]:
        import bz2

        return self._decode(bz2.BZ2Decompressor(), OSError)

    def _unlz4(self) -> Iterator[bytes]:
        import lz4.frame

        return self._decode(lz4.frame.LZ4FrameDecompressor(), RuntimeError)

    def _unlz4_legacy(self) -> Iterator[bytes]:
        end = yield from lz4legacy.decompress(self._data)
        self.end = end if self.kind == "lz4-legacy" else lz4legacy.check_raw_size(self._data, end, self.size)

    def _unzstd(self) -> Iterator[bytes]:
        self.end = yield from zstdframe.decompress(self._data)

    def _fed(self) -> Iterator[tuple[int, bytes]]:
        """The packed data in pieces with their offsets."""
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
    """What `data` is compressed with, by its first bytes; None if by nothing known. lzop is never unpacked.

    LG's lz4 is told from plain lz4 legacy by what follows the last block; only block sizes are read.
    """
    seen = view(data)
    head = bytes(seen[:13])
    if head.startswith(lz4legacy.MAGIC):
        return "lz4-lg" if lz4legacy.is_lg(seen) else "lz4-legacy"
    for magic, kind in _MAGICS.items():
        if head.startswith(magic):
            return kind
    return "lzma" if _is_lzma(head) else None


def _is_lzma(head: bytes) -> bool:
    """An .lzma header: properties 0x5d, a dictionary size the encoders write, a believable content size."""
    if len(head) < 13 or head[0] != 0x5D:
        return False
    dictionary, size = struct.unpack_from("<IQ", head, 1)
    return dictionary in _LZMA_DICTIONARIES and (size == _UNKNOWN_SIZE or size <= MAX_UNPACKED)


def decompress(data: Data, *, limit: int = MAX_UNPACKED) -> bytes:
    """The whole content of the one stream that `data` is; zeros may follow it.

    Raises:
        InputError: If it is not compressed, with lzop, damaged, or exceeds `limit` bytes unpacked.
    """
    seen = view(data)
    kind = detect(seen)
    if kind is None or kind == "lzop":
        raise unreadable(seen)
    content, end = unpack(kind, seen, limit=limit)
    for start in range(end, len(seen), PIECE):
        if bytes(seen[start : start + PIECE]).strip(b"\0"):
            raise malformed(f"{kind} data", "stream", end, f"{len(seen) - end} bytes follow it")
    return content


def unpack(kind: Compression, data: Data, *, limit: int = MAX_UNPACKED) -> tuple[bytes, int]:
    """The whole content of the stream `data` begins with, and where the stream ends.

    Raises:
        InputError: If it is damaged or exceeds `limit` bytes unpacked.
    """
    stream = Decompressor(kind, data, limit=limit)
    content = io.BytesIO()  # a list of pieces and their sum would be there twice
    for piece in stream:
        content.write(piece)
    return content.getvalue(), stream.end or 0


def peek(data: Data) -> bytes:
    """The first bytes of the content, a piece of at most 256 KiB; data that is not compressed as it is.

    Raises:
        InputError: If the stream is damaged there.
    """
    seen = view(data)
    kind = detect(seen)
    if kind is None or kind == "lzop":
        return bytes(seen[:PIECE])
    return next((piece for piece in Decompressor(kind, seen) if piece), b"")


def unreadable(data: Data) -> InputError:
    """The error for data that hardboot cannot unpack: lzop, or no compression it knows."""
    if detect(data) == "lzop":
        fix = "Unpack it with lzop -d and pack it with another program: no phone needs lzop."
        return malformed("lzop data", "magic", 0, "hardboot does not unpack lzop", fix=fix)
    return malformed("compressed data", "magic", 0, f"this is {described(data)}")


def compress(kind: Compression, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """A stream that kernels and bootloaders read: the same bytes for the same content, on every machine."""
    if kind in ("lz4-legacy", "lz4-lg"):
        yield from lz4legacy.compress(pieces, lg=kind == "lz4-lg")
        return
    encoder = _encoder(kind)
    if kind == "lz4":
        yield encoder.begin()
    for piece in pieces:
        yield encoder.compress(piece)
    yield encoder.flush()


def _encoder(kind: Compression) -> Any:
    if kind == "gzip":
        import zlib

        return zlib.compressobj(9, wbits=16 + zlib.MAX_WBITS)
    if kind in ("xz", "lzma"):
        import lzma

        if kind == "lzma":
            return lzma.LZMACompressor(lzma.FORMAT_ALONE)
        return lzma.LZMACompressor(lzma.FORMAT_XZ, check=lzma.CHECK_CRC32)  # Linux knows no other check
    if kind == "bzip2":
        import bz2

        return bz2.BZ2Compressor()
    if kind == "zstd":
        import zstandard

        return zstandard.ZstdCompressor(level=19, write_checksum=True).compressobj()
    import lz4.frame

    return lz4.frame.LZ4FrameCompressor(compression_level=9, content_checksum=True)

"""What a compressed kernel says of itself, found without unpacking more of it than needed."""

import lzma
import re
import zlib
from collections.abc import Iterator

from hardboot.formats.zimage import ZImage

MAX_UNPACKED = 128 << 20  # bytes, over all attempts; Debian's armmp, one of the largest, unpacks to 20 MiB
MAX_DICTIONARY = (
    96 << 20
)  # bytes of decoder memory; Linux's xz_wrap.sh uses a 32 MiB dictionary, lzma -9 64 MiB
_INPUT = 64 << 10  # bytes fed at a time
_OUTPUT = 1 << 20  # bytes unpacked at a time
_LONGEST_BANNER = 128  # bytes; a release has at most 64 (struct new_utsname)

# Linux init/version-timestamp.c, linux_banner: "Linux version RELEASE (who@where) (compiler) ..."
_BANNER = re.compile(rb"Linux version (\d+\.[\x21-\x7e]{1,62}) \(")
_MAGICS = re.compile(
    rb"(?P<gzip>\x1f\x8b\x08[\0-\x1f])"
    rb"|(?P<xz>\xfd7zXZ\0)"
    rb"|(?P<lzma>\x5d\0\0[\x01\x02\x04\x08\x10\x20\x40\x80\0][\0-\x04](?:\xff{8}|....\0{4}))",
    re.DOTALL,
)


def kernel_release(zimage: ZImage) -> str | None:
    """The kernel's release, as `uname -r` will print it.

    Reads a gzip, xz or lzma compressed kernel up to its banner.

    Returns:
        Such as "6.1.0-50-armmp"; None if the kernel is packed otherwise or has no banner.
    """
    payload = zimage.kernel[: zimage.payload_end]
    budget = MAX_UNPACKED
    for found in _MAGICS.finditer(payload):
        left = min(budget, zimage.edata_size or budget)
        tail = b""
        for chunk in _unpacked(found.lastgroup or "", payload[found.start() :]):
            left -= len(chunk)
            budget -= len(chunk)
            if left < 0:
                break  # more than the kernel states: this was not it
            seen = tail + chunk
            banner = _BANNER.search(seen)
            if banner:
                return banner[1].decode("ascii")
            tail = seen[-_LONGEST_BANNER:]
    return None


def _unpacked(kind: str, packed: memoryview) -> Iterator[bytes]:
    """The decompressed stream in pieces; it ends silently where the data stops being a `kind` stream."""
    try:
        yield from _gunzip(packed) if kind == "gzip" else _unxz(kind, packed)
    except (zlib.error, lzma.LZMAError):
        return  # a false magic in the decompressor's own code, or a damaged kernel: no banner either way


def _gunzip(packed: memoryview) -> Iterator[bytes]:
    decoder = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    for start in range(0, len(packed), _INPUT):
        waiting = bytes(packed[start : start + _INPUT])
        while waiting and not decoder.eof:
            yield decoder.decompress(waiting, _OUTPUT)
            waiting = decoder.unconsumed_tail


def _unxz(kind: str, packed: memoryview) -> Iterator[bytes]:
    container = lzma.FORMAT_XZ if kind == "xz" else lzma.FORMAT_ALONE
    decoder = lzma.LZMADecompressor(container, memlimit=MAX_DICTIONARY)
    for start in range(0, len(packed), _INPUT):
        waiting = bytes(packed[start : start + _INPUT])
        while waiting and not decoder.eof:
            yield decoder.decompress(waiting, _OUTPUT)
            waiting = b""
            while not decoder.needs_input and not decoder.eof:
                yield decoder.decompress(b"", _OUTPUT)

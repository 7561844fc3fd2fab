"""The compressed kernel inside of a zImage, and what a kernel says of itself while it is decompressed."""

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from hardboot.base.errors import InputError
from hardboot.formats.archives.compression import Compression, Decompressor
from hardboot.formats.kernels.kernel_image import Payload
from hardboot.formats.kernels.kernelscan import KernelScan
from hardboot.formats.kernels.zimage import ZImage

MAX_UNPACKED = 128 << 20  # bytes, over all attempts; Debian's armmp, one of the largest, has 20 MiB
MAX_CANDIDATES = 256  # places that begin like a compressed kernel or a device tree

_MAGICS = re.compile(
    rb"(?P<gzip>\x1f\x8b\x08[\0-\x1f])"
    rb"|(?P<xz>\xfd7zXZ\0)"
    rb"|(?P<lzma>\x5d\0\0[\x01\x02\x04\x08\x10\x20\x40\x80\0][\0-\x08](?:\xff{8}|....\0{4}))"
    rb"|(?P<lz4legacy>\x02\x21\x4c\x18)"
    rb"|(?P<zstd>\x28\xb5\x2f\xfd)"
    rb"|(?P<bzip2>BZh[1-9]1AY&SY)"
    rb"|(?P<lzop>\x89LZO\0\r\n\x1a\n)",
    re.DOTALL,
)
_KINDS: dict[str, Compression | Literal["lzop"]] = {
    "gzip": "gzip",
    "xz": "xz",
    "lzma": "lzma",
    "lz4legacy": "lz4-legacy",
    "zstd": "zstd",
    "bzip2": "bzip2",
    "lzop": "lzop",
}
_WINDOWED = ("xz", "lzma", "zstd")  # their decoders keep up to 128 MiB of the content


class Search(NamedTuple):
    """What to look for in a decompressed kernel.

    Attributes:
        config: The configuration, too.
        look: Bytes to decompress of a stream whose decoder keeps all of its content.
    """

    config: bool
    look: int


def find(kernel: ZImage, search: Search) -> tuple[Payload | None, KernelScan]:
    """Return the compressed kernel in a zImage: the first stream with a banner, else the longest whole one.

    A magic alone means nothing: the decompressor's own code contains them, too.
    """
    inside = kernel.kernel[: kernel.payload_end]
    budget = MAX_UNPACKED
    best: tuple[Payload | None, KernelScan] = None, KernelScan(config=search.config)
    for magic in _candidates(inside):
        kind = _KINDS[magic.lastgroup or ""]
        if kind == "lzop":
            if best[0] is None:
                best = Payload("lzop", magic.start()), KernelScan()
            continue
        scan = KernelScan(config=search.config)
        limit = min(budget, kernel.edata_size or budget)
        stream = Decompressor(kind, inside[magic.start() :], limit=limit)
        whole = True
        try:
            whole = read(stream, scan, search.look, to_end=not kernel.edata_size)
        except InputError:
            if stream.size > limit:
                scan = KernelScan()  # more than the kernel states: this was not its payload
            whole = False
        budget -= max(stream.size, stream.fed)
        stated = _stated_size(kernel, kind, magic.start())
        size, unpacked = (stream.end, stream.size) if whole else (stated, kernel.edata_size)
        payload = Payload(kind, magic.start(), size, unpacked)
        if scan.release or scan.cut:
            return payload, scan
        if whole and (best[0] is None or stream.size > (best[0].unpacked_size or 0)):
            best = payload, scan
        if budget <= 0:
            break
    return best


def _stated_size(kernel: ZImage, kind: Compression, start: int) -> int | None:
    """Return the bytes of the stream at `start`, if the zImage states its end.

    The last word is the decompressed size: gzip's own, for the others the kernel's build appends it.
    """
    if kernel.payload_end is None:
        return None
    return kernel.payload_end - (0 if kind == "gzip" else 4) - start


def read(stream: Decompressor, scan: KernelScan, look: int, *, to_end: bool) -> bool:
    """Feed `scan` a kernel while it is decompressed.

    Args:
        stream: The compressed kernel.
        scan: Gets its content.
        look: As `Search.look`.
        to_end: Read on to the end of the stream when there is nothing more to look for.

    Returns:
        True if the stream was read to its end.

    Raises:
        InputError: If the stream is damaged, before that.
    """
    for piece in stream:
        scan.feed(piece)
        if scan.done and not to_end:
            return False
        if stream.kind in _WINDOWED and stream.size >= look:
            scan.cut = not scan.done
            return False
    return True


def _candidates(data: memoryview) -> Iterator["re.Match[bytes]"]:
    for count, magic in enumerate(_MAGICS.finditer(data)):
        if count == MAX_CANDIDATES:
            return
        yield magic

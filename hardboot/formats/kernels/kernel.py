"""What a kernel is, whatever it is wrapped in: its kind, version, configuration, sizes and device trees.

Reads zImage, arm64 Image, either of them compressed, EFI zboot and uImage. The unpacked kernel is
looked at while it streams by and is never kept.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, TypeAlias

from hardboot.base.errors import InputError
from hardboot.formats.archives import compression
from hardboot.formats.archives.compression import Compression, Decompressor
from hardboot.formats.kernels import arm64image, uimage, zboot, zimage
from hardboot.formats.kernels.arm64image import Arm64Image
from hardboot.formats.kernels.kernelscan import Scan
from hardboot.formats.kernels.zimage import ZImage
from hardboot.formats.reading import PIECE, Data, forget, malformed, pieces, u32, view
from hardboot.formats.sniff import described
from hardboot.formats.trees import fdt

MAX_UNPACKED = 128 << 20  # bytes, over all attempts; Debian's armmp, one of the largest, unpacks to 20 MiB
_MAX_CANDIDATES = 256  # places that begin like a compressed kernel or a device tree
_MAX_PADDING = 1 << 20  # bytes of zeros behind device trees

Kind: TypeAlias = Literal["zImage", "arm64 Image", "Image"]
Wrapper: TypeAlias = Literal["uImage", "zboot"]

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


_WINDOWED = ("xz", "lzma", "zstd")  # their decoders keep up to 128 MiB of what they unpacked


class _Want(NamedTuple):
    """What is looked for in an unpacked kernel, and in how many bytes of it."""

    config: bool
    look: int


@dataclass(frozen=True)
class Payload:
    """A compressed kernel inside of a file.

    Attributes:
        compression: "lzop" cannot be looked into.
        offset: Where it begins in the file, in bytes.
        size: Bytes it has there; None if its end was neither looked for nor stated.
        unpacked_size: Bytes unpacked; None if that was not looked for.
    """

    compression: Compression | Literal["lzop"]
    offset: int
    size: int | None = None
    unpacked_size: int | None = None


@dataclass(frozen=True)
class Kernel:
    """What `identify` found; what it did not find is None.

    Attributes:
        kind: What runs in the end; "Image" is a raw kernel of an architecture that cannot be told.
        wrappers: What is around it, from the outside in.
        size: Bytes in the file, without device trees and padding.
        version: The kernel's banner, "Linux version ...".
        release: As `uname -r` will print it.
        config: The configuration it was built with (IKCONFIG), such as {"CONFIG_KEXEC": "y"}.
        looked_size: Bytes of the unpacked kernel that were looked at, if not all of them.
        payload: The compressed kernel; None if it is not compressed.
        unpacked_size: Bytes of the kernel as it runs, without its BSS.
        memory_size: The same with its BSS.
        dtbs: Device trees appended to it, one behind the other.
        padding: What follows kernel and device trees.
        zimage: Of a zImage, all it states.
        arm64: Of an arm64 kernel, its header.
    """

    kind: Kind
    size: int
    wrappers: tuple[Wrapper, ...] = ()
    version: str | None = None
    release: str | None = None
    config: dict[str, str] | None = field(repr=False, default=None)
    looked_size: int | None = None
    payload: Payload | None = None
    unpacked_size: int | None = None
    memory_size: int | None = None
    dtbs: tuple[memoryview, ...] = field(repr=False, default=())
    padding: memoryview = field(repr=False, default=memoryview(b""))
    zimage: ZImage | None = field(repr=False, default=None)
    arm64: Arm64Image | None = None


def identify(data: Data, *, config: bool = True, look: int = MAX_UNPACKED) -> Kernel:
    """Say what kernel `data` is.

    Args:
        data: A kernel with what is appended to it: the kernel part of a boot image.
        config: Look for the configuration too; else a kernel is read up to its banner if it states its size.
        look: Bytes to unpack of a stream whose decoder keeps all it unpacked in memory.

    Raises:
        InputError: If it is no kernel, or damaged.
    """
    seen, want = view(data), _Want(config, look)
    if zimage.is_zimage(seen):
        return _zimage(seen, want)
    if arm64image.is_arm64(seen):
        return _raw(seen, want)
    if bytes(seen[:8]) == zboot.ZBOOT_MAGIC:
        return _zboot(seen, want)
    if bytes(seen[:4]) == uimage.UIMAGE_MAGIC.to_bytes(4, "big"):
        return _uimage(seen, want)
    kind = compression.detect(seen)
    if kind == "lzop":
        raise compression.unreadable(seen)
    if kind:
        return _compressed(seen, kind, want)
    raise malformed("kernel", "magic", 0, f"this is {described(seen)}", fix="Give a kernel.")


def find(data: Data, *, config: bool = True, look: int = MAX_UNPACKED) -> Kernel | None:
    """What `identify` says; None of what is compressed and holds no kernel.

    Raises:
        InputError: As `identify`.
    """
    try:
        return identify(data, config=config, look=look)
    except InputError:
        if compression.detect(view(data)) and not is_kernel(data):
            return None
        raise


def is_kernel(data: Data) -> bool:
    """True if `data` begins with the header of a kernel; what is compressed as a whole is not looked into."""
    seen = view(data)
    magics = zboot.ZBOOT_MAGIC, uimage.UIMAGE_MAGIC.to_bytes(4, "big")
    return zimage.is_zimage(seen) or arm64image.is_arm64(seen) or bytes(seen[:8]).startswith(magics)


def _zimage(data: memoryview, want: _Want) -> Kernel:
    parsed = zimage.parse(data)
    payload, scan = _find_payload(parsed, want)
    unpacked = parsed.edata_size or (payload.unpacked_size if payload else None)
    memory = unpacked + parsed.bss_size if unpacked and parsed.bss_size is not None else None
    return Kernel(
        kind="zImage",
        size=parsed.size,
        version=scan.version,
        release=scan.release,
        config=scan.config,
        looked_size=scan.size if scan.cut else None,
        payload=payload,
        unpacked_size=unpacked,
        memory_size=memory,
        dtbs=parsed.dtbs,
        padding=parsed.padding,
        zimage=parsed,
    )


def _find_payload(kernel: ZImage, want: _Want) -> tuple[Payload | None, Scan]:
    """The compressed kernel in a zImage: the first stream with a banner, else the longest whole one.

    A magic alone means nothing: the decompressor's own code has them too.
    """
    inside = kernel.kernel[: kernel.payload_end]
    budget = MAX_UNPACKED
    best: tuple[Payload | None, Scan] = None, Scan(config=want.config)
    for found in _candidates(inside):
        kind = _KINDS[found.lastgroup or ""]
        if kind == "lzop":
            if best[0] is None:
                best = Payload("lzop", found.start()), Scan()
            continue
        scan = Scan(config=want.config)
        limit = min(budget, kernel.edata_size or budget)
        stream = Decompressor(kind, inside[found.start() :], limit=limit)
        whole = True
        try:
            whole = _read(stream, scan, want.look, to_end=not kernel.edata_size)
        except InputError:
            if stream.size > limit:
                scan = Scan()  # more than the kernel states: this was not it
            whole = False
        budget -= max(stream.size, stream.fed)
        stated = _stated_size(kernel, kind, found.start())
        size, unpacked = (stream.end, stream.size) if whole else (stated, kernel.edata_size)
        payload = Payload(kind, found.start(), size, unpacked)
        if scan.release or scan.cut:
            return payload, scan
        if whole and (best[0] is None or stream.size > (best[0].unpacked_size or 0)):
            best = payload, scan
        if budget <= 0:
            break
    return best


def _stated_size(kernel: ZImage, kind: Compression, start: int) -> int | None:
    """Bytes of the stream at `start`, if the zImage states its end: of gzip that word is a part."""
    if kernel.payload_end is None:
        return None
    return kernel.payload_end - (0 if kind == "gzip" else 4) - start


def _read(stream: Decompressor, scan: Scan, look: int, *, to_end: bool) -> bool:
    """Show `scan` a kernel while it is unpacked; False if that was not needed, or not done, up to the end."""
    for piece in stream:
        scan.feed(piece)
        if scan.done and not to_end:
            return False
        if stream.kind in _WINDOWED and stream.size >= look:
            scan.cut = not scan.done
            return False
    return True


def _candidates(data: memoryview) -> Iterator["re.Match[bytes]"]:
    for count, found in enumerate(_MAGICS.finditer(data)):
        if count == _MAX_CANDIDATES:
            return
        yield found


def _raw(data: memoryview, want: _Want) -> Kernel:
    """An unpacked kernel, with device trees behind it or not."""
    end, dtbs, padding = _split_raw(data)
    scan = Scan(config=want.config)
    for piece in pieces(data[:end]):
        scan.feed(piece)
        if scan.done:
            break
    header = arm64image.parse(data) if arm64image.is_arm64(data) else None
    return Kernel(
        kind="arm64 Image" if header else "Image",
        size=end,
        version=scan.version,
        release=scan.release,
        config=scan.config,
        unpacked_size=end,
        memory_size=(header.image_size or None) if header else None,
        dtbs=dtbs,
        padding=padding,
        arm64=header,
    )


def _split_raw(data: memoryview) -> tuple[int, tuple[memoryview, ...], memoryview]:
    """Where a kernel that does not state its size ends: at the first device tree of those up to the end.

    Trees inside the kernel are not such trees: something else follows them.
    """
    magic = fdt.FDT_MAGIC.to_bytes(4, "big")
    candidates = 0
    for start in range(0, len(data), PIECE):
        window = bytes(data[start : start + PIECE + len(magic) - 1])
        forget(data)
        at = window.find(magic)
        while at >= 0 and candidates < _MAX_CANDIDATES:
            candidates += 1
            dtbs, rest = fdt.split(data[start + at :])
            if dtbs and len(rest) <= _MAX_PADDING and not bytes(rest).strip(b"\0"):
                return start + at, dtbs, rest
            at = window.find(magic, at + 1)
    return len(data), (), data[len(data) :]


def _compressed(data: memoryview, kind: Compression, want: _Want) -> Kernel:
    """A kernel compressed as a whole; device trees follow where the stream ends."""
    scan = Scan(config=want.config)
    stream = Decompressor(kind, data, limit=MAX_UNPACKED)
    whole = _read(stream, scan, want.look, to_end=True)
    end, unpacked = stream.end, stream.size if whole else None
    payload = Payload(kind, 0, end, unpacked)
    header = arm64image.parse(scan.head) if arm64image.is_arm64(scan.head) else None
    inner: Kind = "arm64 Image" if header else "zImage" if zimage.is_zimage(scan.head) else "Image"
    if inner == "Image" and scan.release is None:
        problem = f"this is {described(data)}, and what is inside is no kernel"
        raise malformed("kernel", "magic", 0, problem, fix="Give a kernel.")
    if end is None:
        end, dtbs, padding = _split_raw(data)
    else:
        if end + 4 <= len(data) and u32(data, end) == unpacked:
            end += 4  # Linux before 5.8 appends the unpacked size to every Image but gzip's
        dtbs, padding = fdt.split(data[end:])
    return Kernel(
        kind=inner,
        size=end,
        version=scan.version,
        release=scan.release,
        config=scan.config,
        looked_size=scan.size if scan.cut else None,
        payload=payload,
        unpacked_size=unpacked,
        memory_size=(header.image_size or None) if header else None,
        dtbs=dtbs,
        padding=padding,
        arm64=header,
    )


def _zboot(data: memoryview, want: _Want) -> Kernel:
    outer = zboot.parse(data)
    kind = compression.detect(outer.payload)
    if kind is None or kind == "lzop":
        raise compression.unreadable(outer.payload)
    inner = _compressed(outer.payload, kind, want)
    end, dtbs, padding = _split_raw(data)
    payload = replace(inner.payload, offset=outer.offset) if inner.payload else None
    return replace(inner, wrappers=("zboot",), size=end, payload=payload, dtbs=dtbs, padding=padding)


def _uimage(data: memoryview, want: _Want) -> Kernel:
    outer = uimage.parse(data)
    if outer.type not in (uimage.TYPE_KERNEL, uimage.TYPE_MULTI) or not outer.parts:
        problem = f"{outer.type}: this U-Boot image holds no kernel"
        raise malformed("kernel", "U-Boot image type", 30, problem, fix="Give a kernel.")
    content = outer.parts[0]
    if bytes(content[:4]) == uimage.UIMAGE_MAGIC.to_bytes(4, "big"):
        raise malformed("kernel", "U-Boot image", uimage.HEADER_SIZE, "another U-Boot image is inside")
    known = zimage.is_zimage(content) or bytes(content[:8]) == zboot.ZBOOT_MAGIC
    known = known or compression.detect(content) is not None
    inner = identify(content, config=want.config, look=want.look) if known else _raw(content, want)
    offset = uimage.HEADER_SIZE + (0 if len(outer.parts) == 1 else 4 * (len(outer.parts) + 1))
    payload = replace(inner.payload, offset=inner.payload.offset + offset) if inner.payload else None
    if inner.dtbs:
        size, dtbs, padding = offset + inner.size, inner.dtbs, inner.padding
    else:
        size = len(data) - len(outer.trailing)
        dtbs, padding = fdt.split(outer.trailing)
    wrappers: tuple[Wrapper, ...] = ("uImage", *inner.wrappers)
    return replace(inner, wrappers=wrappers, size=size, payload=payload, dtbs=dtbs, padding=padding)

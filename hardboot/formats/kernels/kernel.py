"""Kernels of every kind: zImage, arm64 Image, either of them compressed, and what is put around them.

The decompressed kernel is searched while it streams by and is never kept.
"""

import re
from dataclasses import replace

from hardboot.base.errors import InputError
from hardboot.formats.archives import compression
from hardboot.formats.archives.compression import Compression, Decompressor
from hardboot.formats.kernels import arm64image, patched, uimage, zboot, zimage, zimage_payload
from hardboot.formats.kernels.kernel_image import KernelImage, Kind, Payload, Wrapper
from hardboot.formats.kernels.kernelscan import KernelScan
from hardboot.formats.kernels.zimage_payload import MAX_CANDIDATES, MAX_UNPACKED, Search
from hardboot.formats.reading import PIECE, Data, forget, leading_zeros, malformed, pieces, u32, view
from hardboot.formats.sniff import described
from hardboot.formats.trees import fdt
from hardboot.formats.trees.qcdt import QCDT, QCDT_MAGIC

_MAX_PADDING = 1 << 20  # bytes of zeros behind device trees
_MAX_GAP = 4096  # bytes of zeros in front of a table of device trees
_TREE_MAGICS = re.compile(b"|".join(map(re.escape, (fdt.FDT_MAGIC.to_bytes(4, "big"), QCDT_MAGIC))))


def identify(data: Data, *, config: bool = True, look: int = MAX_UNPACKED) -> KernelImage:
    """Return what is known of a kernel.

    Args:
        data: A kernel with what is appended to it: the kernel part of a boot image.
        config: Look for the configuration, too; without, a kernel that states its size is only read up to
            its banner.
        look: Bytes to decompress of a stream whose decoder keeps all of its content.

    Raises:
        InputError: If it is not a kernel, or damaged.
    """
    content = view(data)
    image = _identify(content, Search(config, look))
    table = None if image.dtbs else find_table(image.padding)
    if table is None:
        return image
    end = leading_zeros(image.padding) + len(table)
    return replace(image, table=table, padding=image.padding[end:])


def _identify(content: memoryview, search: Search) -> KernelImage:
    if zimage.is_zimage(content):
        return _zimage(content, search)
    if arm64image.is_arm64(content):
        return _raw(content, search)
    if zboot.is_zboot(content):
        return _zboot(content, search)
    if uimage.is_uimage(content):
        return _uimage(content, search)
    if patched.is_patched(content):
        return _patched(content, search)
    kind = compression.detect(content)
    if kind == "lzop":
        raise compression.unreadable(content)
    if kind:
        return _compressed(content, kind, search)
    raise malformed("kernel", "magic", 0, f"this is {described(content)}", fix="Give a kernel.")


def find(data: Data, *, config: bool = True, look: int = MAX_UNPACKED) -> KernelImage | None:
    """Return the same as `identify`; None for compressed data that is not a kernel.

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
    """Return True if `data` begins with the header of a kernel; compressed data is not decompressed."""
    known = (zimage.is_zimage, arm64image.is_arm64, zboot.is_zboot, uimage.is_uimage, patched.is_patched)
    return any(is_kind(data) for is_kind in known)


def raw_size(data: Data) -> int:
    """Return the bytes of a kernel that is not compressed, without device trees and padding behind it."""
    return split_raw(data)[0]


def find_table(behind: memoryview) -> memoryview | None:
    """Return the table of device trees (QCDT) that follows a kernel, after zeros; None if there is none."""
    zeros = leading_zeros(behind[: _MAX_GAP + len(QCDT_MAGIC)])
    table = behind[zeros:]
    if zeros > _MAX_GAP or table[: len(QCDT_MAGIC)] != QCDT_MAGIC:
        return None
    try:
        trees = QCDT.parse(table).trees
    except InputError:
        return None
    return table[: max((tree.span.stop for tree in trees), default=0)] or None


def _zimage(data: memoryview, search: Search) -> KernelImage:
    parsed = zimage.parse(data)
    inside, scan = zimage_payload.find(parsed, search)
    unpacked = parsed.edata_size or (inside.unpacked_size if inside else None)
    memory = unpacked + parsed.bss_size if unpacked and parsed.bss_size is not None else None
    return KernelImage(
        kind="zImage",
        size=parsed.size,
        version=scan.version,
        release=scan.release,
        config=scan.config,
        looked_size=scan.size if scan.cut else None,
        payload=inside,
        unpacked_size=unpacked,
        memory_size=memory,
        dtbs=parsed.dtbs,
        padding=parsed.padding,
        zimage=parsed,
        warnings=parsed.warnings,
    )


def _raw(data: memoryview, search: Search, size: int | None = None) -> KernelImage:
    """Return a decompressed kernel, with or without device trees behind it; None looks for its `size`."""
    end, dtbs, padding = split_raw(data) if size is None else (size, *fdt.split(data[size:]))
    scan = KernelScan(config=search.config)
    for piece in pieces(data[:end]):
        scan.feed(piece)
        if scan.done:
            break
    header = arm64image.parse(data) if arm64image.is_arm64(data) else None
    return KernelImage(
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


def split_raw(data: Data) -> tuple[int, tuple[memoryview, ...], memoryview]:
    """Return where a kernel that does not state its size ends, the device trees behind it, and padding.

    It ends at the first of the trees that reach up to the end: something else follows a tree inside of it. A
    table of trees (QCDT) is left in the padding.
    """
    whole = view(data)
    candidates = 0
    for start in range(0, len(whole), PIECE):
        window = bytes(whole[start : start + PIECE + 3])  # a magic of 4 bytes may begin with the last one
        forget(whole)
        for match in _TREE_MAGICS.finditer(window):
            candidates += 1
            if candidates > MAX_CANDIDATES:
                return len(whole), (), whole[len(whole) :]
            behind = whole[start + match.start() :]
            if find_table(behind):
                return start + match.start(), (), behind
            dtbs, rest = fdt.split(behind)
            if dtbs and len(rest) <= _MAX_PADDING and not bytes(rest).strip(b"\0"):
                return start + match.start(), dtbs, rest
    return len(whole), (), whole[len(whole) :]


def _compressed(data: memoryview, kind: Compression, search: Search) -> KernelImage:
    """Return a kernel that is one compressed stream; device trees follow where the stream ends."""
    scan = KernelScan(config=search.config)
    stream = Decompressor(kind, data, limit=MAX_UNPACKED)
    whole = zimage_payload.read(stream, scan, search.look, to_end=True)
    end, unpacked = stream.end, stream.size if whole else None
    inside = Payload(kind, 0, end, unpacked)
    header = arm64image.parse(scan.head) if arm64image.is_arm64(scan.head) else None
    inner: Kind = "arm64 Image" if header else "zImage" if zimage.is_zimage(scan.head) else "Image"
    if inner == "Image" and scan.release is None:
        problem = f"this is {described(data)} without a kernel in it"
        raise malformed("kernel", "magic", 0, problem, fix="Give a kernel.")
    if end is None:
        end, dtbs, padding = split_raw(data)
    else:
        if end + 4 <= len(data) and u32(data, end) == unpacked:
            end += 4  # Linux before 5.8 appends the unpacked size to every Image but gzip's
        dtbs, padding = fdt.split(data[end:])
    return KernelImage(
        kind=inner,
        size=end,
        version=scan.version,
        release=scan.release,
        config=scan.config,
        looked_size=scan.size if scan.cut else None,
        payload=inside,
        unpacked_size=unpacked,
        memory_size=(header.image_size or None) if header else None,
        dtbs=dtbs,
        padding=padding,
        arm64=header,
    )


def _zboot(data: memoryview, search: Search) -> KernelImage:
    outer = zboot.parse(data)
    kind = compression.detect(outer.payload)
    if kind is None or kind == "lzop":
        raise compression.unreadable(outer.payload)
    inner = _compressed(outer.payload, kind, search)
    end, dtbs, padding = split_raw(data)
    inside = replace(inner.payload, offset=outer.offset) if inner.payload else None
    return replace(inner, wrappers=("zboot",), size=end, payload=inside, dtbs=dtbs, padding=padding)


def _uimage(data: memoryview, search: Search) -> KernelImage:
    outer = uimage.parse(data)
    content = uimage.kernel_of(outer)
    sizes = 4 * (len(outer.parts) + 1) if outer.type == uimage.TYPE_MULTI else 0
    offset = uimage.HEADER_SIZE + sizes
    inner = _wrapped(content, search, offset)
    if inner.dtbs:
        size, dtbs, padding = offset + inner.size, inner.dtbs, inner.padding
    else:
        size = len(data) - len(outer.trailing)
        dtbs, padding = fdt.split(outer.trailing)
    wrappers: tuple[Wrapper, ...] = ("uImage", *inner.wrappers)
    told = (*outer.warnings, *uimage.check_content(outer), *inner.warnings)
    return replace(inner, wrappers=wrappers, size=size, dtbs=dtbs, padding=padding, warnings=told)


def _patched(data: memoryview, search: Search) -> KernelImage:
    outer = patched.parse(data)
    offset = patched.HEADER_SIZE
    inner = _wrapped(outer.content, search, offset, outer.size)
    wrappers: tuple[Wrapper, ...] = ("UNCOMPRESSED_IMG", *inner.wrappers)
    told = (*outer.warnings, *inner.warnings)
    return replace(inner, wrappers=wrappers, size=offset + inner.size, warnings=told)


def _wrapped(content: memoryview, search: Search, offset: int, size: int | None = None) -> KernelImage:
    """Return a kernel behind headers of `offset` bytes, from whose start the offset of its payload counts.

    If it is a raw one, None looks for its `size`.

    Raises:
        InputError: If it is damaged, or behind a second header that states where the kernel ends.
    """
    if uimage.is_uimage(content) or patched.is_patched(content):
        problem = f"another one is inside: {described(content)}"
        raise malformed("kernel", "header", offset, problem)
    known = zimage.is_zimage(content) or zboot.is_zboot(content) or compression.detect(content) is not None
    if not known:
        return _raw(content, search, size)
    image = identify(content, config=search.config, look=search.look)
    moved = replace(image.payload, offset=image.payload.offset + offset) if image.payload else None
    return replace(image, payload=moved)

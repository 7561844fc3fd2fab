"""Files without a table of parts, as containers: kernels, bootloaders, trees, ramdisks, vbmeta images."""

from __future__ import annotations

from collections.abc import Iterator

from hardboot.formats import sniff
from hardboot.formats.archives import compression
from hardboot.formats.avb.vbmeta import read_size
from hardboot.formats.boot import tail, tail_renewal, wrappers
from hardboot.formats.boot.paged import Part
from hardboot.formats.containers.model import Changes, Container, Rebuilt
from hardboot.formats.kernels import bootloader, kernel, patched
from hardboot.formats.reading import Data, leading_zeros, view, windows
from hardboot.formats.trees import fdt

_KERNELS = (sniff.ZIMAGE, sniff.ARM64_IMAGE, sniff.ZBOOT, sniff.UIMAGE, sniff.PATCHED_KERNEL)
_KINDS = (*_KERNELS, sniff.DEVICE_TREE, sniff.VBMETA_IMAGE, sniff.CPIO, sniff.BOOTLOADER)
_COMPRESSED = " data"  # how the kinds of compressed files end


def is_bare(kind: str) -> bool:
    """Return whether images of that kind have no table of parts."""
    return kind in _KINDS or kind.endswith(_COMPRESSED)


def open_bare(kind: str | None, data: memoryview, base: int = 0) -> Container | None:
    """Take a file without a table of parts apart.

    Args:
        kind: As `sniff` names it.
        data: The file.
        base: Bytes in front of `data` in the file, from whose start an AVB footer counts.

    Returns:
        None if it is something else.

    Raises:
        InputError: If it is damaged.
    """
    lead = _lead_size(kind)
    how = compression.detect(data)
    slices = _slice_kernel(data, lead) if lead else _slice_parts(kind, how, data)
    if slices is None:
        return None
    parts: list[Part] = []
    end = lead
    for name, part in slices:
        start = end + leading_zeros(data[end:]) if parts else lead
        parts.append(Part(name, start, part))
        end = start + len(part)
    return bare_container(kind or f"{how}{_COMPRESSED}", tuple(parts), data, base)


def _lead_size(kind: str | None) -> int:
    """Return the bytes of the header in front of the kernel that are no part."""
    return patched.HEADER_SIZE if kind == sniff.PATCHED_KERNEL else 0


def _slice_parts(kind: str | None, how: str | None, data: memoryview) -> list[tuple[str, memoryview]] | None:
    """Slice the parts out of `data`, which is compressed by `how`; only zeros are between them."""
    if kind == sniff.DEVICE_TREE:
        fdt.total_size(data)  # refuses a damaged tree, which `split` only leaves over
        return _name_trees(fdt.split(data)[0])
    if kind == sniff.VBMETA_IMAGE:
        return [("vbmeta", data[: read_size(data)])]
    if kind == sniff.CPIO:
        return [("ramdisk", data)]
    if kind == sniff.BOOTLOADER:
        loader = bootloader.identify(data)
        return [("bootloader", data[: loader.size]), *_name_trees(loader.dtbs)] if loader else None
    if how == "lzop":
        raise compression.unreadable(data)
    if how:
        inner = sniff.sniff(compression.peek(data))
        if inner == sniff.CPIO:
            return [("ramdisk", data)]
        if inner in sniff.TREE_KINDS:
            return [("trees", data)]
    elif not kernel.is_kernel(data):
        return None
    return _slice_kernel(data)


def _slice_kernel(data: memoryview, lead: int = 0) -> list[tuple[str, memoryview]] | None:
    """Slice a kernel behind `lead` bytes of a header, and the device trees appended to it."""
    image = kernel.find(data, config=False)
    if image is None:
        return None
    trees = [("trees", image.table)] if len(image.table) else _name_trees(image.dtbs)
    return [("kernel", data[lead : image.size]), *trees]


def _name_trees(trees: tuple[memoryview, ...]) -> list[tuple[str, memoryview]]:
    return [(f"tree{index}", tree) for index, tree in enumerate(trees)]


def _renewed_dhtb(behind: memoryview, end: int, content: Iterator[Data]) -> bytes:
    """Return what follows a vbmeta image that ends at `end`, with the last bytes, a DHTB header, renewed."""
    old = behind[-wrappers.DHTB_SIZE :]
    growth = max(0, end - wrappers.DhtbHeader.parse(old).size)
    return bytes(behind[: -wrappers.DHTB_SIZE]) + wrappers.dhtb_header(bytes(old), content, growth)


def bare_container(kind: str, parts: tuple[Part, ...], data: memoryview, base: int = 0) -> Container:
    """Return a container of parts that follow each other.

    Args:
        kind: As `sniff` names it.
        parts: In file order.
        data: The file.
        base: Bytes in front of `data` in the file, from whose start an AVB footer counts.
    """
    lead = _lead_size(kind)
    end = max((part.offset + len(part.data) for part in parts), default=lead)
    rest = data[end:]

    def rebuild(changes: Changes) -> Rebuilt:
        growth = sum(len(changes.parts[part.name]) - len(part.data) for part in parts)
        renewed = tail_renewal.renew(rest, base + end, base + end + growth, grow=changes.grow)
        behind = view(renewed.data)
        if kind == sniff.VBMETA_IMAGE and wrappers.has_dhtb_behind(behind):
            behind = view(_renewed_dhtb(behind, end + growth, chunks(changes, behind)))
        return Rebuilt(chunks(changes, behind), growth, renewed.overwritten)

    def chunks(changes: Changes, behind: Data) -> Iterator[Data]:
        if lead:
            size = len(changes.parts[parts[0].name])
            yield data[:lead] if size == len(parts[0].data) else patched.build_header(size)
        start = lead
        for part in parts:
            yield from windows(data[start : part.offset])
            yield from windows(changes.parts[part.name])
            start = part.offset + len(part.data)
        yield from windows(behind)

    signed = any(part.name == "vbmeta" for part in parts) or tail.is_signed(rest, base + end)
    return Container(kind, {}, parts, {}, signed=signed, rebuild=rebuild)

"""Files without a table of their parts, as containers: kernels, device trees, ramdisks, vbmeta images."""

from collections.abc import Iterator

from hardboot.formats import compression, sniff, tail
from hardboot.formats.containers.model import Changes, Container
from hardboot.formats.paged import Part
from hardboot.formats.reading import Data, windows

_KERNELS = (sniff.ZIMAGE, sniff.ARM64_IMAGE, sniff.ZBOOT, sniff.UIMAGE)
_KINDS = (*_KERNELS, sniff.DEVICE_TREE, sniff.VBMETA_IMAGE, sniff.CPIO)
_PACKED = " data"  # how the kinds of compressed files end


def is_row(kind: str) -> bool:
    """True if images of that kind have no table of their parts."""
    return kind in _KINDS or kind.endswith(_PACKED)


def single(kind: str | None, data: memoryview) -> Container | None:
    """A file without a table of its parts: a kernel with trees behind it, trees, a ramdisk, a vbmeta image.

    None if it is none of them.
    """
    how = compression.detect(data)
    cut = _cut(kind, how, data)
    if cut is None:
        return None
    parts: list[Part] = []
    end = 0
    for name, one in cut:
        start = end + tail.leading_zeros(data[end:]) if parts else 0
        parts.append(Part(name, start, one))
        end = start + len(one)
    return row(kind or f"{how}{_PACKED}", tuple(parts), data)


def _cut(kind: str | None, how: str | None, data: memoryview) -> list[tuple[str, memoryview]] | None:
    """What follows each other in a file, with zeros between; `how` it is compressed."""
    from hardboot.formats import avb, fdt, kernel

    if kind == sniff.DEVICE_TREE:
        fdt.total_size(data)  # refuses what `split` would only leave over
        return _trees(fdt.split(data)[0])
    if kind == sniff.VBMETA_IMAGE:
        return [("vbmeta", data[: avb.parse_vbmeta(data).size])]
    if kind == sniff.CPIO:
        return [("ramdisk", data)]
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
    found = kernel.identify(data, config=False)
    return [("kernel", data[: found.size]), *_trees(found.dtbs)]


def _trees(trees: tuple[memoryview, ...]) -> list[tuple[str, memoryview]]:
    return [(f"tree{index}", tree) for index, tree in enumerate(trees)]


def row(kind: str, parts: tuple[Part, ...], data: memoryview) -> Container:
    """Parts that only follow each other: no header says where they are."""

    def rebuild(changes: Changes) -> Iterator[Data]:
        at = 0
        for part in parts:
            yield from windows(data[at : part.offset])
            yield from windows(changes.parts[part.name])
            at = part.offset + len(part.data)
        yield from windows(data[at:])

    return Container(kind, {}, parts, {}, signed=kind == sniff.VBMETA_IMAGE, rebuild=rebuild)

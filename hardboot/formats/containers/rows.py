"""Files without a table of their parts, as containers: kernels, device trees, ramdisks, vbmeta images."""

from collections.abc import Iterator

from hardboot.formats import sniff
from hardboot.formats.archives import compression
from hardboot.formats.boot import tail, wrappers
from hardboot.formats.boot.paged import Part
from hardboot.formats.containers.model import Changes, Container
from hardboot.formats.reading import Data, windows

_KERNELS = (sniff.ZIMAGE, sniff.ARM64_IMAGE, sniff.ZBOOT, sniff.UIMAGE)
_KINDS = (*_KERNELS, sniff.DEVICE_TREE, sniff.VBMETA_IMAGE, sniff.CPIO)
_PACKED = " data"  # how the kinds of compressed files end
_LEADS = {sniff.MTK_PART: wrappers.MTK_SIZE, sniff.DHTB_IMAGE: wrappers.DHTB_SIZE}  # bytes in front


def is_row(kind: str) -> bool:
    """True if images of that kind have no table of their parts."""
    return kind in _KINDS or kind in _LEADS or kind.endswith(_PACKED)


def single(kind: str | None, data: memoryview) -> Container | None:
    """A file without a table of its parts: a kernel with trees behind it, trees, a ramdisk, a vbmeta image.

    None if it is none of them, nor one of them behind a maker's header.
    """
    lead = _LEADS.get(kind or "", 0)
    inside = data[lead:]
    if lead:
        problem = wrappers.problem_of_mtk(data)
        if problem:
            raise problem
    how = compression.detect(inside)
    cut = _cut(sniff.sniff(inside) if lead else kind, how, inside)
    if cut is None:
        return None
    parts: list[Part] = []
    end = lead
    for name, one in cut:
        start = end + tail.leading_zeros(data[end:]) if parts else lead
        parts.append(Part(name, start, one))
        end = start + len(one)
    return row(kind or f"{how}{_PACKED}", tuple(parts), data)


def _cut(kind: str | None, how: str | None, data: memoryview) -> list[tuple[str, memoryview]] | None:
    """What follows each other in a file, with zeros between; `how` it is compressed."""
    from hardboot.formats.avb import vbmeta as avb
    from hardboot.formats.kernels import kernel
    from hardboot.formats.trees import fdt

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
    found = kernel.find(data, config=False)
    return [("kernel", data[: found.size]), *_trees(found.dtbs)] if found else None


def _trees(trees: tuple[memoryview, ...]) -> list[tuple[str, memoryview]]:
    return [(f"tree{index}", tree) for index, tree in enumerate(trees)]


def row(kind: str, parts: tuple[Part, ...], data: memoryview) -> Container:
    """Parts that only follow each other: no header says where they are; one in front may say their size."""
    lead = _LEADS.get(kind, 0)

    def rebuild(changes: Changes) -> Iterator[Data]:
        old = bytes(data[:lead])
        growth = sum(len(changes.parts[part.name]) - len(part.data) for part in parts)
        if kind == sniff.MTK_PART:
            yield wrappers.mtk_header(old, len(data) - lead + growth)
        elif kind == sniff.DHTB_IMAGE:
            yield wrappers.dhtb_header(old, behind(changes), growth)
        yield from behind(changes)

    def behind(changes: Changes) -> Iterator[Data]:
        at = lead
        for part in parts:
            yield from windows(data[at : part.offset])
            yield from windows(changes.parts[part.name])
            at = part.offset + len(part.data)
        yield from windows(data[at:])

    signed = any(part.name == "vbmeta" for part in parts)
    return Container(kind, {}, parts, {}, signed=signed, rebuild=rebuild)

"""Find the device trees in a file of any kind, each with its ids. Choosing one is up to devicetree/.

A tree is parsed only when it is asked for, so a table of two hundred is read quickly.
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from hardboot.base.errors import InputError
from hardboot.base.sizes import align_up
from hardboot.formats import sniff
from hardboot.formats.archives import compression
from hardboot.formats.archives.compression import Compression
from hardboot.formats.boot import krnl, rsce, wrappers
from hardboot.formats.boot.headerpage import find_header
from hardboot.formats.kernels import bootloader, kernel, uimage, zimage
from hardboot.formats.reading import Data, leading_zeros, malformed, view
from hardboot.formats.text_field import read_text
from hardboot.formats.trees import dtbo, fdt, fit
from hardboot.formats.trees.amlogic import AMLOGIC
from hardboot.formats.trees.dtbh import DTBH
from hardboot.formats.trees.fdt import Fdt
from hardboot.formats.trees.pxa import PXA_19XX, PXA_DT
from hardboot.formats.trees.qcdt import QCDT
from hardboot.formats.trees.sprd import SPRD
from hardboot.formats.trees.stored_trees import StoredTree, TableEntry, trees_of
from hardboot.formats.trees.tree_table import TableFormat

Kind: TypeAlias = Literal[
    "device trees",
    "appended",
    "QCDT",
    "DTBH",
    "SPRD",
    "PXA-DT",
    "PXA-19xx",
    "AML_",
    "RSCE",
    "FIT",
    "dt_table",
]
Ids: TypeAlias = Mapping[str, int | str | tuple[int, ...]]

MAX_TABLE = 64 << 20  # bytes of a compressed table's content; the largest known has 5 MiB

_WHAT = "device trees"
_TABLE_FORMATS: dict[Kind, TableFormat] = {
    "QCDT": QCDT,
    "DTBH": DTBH,
    "SPRD": SPRD,
    "PXA-DT": PXA_DT,
    "PXA-19xx": PXA_19XX,
    "AML_": AMLOGIC,
}
_MAGICS = (
    *(table_format.magic for table_format in _TABLE_FORMATS.values()),
    *(dtbo.DT_TABLE_MAGIC.to_bytes(4, "big"), fdt.FDT_MAGIC.to_bytes(4, "big")),
)


@dataclass(frozen=True)
class TreeEntry:
    """An entry of a table, or a tree on its own.

    Attributes:
        data: The tree as stored: with the padding that its entry counts, compressed as `compression` says.
        offset: Of the tree in the file, in bytes; of a compressed file, in its content.
        ids: The raw ids of its entry, by the names of its format's fields; empty for a tree on its own.
        compression: Of this tree.
    """

    data: Data = field(repr=False)
    offset: int
    ids: Ids = field(default_factory=dict)
    compression: dtbo.Compression | None = None

    def content(self) -> memoryview:
        """Return the tree, decompressed and without padding; only its header is checked.

        Raises:
            InputError: If it is not a device tree, or the compressed data is damaged or exceeds fdt.MAX_SIZE.
        """
        tree = view(self.data)
        if self.compression == "gzip":
            tree = memoryview(compression.decompress(tree, limit=fdt.MAX_SIZE))
        elif self.compression == "zlib":
            tree = memoryview(_inflate(tree))
        elif self.compression == "unknown":
            raise malformed(
                _WHAT, "flags", self.offset, "the table says that it is compressed in an unknown way"
            )
        return tree[: fdt.total_size(tree)]

    def tree(self) -> Fdt:
        """Return the parsed tree.

        Raises:
            InputError: As `content` does, and if the tree breaks a rule.
        """
        return fdt.parse(self.content())


@dataclass(frozen=True)
class DeviceTrees:
    """The device trees of a file.

    Attributes:
        entries: In the order of the file; several may share a tree.
        compression: Of the whole file.
    """

    kind: Kind
    entries: tuple[TreeEntry, ...]
    compression: Compression | None = None


def find(data: Data) -> DeviceTrees | None:
    """Find the device trees in a dt, dtb or dtbo image, compressed or not, or behind a kernel or bootloader.

    MediaTek's and Rockchip's headers in front are skipped.

    Returns:
        None if there are none.

    Raises:
        InputError: If `data` is a damaged table or kernel, or the first tree is damaged.
    """
    whole = view(data)
    content = view(wrappers.without_mtk(whole))
    lead = len(whole) - len(content)
    if sniff.sniff(content) == sniff.ROCKCHIP_IMAGE:
        content, lead = krnl.parse(content).content, lead + krnl.KrnlHeader.SIZE
    found = _find(content)
    return found if found is None or found.compression else _moved(found, lead)


def _moved(trees: DeviceTrees, by: int) -> DeviceTrees:
    """Return the trees with offsets from `by` bytes farther in front."""
    return replace(trees, entries=tuple(replace(one, offset=one.offset + by) for one in trees.entries))


def _find(whole: memoryview) -> DeviceTrees | None:
    trees = _table(whole) or _plain(whole)
    if trees:
        return trees
    kind = compression.detect(whole)
    if kind == "lzop":
        return None
    if kind and compression.peek(whole).startswith(_MAGICS):
        content, _ = compression.unpack(kind, whole, limit=MAX_TABLE)
        inside = _table(memoryview(content)) or _plain(memoryview(content))
        return DeviceTrees(inside.kind, inside.entries, kind) if inside else None
    if not kind and not kernel.is_kernel(whole):
        return _behind_bootloader(whole)
    return _appended(whole)


def _plain(data: memoryview) -> DeviceTrees | None:
    is_tree = data[:4] == fdt.FDT_MAGIC.to_bytes(4, "big")
    if is_tree:
        with suppress(InputError):
            found = fit.parse(data)
            if found:
                return _in_fit(found)
    trees, _ = fdt.split(data)
    if is_tree and not trees:
        fdt.total_size(data)  # which says what is wrong with it
    return DeviceTrees("device trees", _on_their_own(data, trees, 0)) if trees else None


def _table(data: memoryview) -> DeviceTrees | None:
    """Return the entries of a table of device trees; None if `data` is none."""
    if data[:4] == dtbo.DT_TABLE_MAGIC.to_bytes(4, "big"):
        overlays = dtbo.parse(data)
        packed = [overlays.compression(entry) for entry in overlays.entries]
        return DeviceTrees("dt_table", _entries(overlays.entries, overlays.trees, packed))
    if data[: len(rsce.RSCE_MAGIC)] == rsce.RSCE_MAGIC:
        return _resources(rsce.parse(data))
    for kind, table_format in _TABLE_FORMATS.items():
        if data[: len(table_format.magic)] == table_format.magic:
            table = table_format.parse(data)
            return DeviceTrees(kind, _entries(table.entries, table.trees, [None] * len(table.entries)))
    return None


def _in_fit(image: fit.Fit) -> DeviceTrees:
    """Return the device trees among the images of a FIT."""
    entries = tuple(
        TreeEntry(one.data, one.offset, {"image": one.name}, "gzip" if one.compression == "gzip" else None)
        for one in image.images
        if one.type == "flat_dt"
    )
    return DeviceTrees("FIT", entries)


def _resources(image: rsce.Rsce) -> DeviceTrees | None:
    """Return the device trees among the files of a resource image."""
    magic = fdt.FDT_MAGIC.to_bytes(4, "big")
    entries = tuple(
        TreeEntry(content, entry.block * rsce.BLOCK, {"path": entry.name})
        for entry, content in zip(image.entries, image.contents, strict=True)
        if content[: len(magic)] == magic
    )
    return DeviceTrees("RSCE", entries) if entries else None


def _entries(
    entries: Sequence[TableEntry],
    trees: Iterable[StoredTree],
    packed: Iterable[dtbo.Compression | None],
) -> tuple[TreeEntry, ...]:
    rows = zip(entries, trees_of(entries, trees), packed, strict=True)
    return tuple(TreeEntry(tree.data, tree.offset, _ids(entry), how) for entry, tree, how in rows)


def _ids(entry: TableEntry) -> Ids:
    """Return the ids of an entry as stored; texts without what fills their fields up."""
    ids: dict[str, int | str | tuple[int, ...]] = {}
    for name in entry.names():
        if name not in ("offset", "size"):
            ids[name] = _id(getattr(entry, name))
    return ids


def _id(value: int | bytes | tuple[int, ...] | tuple[bytes, ...]) -> int | str | tuple[int, ...]:
    if isinstance(value, int):
        return value
    if isinstance(value, bytes):
        return read_text(value)
    words = [word for word in value if isinstance(word, bytes)]
    if words:  # of a text that blanks fill up
        return read_text(b"".join(words)).rstrip(" ")
    return tuple(number for number in value if isinstance(number, int))


def _appended(data: memoryview) -> DeviceTrees | None:
    if zimage.is_zimage(data):  # its header states its end
        outer = zimage.parse(data)
        entries = _on_their_own(data, outer.dtbs, outer.size)
        return DeviceTrees("appended", entries) if entries else _table_behind(data, outer.padding)
    try:
        image = kernel.identify(data, config=False)
    except InputError:
        if kernel.is_kernel(data):
            raise
        return None  # compressed, but not a kernel: a ramdisk
    if len(image.table):
        return _table_behind(data, data[image.size :])
    entries = _on_their_own(data, image.dtbs, image.size)
    if not entries and uimage.is_uimage(data):
        entries = _in_uimage(data)
    return DeviceTrees("appended", entries) if entries else None


def _table_behind(data: memoryview, behind: memoryview) -> DeviceTrees | None:
    """Return the trees of a table in what follows a kernel, up to the end of `data`."""
    table = kernel.find_table(behind)
    found = _table(table) if table else None
    return found and _moved(found, len(data) - len(behind) + leading_zeros(behind))


def _behind_bootloader(data: memoryview) -> DeviceTrees | None:
    """Return the trees behind a bootloader; not those in a boot image, which a loader may precede."""
    with suppress(InputError):
        find_header(data)
        return None
    loader = bootloader.identify(data) if sniff.sniff(data) is None else None
    entries = _on_their_own(data, loader.dtbs, loader.size) if loader else ()
    return DeviceTrees("appended", entries) if entries else None


def _in_uimage(data: memoryview) -> tuple[TreeEntry, ...]:
    """Return the trees among the parts of a multi-file uImage: kernel, ramdisk, device tree."""
    image = uimage.parse(data)
    at = uimage.HEADER_SIZE + 4 * (len(image.parts) + 1)
    entries: list[TreeEntry] = []
    for part in image.parts if image.type == uimage.TYPE_MULTI else ():
        entries += _on_their_own(data, fdt.split(part, gap=0)[0], at)
        at += align_up(len(part), 4)
    return tuple(entries)


def _on_their_own(data: memoryview, trees: tuple[memoryview, ...], at: int) -> tuple[TreeEntry, ...]:
    """Return the entries of `trees`, which follow each other in `data` from `at` on, with zeros between."""
    entries = []
    for tree in trees:
        while not data[at]:
            at += 1
        entries.append(TreeEntry(tree, at))
        at += len(tree)
    return tuple(entries)


def _inflate(data: memoryview) -> bytes:
    decoder = zlib.decompressobj()
    try:
        content = decoder.decompress(data, fdt.MAX_SIZE)
    except zlib.error as error:
        raise malformed(_WHAT, "zlib data", 0, str(error)) from error
    if not decoder.eof:
        problem = f"truncated, or decompresses to more than {fdt.MAX_SIZE} bytes"
        raise malformed(_WHAT, "zlib data", 0, problem)
    return content

"""The device trees in a file, whatever holds them: each with the ids its holder gives it. Nothing is chosen.

Trees are only parsed when asked for: a table of two hundred is read in no time.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from hardboot.base.errors import InputError
from hardboot.formats.archives import compression
from hardboot.formats.archives.compression import Compression
from hardboot.formats.kernels import kernel, zimage
from hardboot.formats.reading import Data, malformed, view
from hardboot.formats.trees import dtbh, dtbo, fdt, pxa, qcdt, sprd
from hardboot.formats.trees.dttable import Table
from hardboot.formats.trees.fdt import Fdt

Kind: TypeAlias = Literal[
    "device trees", "appended", "QCDT", "DTBH", "SPRD", "PXA-DT", "PXA-19xx", "dt_table"
]
Ids: TypeAlias = Mapping[str, int | str | tuple[int, ...]]

MAX_TABLE = 64 << 20  # bytes of a compressed table, unpacked; the largest seen has 5 MiB

_WHAT = "device trees"
_MAGICS = (
    *(qcdt.QCDT_MAGIC, dtbh.DTBH_MAGIC, sprd.SPRD_MAGIC),
    *(pxa.PXA_DT_MAGIC, pxa.PXA_19XX_MAGIC),
    *(dtbo.DT_TABLE_MAGIC.to_bytes(4, "big"), fdt.FDT_MAGIC.to_bytes(4, "big")),
)


@dataclass(frozen=True)
class TreeEntry:
    """An entry of a table, or a tree on its own.

    Attributes:
        data: The tree as stored: with the padding its entry counts, and compressed if `compression` says so.
        offset: Where it lies, in bytes from the start of the file; of an unpacked file in its content.
        ids: The raw ids of its entry, by the names of its format's fields; empty for a tree on its own.
        compression: Of this tree.
    """

    data: Data = field(repr=False)
    offset: int
    ids: Ids = field(default_factory=dict)
    compression: dtbo.Compression | None = None

    def content(self) -> memoryview:
        """The tree's own bytes, unpacked, without padding; only its header is checked.

        Raises:
            InputError: If it is no device tree, or its compression is damaged or exceeds fdt.MAX_SIZE.
        """
        seen = view(self.data)
        if self.compression == "gzip":
            seen = memoryview(compression.decompress(seen, limit=fdt.MAX_SIZE))
        elif self.compression == "zlib":
            seen = memoryview(_inflated(seen))
        return seen[: fdt.total_size(seen)]

    def tree(self) -> Fdt:
        """The parsed tree.

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
    """The device trees in a dt, dtb or dtbo image, compressed or not, or behind a kernel; None if none.

    Raises:
        InputError: If `data` begins like a table or kernel and is damaged.
    """
    seen = view(data)
    found = _table(seen) or _plain(seen)
    if found:
        return found
    kind = compression.detect(seen)
    if kind == "lzop":
        return None
    if kind and compression.peek(seen).startswith(_MAGICS):
        content, _ = compression.unpack(kind, seen, limit=MAX_TABLE)
        inside = _table(memoryview(content)) or _plain(memoryview(content))
        return DeviceTrees(inside.kind, inside.entries, kind) if inside else None
    if not kind and not kernel.is_kernel(seen):
        return None
    return _appended(seen)


def _plain(data: memoryview) -> DeviceTrees | None:
    trees, _ = fdt.split(data)
    return DeviceTrees("device trees", _on_their_own(data, trees, 0)) if trees else None


def _table(data: memoryview) -> DeviceTrees | None:
    """The entries of a table of device trees; None if `data` is none."""
    magic = bytes(data[:4])
    if magic == dtbo.DT_TABLE_MAGIC.to_bytes(4, "big"):
        overlays = dtbo.parse(data)
        entries = []
        for entry in overlays.entries:
            slot = overlays.trees[entry.tree]
            how = overlays.compression(entry)
            entries.append(TreeEntry(slot.data, slot.offset or 0, _ids(entry, dtbo.IDS), how))
        return DeviceTrees("dt_table", tuple(entries))
    if magic == qcdt.QCDT_MAGIC:
        table = qcdt.parse(data)
        return _entries("QCDT", table, qcdt.stored_ids(table.version))
    if magic == dtbh.DTBH_MAGIC:
        return _entries("DTBH", dtbh.parse(data), dtbh.IDS)
    if magic == sprd.SPRD_MAGIC:
        return _entries("SPRD", sprd.parse(data), sprd.IDS)
    if data[: len(pxa.PXA_DT_MAGIC)] == pxa.PXA_DT_MAGIC:
        return _entries("PXA-DT", pxa.PXA_DT.parse(data), pxa.PXA_DT.ids)
    if data[: len(pxa.PXA_19XX_MAGIC)] == pxa.PXA_19XX_MAGIC:
        return _entries("PXA-19xx", pxa.PXA_19XX.parse(data), pxa.PXA_19XX.ids)
    return None


def _entries(kind: Kind, table: Table[Any], names: tuple[str, ...]) -> DeviceTrees:
    found = []
    for entry in table.entries:
        slot = table.trees[entry.tree]
        found.append(TreeEntry(slot.data, slot.offset or 0, _ids(entry, names)))
    return DeviceTrees(kind, tuple(found))


def _ids(entry: object, names: tuple[str, ...]) -> Ids:
    """The ids of an entry as stored; names as text."""
    values = {name: getattr(entry, name) for name in names}
    return {
        name: value.partition(b"\0")[0].decode("utf-8", "replace") if isinstance(value, bytes) else value
        for name, value in values.items()
    }


def _appended(data: memoryview) -> DeviceTrees | None:
    if zimage.is_zimage(data):  # states where it ends
        outer = zimage.parse(data)
        entries = _on_their_own(data, outer.dtbs, outer.size)
        return DeviceTrees("appended", entries) if entries else None
    try:
        found = kernel.identify(data, config=False)
    except InputError:
        if kernel.is_kernel(data):
            raise
        return None  # compressed, and no kernel: a ramdisk
    return DeviceTrees("appended", _on_their_own(data, found.dtbs, found.size)) if found.dtbs else None


def _on_their_own(data: memoryview, trees: tuple[memoryview, ...], at: int) -> tuple[TreeEntry, ...]:
    """The trees that stand in `data` from `at`, with zeros between them."""
    entries = []
    for tree in trees:
        while not data[at]:
            at += 1
        entries.append(TreeEntry(tree, at))
        at += len(tree)
    return tuple(entries)


def _inflated(data: memoryview) -> bytes:
    decoder = zlib.decompressobj()
    try:
        content = decoder.decompress(data, fdt.MAX_SIZE)
    except zlib.error as error:
        raise malformed(_WHAT, "zlib data", 0, str(error)) from error
    if not decoder.eof:
        problem = f"it is cut off, or unpacks to more than {fdt.MAX_SIZE} bytes"
        raise malformed(_WHAT, "zlib data", 0, problem)
    return content

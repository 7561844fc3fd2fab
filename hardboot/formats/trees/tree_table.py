"""Tables of device trees that begin with magic, version and number of entries: QCDT, DTBH, SPRD, PXA.

Entries are declared with construct; a table has at most MAX_ENTRIES (4096), which takes 40 ms.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from hardboot.formats.binary_record import BinaryRecord, Le32
from hardboot.formats.reading import Data, malformed, truncated, view
from hardboot.formats.trees import stored_trees
from hardboot.formats.trees.stored_trees import Fill, StoredTree, TableEntry

PAGE_SIZES = (4096, 2048)
_TERMINATOR = 4  # bytes; makers' tools write a word of zeros behind the entries and align what follows


@dataclass(frozen=True)
class TreeTable:
    """A table. Several entries may name one tree.

    Attributes:
        trees: In the order in which entries first name them.
        page_size: Alignment of the trees, in bytes.
        size: Bytes of the file, with what follows the last tree.
    """

    version: int
    entries: tuple[TableEntry, ...]
    trees: tuple[StoredTree, ...]
    page_size: int
    size: int
    fill: Fill = field(repr=False, default=())


@dataclass(frozen=True)
class _Counts(BinaryRecord, what="device tree table"):
    """The words behind the magic."""

    version: Le32
    count: Le32


@dataclass(frozen=True)
class TableFormat:
    """One format: reads and writes its tables.

    Attributes:
        what: The format, for errors.
        magic: The first bytes of its files.
        entries: The record of an entry, by version.
    """

    what: str
    magic: bytes
    entries: Mapping[int, type[TableEntry]]

    def parse(self, data: Data) -> TreeTable:
        """Read a table; its trees are views into `data` and are not read.

        Raises:
            InputError: If it is something else, of an unknown version, or an entry points outside of it.
        """
        content = view(data)
        start = self._entries_offset
        if len(content) < start:
            raise truncated(self.what, "header", 0, len(content), start)
        magic = bytes(content[: len(self.magic)])
        if magic != self.magic:
            raise malformed(self.what, "magic", 0, f"{magic!r}, not {self.magic!r}")
        head = _Counts.parse(content, len(magic))
        record = self.entries.get(head.version)
        if record is None:
            known = ", ".join(map(hex, self.entries))
            raise malformed(self.what, "version", len(magic), f"{head.version:#x}, known are {known}")
        end = start + head.count * record.SIZE
        if head.count > stored_trees.MAX_ENTRIES or end > len(content):
            problem = f"{head.count} entries do not fit into {len(content)} bytes"
            raise malformed(self.what, "entries", len(magic) + _Counts.offset_of("count"), problem)
        entries = {at: record.parse(content, at) for at in range(start, end, record.SIZE)}
        trees = stored_trees.read_trees(self.what, content, entries)
        return TreeTable(
            version=head.version,
            entries=tuple(entries.values()),
            trees=trees,
            page_size=_page_size(trees),
            size=len(content),
            fill=stored_trees.read_fill(content, [range(end)], trees),
        )

    def build(self, table: TreeTable) -> bytes:
        """Return the file.

        Raises:
            InputError: If a number does not fit into its field.
        """
        return stored_trees.write({0: self._head(table)}, table.trees, table.fill, table.size)

    def with_trees(self, table: TreeTable, contents: Sequence[Data]) -> TreeTable:
        """Return `table` with these contents of its trees, placed as makers' tools do, and nothing else."""
        start = len(self._head(table)) + _TERMINATOR
        trees = stored_trees.place(contents, start, table.page_size)
        entries = stored_trees.moved(table.entries, table.trees, trees)
        return replace(table, entries=entries, trees=trees, size=0, fill=())

    @property
    def _entries_offset(self) -> int:
        return len(self.magic) + _Counts.SIZE

    def _head(self, table: TreeTable) -> bytes:
        counts = _Counts(table.version, len(table.entries))
        return b"".join((self.magic, counts.build(), *(entry.build() for entry in table.entries)))


def _page_size(trees: Sequence[StoredTree]) -> int:
    """Return the largest page size that all offsets and sizes are multiples of; if none is, the smallest."""
    numbers = [number for tree in trees for number in (tree.offset, tree.size)]
    fitting = [size for size in PAGE_SIZES if not any(number % size for number in numbers)]
    return fitting[0] if fitting else PAGE_SIZES[-1]

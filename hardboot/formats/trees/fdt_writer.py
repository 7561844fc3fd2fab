"""Flattened device trees, written: version 17, without padding."""

import struct

from hardboot.base.sizes import align_up
from hardboot.formats.reading import malformed
from hardboot.formats.trees.fdt_header import (
    BEGIN_NODE,
    END,
    END_NODE,
    FDT_MAGIC,
    LAST_COMP_VERSION,
    MAX_RESERVATIONS,
    MAX_SIZE,
    PROP,
    VERSION,
    FdtHeader,
    Reservation,
)
from hardboot.formats.trees.tree import MAX_DEPTH, MAX_NODES, WHAT, WORD, Fdt, Node


def build(fdt: Fdt) -> bytes:
    """Return the tree as a file of version 17, without padding; each property name is stored once.

    Raises:
        InputError: If a name, value, depth or size breaks what `parse` accepts.
    """
    structure, names = _Structure().written(fdt.root)
    if len(fdt.reservations) > MAX_RESERVATIONS:
        raise malformed(WHAT, "off_mem_rsvmap", 16, f"more than {MAX_RESERVATIONS} reservations")
    reservations = b"".join(Reservation(*item).build() for item in (*fdt.reservations, (0, 0)))
    start = align_up(FdtHeader.SIZE, 8)
    total = start + len(reservations) + len(structure) + len(names)
    if total > MAX_SIZE:
        raise malformed(
            WHAT, "totalsize", FdtHeader.offset_of("totalsize"), f"{total} bytes, the limit is {MAX_SIZE}"
        )
    header = FdtHeader(
        magic=FDT_MAGIC,
        totalsize=total,
        off_dt_struct=start + len(reservations),
        off_dt_strings=start + len(reservations) + len(structure),
        off_mem_rsvmap=start,
        version=VERSION,
        last_comp_version=LAST_COMP_VERSION,
        boot_cpuid_phys=fdt.boot_cpuid,
        size_dt_strings=len(names),
        size_dt_struct=len(structure),
    )
    return header.build().ljust(start, b"\0") + reservations + structure + names


class _Structure:
    """The structure block of a tree and the strings block it refers to, while they are written."""

    def __init__(self) -> None:
        self._block = bytearray()
        self._names = bytearray()
        self._offsets: dict[str, int] = {}
        self._nodes = 0

    def written(self, root: Node) -> tuple[bytes, bytes]:
        """Return both blocks."""
        self._node(root, 1)
        self._block += WORD.pack(END)
        return bytes(self._block), bytes(self._names)

    def _node(self, node: Node, depth: int) -> None:
        self._nodes += 1
        if depth > MAX_DEPTH or self._nodes > MAX_NODES:
            raise malformed(WHAT, node.name, 0, f"more than {MAX_DEPTH} levels or {MAX_NODES} nodes")
        self._block += WORD.pack(BEGIN_NODE)
        self._padded(_encoded(node.name) + b"\0")
        for name, value in node.properties.items():
            self._block += struct.pack(">III", PROP, len(value), self._name(name))
            self._padded(value)
        for child in node.children:
            self._node(child, depth + 1)
        self._block += WORD.pack(END_NODE)

    def _padded(self, value: bytes) -> None:
        """Append `value`, padded with zeros to the next word."""
        self._block += value + bytes(-len(value) % 4)

    def _name(self, name: str) -> int:
        """Return the offset of a property name in the strings block; a new one is added."""
        if name not in self._offsets:
            self._offsets[name] = len(self._names)
            self._names += _encoded(name) + b"\0"
        return self._offsets[name]


def _encoded(name: str) -> bytes:
    if not name.isascii() or "/" in name or "\0" in name:
        raise malformed(WHAT, "name", 0, f"{name[:40]!r} has a character that names may not have")
    return name.encode("ascii")

"""Flattened device trees (Devicetree Specification v0.4, chapter 5): read, edit, write.

Header and reservations are declared with construct, the tokens are read with struct: a phone's tree has tens
of thousands of them, which take forty times as long with construct.
"""

from hardboot.base.errors import InputError
from hardboot.formats.reading import Data, malformed, view
from hardboot.formats.trees import fdt_header
from hardboot.formats.trees.fdt_header import (
    BEGIN_NODE,
    END_NODE,
    FDT_MAGIC,
    MAX_SIZE,
    NOP,
    PROP,
    FdtHeader,
)
from hardboot.formats.trees.fdt_tokens import value, walk
from hardboot.formats.trees.fdt_writer import build
from hardboot.formats.trees.tree import (
    MAX_DEPTH,
    MAX_NODES,
    WHAT,
    WORD,
    Fdt,
    Node,
    cells,
    read_cells,
    strings,
    text,
)

__all__ = [
    "FDT_MAGIC",
    "MAX_DEPTH",
    "MAX_NODES",
    "MAX_SIZE",
    "Fdt",
    "Node",
    "build",
    "cells",
    "parse",
    "read_cells",
    "split",
    "strings",
    "text",
    "total_size",
]

MAX_TREES = 1024  # in one file; a bound on the work, far above what a family of boards needs


def _header(data: memoryview) -> FdtHeader:
    """Read the header and check that a node follows: the magic alone also occurs by chance."""
    head = fdt_header.read(data)
    start = head.structure.start
    if WORD.unpack_from(data, start)[0] not in (BEGIN_NODE, NOP):
        raise malformed(WHAT, "structure", start, "it does not begin with a node")
    return head


def total_size(data: Data) -> int:
    """Return the size in bytes of the device tree that `data` begins with; only its header is read.

    Raises:
        InputError: If `data` does not begin with a device tree.
    """
    return _header(view(data)).totalsize


def split(data: Data, *, gap: int = 4096) -> tuple[tuple[memoryview, ...], memoryview]:
    """Return the device trees that `data` begins with, one behind the other, and the rest.

    Args:
        data: What may begin with trees, such as the dtb part of a boot image.
        gap: Most bytes of zero padding in front of each tree.

    Returns:
        The trees, and what follows them, with the padding if no tree follows it.

    Raises:
        InputError: If there are more than MAX_TREES.
    """
    rest = view(data)
    trees: list[memoryview] = []
    while True:
        window = bytes(rest[: gap + 1])
        start = len(window) - len(window.lstrip(b"\0"))
        if start > gap:
            break
        try:
            size = total_size(rest[start:])
        except InputError:
            break
        if len(trees) == MAX_TREES:
            raise malformed(WHAT, "trees", len(data) - len(rest), f"more than {MAX_TREES} in a row")
        trees.append(rest[start : start + size])
        rest = rest[start + size :]
    return tuple(trees), rest


def parse(data: Data) -> Fdt:
    """Read a device tree; what follows its totalsize is ignored.

    Raises:
        InputError: If it is not a device tree or breaks a rule; names the field and its offset.
    """
    content = view(data)
    head = _header(content)
    reservations = fdt_header.read_reservations(content, head)
    return Fdt(_read_nodes(content, head), reservations, head.boot_cpuid_phys)


def _read_nodes(data: memoryview, head: FdtHeader) -> Node:
    """Return the root node."""
    nodes = 0
    top = Node("")  # holds the root as its child
    stack = [top]
    for kind, name, here, size in walk(data, head):
        if kind == PROP:
            properties = stack[-1].properties
            if name in properties:
                raise malformed(WHAT, f"property {name}", here, "the node has it twice")
            if len(stack) == 1:
                raise malformed(WHAT, f"property {name}", here, "it is outside of every node")
            properties[name] = bytes(data[value(here, size)])
        elif kind == BEGIN_NODE:
            nodes += 1
            if len(stack) > MAX_DEPTH or nodes > MAX_NODES:
                limit = f"more than {MAX_DEPTH} levels or {MAX_NODES} nodes"
                raise malformed(WHAT, "structure", here, limit)
            if len(stack) == 1 and top.children:
                raise malformed(WHAT, "structure", here, "a second root node")
            node = Node(name)
            stack[-1].children.append(node)
            stack.append(node)
        elif kind == END_NODE:
            if len(stack) == 1:
                raise malformed(WHAT, "structure", here, "a node ends that never began")
            stack.pop()
        elif len(stack) != 1 or not top.children:
            raise malformed(WHAT, "structure", here, "it ends inside a node")
    return top.children[0]

"""Flattened device trees (Devicetree Specification v0.4, chapter 5): read, edit, write.

Header and reservations are declared with construct, the token stream is read with struct in one flat loop:
a phone's tree has tens of thousands of tokens, and 100,000 words take 1.3 ms that way, 59 ms with construct.
"""

import struct

from hardboot.base.errors import InputError
from hardboot.formats.reading import Data, malformed, view
from hardboot.formats.trees import fdt_header
from hardboot.formats.trees.fdt_header import (
    BEGIN_NODE,
    END,
    END_NODE,
    FDT_MAGIC,
    MAX_SIZE,
    NOP,
    PROP,
    FdtHeader,
)
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
    """Return the root node. One flat loop: this is where the time goes."""
    base = head.structure.start
    block = bytes(data[base : head.structure.stop])
    names = _PropertyNames(bytes(data[head.strings.start : head.strings.stop]), head.strings.start)
    words = struct.unpack(f">{len(block) // 4}I", block)
    count = len(words)
    at = nodes = 0
    top = Node("")  # holds the root as its child
    stack = [top]
    while True:
        if at >= count:
            raise malformed(WHAT, "structure", base + at * 4, "it ends without an end token")
        token = words[at]
        here = at * 4
        at += 1
        if token == PROP:
            if at + 2 > count:
                raise malformed(WHAT, "property", base + here, "it is truncated")
            size, name = words[at], names.get(words[at + 1], base + here)
            start = here + 12
            if start + size > len(block):
                raise malformed(WHAT, f"property {name}", base + here, f"{size} bytes, the tree ends before")
            properties = stack[-1].properties
            if name in properties:
                raise malformed(WHAT, f"property {name}", base + here, "the node has it twice")
            if len(stack) == 1:
                raise malformed(WHAT, f"property {name}", base + here, "it is outside of every node")
            properties[name] = block[start : start + size]
            at = (start + size + 3) // 4
        elif token == BEGIN_NODE:
            start = at * 4
            end = block.find(b"\0", start)
            nodes += 1
            if end < 0:
                raise malformed(WHAT, "node name", base + start, "it does not end inside the tree")
            if len(stack) > MAX_DEPTH or nodes > MAX_NODES:
                limit = f"more than {MAX_DEPTH} levels or {MAX_NODES} nodes"
                raise malformed(WHAT, "structure", base + here, limit)
            if len(stack) == 1 and top.children:
                raise malformed(WHAT, "structure", base + here, "a second root node")
            node = Node(_name(block[start:end], "node name", base + start))
            stack[-1].children.append(node)
            stack.append(node)
            at = end // 4 + 1
        elif token == END_NODE:
            if len(stack) == 1:
                raise malformed(WHAT, "structure", base + here, "a node ends that never began")
            stack.pop()
        elif token == END:
            break
        elif token != NOP:
            raise malformed(WHAT, "structure", base + here, f"unknown token {token:#x}")
    if len(stack) != 1 or not top.children:
        raise malformed(WHAT, "structure", base + here, "it ends inside a node")
    return top.children[0]


def _name(raw: bytes, field_name: str, offset: int) -> str:
    if not raw.isascii() or b"/" in raw:
        raise malformed(WHAT, field_name, offset, f"{raw[:40]!r} has a character that names may not have")
    return raw.decode("ascii")


class _PropertyNames:
    """The strings block; each string is decoded once."""

    def __init__(self, block: bytes, offset: int) -> None:
        self._block = block
        self._offset = offset
        self._known: dict[int, str] = {}

    def get(self, start: int, used_at: int) -> str:
        """Return the string at `start` of the block, for the property at `used_at`."""
        name = self._known.get(start)
        if name is None:
            end = self._block.find(b"\0", start)
            if end < 0:
                raise malformed(WHAT, "property name", used_at, f"{start:#x} is outside the strings block")
            name = self._known[start] = _name(self._block[start:end], "property name", self._offset + start)
        return name

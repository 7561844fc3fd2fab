"""Flattened device tree (Devicetree Specification v0.4, chapter 5): read, edit, write.

The token stream is read in one flat loop: a phone's tree has tens of thousands of tokens.
"""

import struct
from dataclasses import dataclass

from hardboot.base.errors import InputError
from hardboot.base.sizes import align_up
from hardboot.formats.header import Layout
from hardboot.formats.reading import Data, malformed, view
from hardboot.formats.trees.tree import WHAT, WORD, Fdt, Node, cells, read_u32s, strings, text, u32

__all__ = [
    "Fdt",
    "Node",
    "build",
    "cells",
    "parse",
    "read_u32s",
    "split",
    "strings",
    "text",
    "total_size",
    "u32",
]

FDT_MAGIC = 0xD00DFEED
VERSION = 17
LAST_COMP_VERSION = 16  # before 16 a node carried its full path: no tree of a phone hardboot knows
MAX_DEPTH = 64  # Linux drivers/of/fdt.c, FDT_MAX_DEPTH
MAX_NODES = 65536  # the largest of Debian's 898 trees for ARM (6.1) has 860
MAX_TREES = 1024  # in one file; a bound on the work, far above what a family of boards needs
MAX_SIZE = 16 << 20  # bytes; Linux itself maps 2 MiB (arch/arm64/include/asm/boot.h, MAX_FDT_SIZE)

_BEGIN_NODE, _END_NODE, _PROP, _NOP, _END = 1, 2, 3, 4, 9
_RESERVATION = struct.Struct(">QQ")

_FIELDS = (
    *("magic", "totalsize", "off_dt_struct", "off_dt_strings", "off_mem_rsvmap", "version"),
    *("last_comp_version", "boot_cpuid_phys", "size_dt_strings", "size_dt_struct"),
)
_HEADER = Layout(WHAT, ">", *((name, "I") for name in _FIELDS))


@dataclass(frozen=True)
class _Header:
    """Validated places of the blocks, in bytes from the start of the tree."""

    total_size: int
    structure: range
    strings: range
    reservations: int
    boot_cpuid: int


def _header(data: memoryview) -> _Header:
    head = _HEADER.parse(data)
    if head["magic"] != FDT_MAGIC:
        raise malformed(WHAT, "magic", 0, f"{head['magic']:08x}, not d00dfeed")

    def wrong(name: str, problem: str) -> InputError:
        return malformed(WHAT, name, _HEADER.offsets[name], problem)

    total = head["totalsize"]
    if not _HEADER.size < total <= len(data):
        raise wrong("totalsize", f"{total} bytes, there are {len(data)}")
    if total > MAX_SIZE:
        raise wrong("totalsize", f"{total} bytes, the limit is {MAX_SIZE}")
    if head["version"] < LAST_COMP_VERSION:
        raise wrong("version", f"{head['version']}, the oldest that can be read is {LAST_COMP_VERSION}")
    if head["last_comp_version"] > VERSION:
        raise wrong("last_comp_version", f"{head['last_comp_version']}, the newest known is {VERSION}")
    begin = head["off_dt_struct"]
    if begin % 4 or not _HEADER.size - 4 <= begin < total:
        raise wrong("off_dt_struct", f"{begin:#x} is not aligned to 4 inside {total:#x} bytes")
    size = (
        head["size_dt_struct"] if head["version"] >= 17 else (total - begin) // 4 * 4
    )  # v16 has no such field
    if size % 4 or begin + size > total or size < 16:
        raise wrong("size_dt_struct", f"{size:#x} bytes from {begin:#x} do not fit into {total:#x}")
    if head["off_dt_strings"] + head["size_dt_strings"] > total:
        raise wrong("size_dt_strings", f"the strings end behind the tree's {total:#x} bytes")
    if head["off_mem_rsvmap"] % 8 or head["off_mem_rsvmap"] + _RESERVATION.size > total:
        raise wrong(
            "off_mem_rsvmap", f"{head['off_mem_rsvmap']:#x} is not aligned to 8 inside {total:#x} bytes"
        )
    if WORD.unpack_from(data, begin)[0] not in (_BEGIN_NODE, _NOP):
        raise malformed(WHAT, "structure", begin, "it does not begin with a node")
    return _Header(
        total,
        range(begin, begin + size),
        range(head["off_dt_strings"], head["off_dt_strings"] + head["size_dt_strings"]),
        head["off_mem_rsvmap"],
        head["boot_cpuid_phys"],
    )


def total_size(data: Data) -> int:
    """The size in bytes of the tree that `data` begins with; its header is checked, so a false magic is seen.

    Raises:
        InputError: If `data` does not begin with a device tree.
    """
    return _header(view(data)).total_size


def split(data: Data, *, gap: int = 4096) -> tuple[tuple[memoryview, ...], memoryview]:
    """The device trees `data` begins with, one behind the other, and what follows them.

    Args:
        data: What may hold trees, such as the dtb part of a boot image.
        gap: Bytes of zero padding allowed before each tree.

    Returns:
        The trees, and the rest, which holds the padding if no tree follows it.

    Raises:
        InputError: If there are more than MAX_TREES.
    """
    rest = view(data)
    found: list[memoryview] = []
    while True:
        window = bytes(rest[: gap + 1])
        start = len(window) - len(window.lstrip(b"\0"))
        if start > gap:
            break
        try:
            size = total_size(rest[start:])
        except InputError:
            break
        if len(found) == MAX_TREES:
            raise malformed(WHAT, "trees", len(data) - len(rest), f"more than {MAX_TREES} in a row")
        found.append(rest[start : start + size])
        rest = rest[start + size :]
    return tuple(found), rest


def _read_reservations(data: memoryview, head: _Header) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    position = head.reservations
    while position + _RESERVATION.size <= head.total_size:
        address, size = _RESERVATION.unpack_from(data, position)
        if not address and not size:
            return found
        found.append((address, size))
        position += _RESERVATION.size
    raise malformed(WHAT, "reservations", head.reservations, "the list does not end inside the tree")


def parse(data: Data) -> Fdt:
    """Read a device tree; what lies behind its totalsize is not looked at.

    Raises:
        InputError: If it is not a device tree or breaks a rule; names the field and its offset.
    """
    seen = view(data)
    head = _header(seen)
    return Fdt(_read_nodes(seen, head), _read_reservations(seen, head), head.boot_cpuid)


def _read_nodes(data: memoryview, head: _Header) -> Node:
    """The root node. One flat loop: this is where the time goes."""
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
        if token == _PROP:
            if at + 2 > count:
                raise malformed(WHAT, "property", base + here, "it is cut off")
            size, name = words[at], names.get(words[at + 1], base + here)
            start = here + 12
            if start + size > len(block):
                raise malformed(WHAT, f"property {name}", base + here, f"{size} bytes, the tree ends before")
            properties = stack[-1].properties
            if name in properties:
                raise malformed(WHAT, f"property {name}", base + here, "the node has it twice")
            if len(stack) == 1:
                raise malformed(WHAT, f"property {name}", base + here, "it lies outside every node")
            properties[name] = block[start : start + size]
            at = (start + size + 3) // 4
        elif token == _BEGIN_NODE:
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
        elif token == _END_NODE:
            if len(stack) == 1:
                raise malformed(WHAT, "structure", base + here, "a node ends that never began")
            stack.pop()
        elif token == _END:
            break
        elif token != _NOP:
            raise malformed(WHAT, "structure", base + here, f"unknown token {token:#x}")
    if len(stack) != 1 or not top.children:
        raise malformed(WHAT, "structure", base + here, "it ends inside a node")
    return top.children[0]


def _name(raw: bytes, field_name: str, offset: int) -> str:
    if not raw.isascii() or b"/" in raw:
        raise malformed(WHAT, field_name, offset, f"{raw[:40]!r} has characters no name may have")
    return raw.decode("ascii")


class _PropertyNames:
    """The strings block; each string is decoded once."""

    def __init__(self, block: bytes, offset: int) -> None:
        self._block = block
        self._offset = offset
        self._known: dict[int, str] = {}

    def get(self, start: int, used_at: int) -> str:
        """The string at `start` of the block, for the property at `used_at`."""
        name = self._known.get(start)
        if name is None:
            end = self._block.find(b"\0", start)
            if end < 0:
                raise malformed(WHAT, "property name", used_at, f"{start:#x} is outside the strings block")
            name = self._known[start] = _name(self._block[start:end], "property name", self._offset + start)
        return name


def build(fdt: Fdt) -> bytes:
    """The tree as a file of version 17: each property name once, no padding behind.

    Raises:
        InputError: If a name, depth or size breaks what `parse` accepts.
    """
    names: dict[str, int] = {}
    block = bytearray()
    known = bytearray()
    nodes = 0

    def write(node: Node, depth: int) -> None:
        nonlocal nodes
        nodes += 1
        if depth > MAX_DEPTH or nodes > MAX_NODES:
            raise malformed(WHAT, node.name, 0, f"more than {MAX_DEPTH} levels or {MAX_NODES} nodes")
        block.extend(WORD.pack(_BEGIN_NODE))
        _put(block, _encoded(node.name) + b"\0")
        for name, value in node.properties.items():
            if name not in names:
                names[name] = len(known)
                known.extend(_encoded(name) + b"\0")
            block.extend(struct.pack(">III", _PROP, len(value), names[name]))
            _put(block, value)
        for child in node.children:
            write(child, depth + 1)
        block.extend(WORD.pack(_END_NODE))

    write(fdt.root, 1)
    block.extend(WORD.pack(_END))
    reservations = b"".join(_RESERVATION.pack(*item) for item in [*fdt.reservations, (0, 0)])
    start = align_up(_HEADER.size, 8)
    total = start + len(reservations) + len(block) + len(known)
    if total > MAX_SIZE:
        raise malformed(WHAT, "totalsize", 4, f"{total} bytes, the limit is {MAX_SIZE}")
    header = _HEADER.build(
        {
            "magic": FDT_MAGIC,
            "totalsize": total,
            "off_dt_struct": start + len(reservations),
            "off_dt_strings": start + len(reservations) + len(block),
            "off_mem_rsvmap": start,
            "version": VERSION,
            "last_comp_version": LAST_COMP_VERSION,
            "boot_cpuid_phys": fdt.boot_cpuid,
            "size_dt_strings": len(known),
            "size_dt_struct": len(block),
        }
    )
    return bytes(header + bytes(start - _HEADER.size) + reservations + block + known)


def _put(block: bytearray, value: bytes) -> None:
    """Append `value`, padded with zeros to the next word."""
    block.extend(value)
    block.extend(bytes(-len(value) % 4))


def _encoded(name: str) -> bytes:
    if not name.isascii() or "/" in name or "\0" in name:
        raise malformed(WHAT, "name", 0, f"{name[:40]!r} has characters no name may have")
    return name.encode("ascii")

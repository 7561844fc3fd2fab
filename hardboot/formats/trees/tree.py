"""A device tree in memory: nodes that are edited in place, and the values of their properties."""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from hardboot.formats.reading import malformed

WHAT = "device tree"
WORD = struct.Struct(">I")
MAX_DEPTH = 64  # Linux drivers/of/fdt.c, FDT_MAX_DEPTH
MAX_NODES = 65536  # the largest of Debian's 898 trees for ARM (6.1) has 860


@dataclass
class Node:
    """A node: its properties by name, as raw bytes, and its children in order."""

    name: str
    properties: dict[str, bytes] = field(default_factory=dict)
    children: list["Node"] = field(default_factory=list)

    def child(self, name: str) -> "Node | None":
        """Return the first child called `name`, as Linux finds it: the unit address may be left out."""
        for node in self.children:
            if name in (node.name, node.name.partition("@")[0]):
                return node
        return None

    def walk(self, path: str = "") -> Iterator[tuple[str, "Node"]]:
        """Yield this node and all below it, each with its path, in the order of the file."""
        here = f"{path}/{self.name}" if self.name else path
        yield here or "/", self
        for node in self.children:
            yield from node.walk(here)


@dataclass
class Fdt:
    """A device tree; edit it in place."""

    root: Node = field(default_factory=lambda: Node(""))
    reservations: list[tuple[int, int]] = field(default_factory=list)  # physical address, size in bytes
    boot_cpuid: int = 0

    def find(self, path: str) -> Node | None:
        """Return the node at `path`, such as "/chosen" or "/cpus/cpu@0"; None if there is none."""
        node: Node | None = self.root
        for name in _components(path):
            node = node.child(name) if node is not None else None
        return node

    def ensure(self, path: str) -> Node:
        """Return the node at `path`; nodes that are missing are added."""
        node = self.root
        for name in _components(path):
            child = node.child(name)
            if child is None:
                child = Node(name)
                node.children.append(child)
            node = child
        return node


def _components(path: str) -> list[str]:
    if not path.startswith("/"):
        raise ValueError(f"not an absolute path: {path}")
    return [name for name in path.split("/") if name]


def cells(values: Iterable[int]) -> bytes:
    """Return a property of 32-bit cells."""
    return b"".join(map(WORD.pack, values))


def read_cells(value: bytes) -> tuple[int, ...]:
    """Return the 32-bit cells of a property.

    Raises:
        InputError: If its length is not a multiple of 4.
    """
    if len(value) % 4:
        raise malformed(WHAT, "property", 0, f"{len(value)} bytes are not a list of 4-byte cells")
    return struct.unpack(f">{len(value) // 4}I", value)


def text(value: bytes | None) -> str:
    """Return the first string of a property such as `model`; "" if there is none."""
    return (value or b"").partition(b"\0")[0].decode("utf-8", "replace")


def strings(value: bytes | None) -> list[str]:
    """Return all strings of a property such as `compatible`."""
    return [item.decode("utf-8", "replace") for item in (value or b"").split(b"\0") if item]

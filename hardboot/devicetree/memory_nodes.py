"""RAM and reserved memory in a device tree: read, and write."""

from collections.abc import Sequence

from hardboot.base.errors import InputError, RefusedError
from hardboot.base.memory import Range
from hardboot.formats.trees import fdt
from hardboot.formats.trees.fdt import Fdt, Node

# What a kernel takes when the root does not say: Linux 6.1 include/linux/of.h, OF_ROOT_NODE_*_CELLS_DEFAULT.
_DEFAULT_CELLS = 1
# How Qualcomm's kernels up to 3.18 take memory away: <start size> in any node.
_QCOM_HOLES = ("qcom,memblock-remove", "qcom,memblock-reserve")


def memory_banks(tree: Fdt) -> list[Range]:
    """Return the banks of RAM in the memory nodes, without empty ones.

    Raises:
        InputError: If a `reg` is malformed.
    """
    cells = address_cells(tree.root)
    found: list[Range] = []
    for node in memory_nodes(tree):
        found += _ranges(node, "reg", cells)
    return found


def reserved_memory(tree: Fdt) -> list[Range]:
    """Return what a kernel started with `tree` does not touch: its reserve map and reserved-memory nodes.

    Ranges are named after their nodes.

    Raises:
        InputError: If a `reg` is malformed.
    """
    found = [Range.sized(start, size, "reserve map") for start, size in tree.reservations if size]
    parent = tree.find("/reserved-memory")
    if parent is not None:
        cells = address_cells(parent, address_cells(tree.root))
        for node in parent.children:
            found += _ranges(node, "reg", cells)
    for _, node in tree.root.walk():
        for name in _QCOM_HOLES:
            found += _ranges(node, name, (1, 1))
    return found


def encode_ranges(tree: Fdt, ranges: Sequence[Range]) -> bytes:
    """Encode ranges as a `reg` of the root's children.

    Raises:
        RefusedError: If an address does not fit into the tree's cells.
        InputError: If the tree's cells are malformed.
    """
    in_address, in_size = address_cells(tree.root)
    for item in ranges:
        if item.start >> (32 * in_address) or item.size >> (32 * in_size):
            raise RefusedError(
                f"{item} does not fit into the {in_address} address and {in_size} size cells of the "
                "ROM's device tree",
                state="Nothing was changed.",
                fix="Use a ROM whose device tree is made for this phone.",
            )
    return b"".join(
        item.start.to_bytes(4 * in_address, "big") + item.size.to_bytes(4 * in_size, "big") for item in ranges
    )


def memory_nodes(tree: Fdt) -> list[Node]:
    """Return the nodes that describe RAM, below the root."""
    return [
        node
        for node in tree.root.children
        if fdt.text(node.properties.get("device_type")) == "memory" or node.name.partition("@")[0] == "memory"
    ]


def address_cells(node: Node, default: tuple[int, int] = (_DEFAULT_CELLS, _DEFAULT_CELLS)) -> tuple[int, int]:
    """Return the address and size cells of `node`'s children.

    Args:
        node: Their parent.
        default: What holds if it does not say.

    Raises:
        InputError: If it states neither 1 nor 2.
    """
    found = []
    for name, fallback in zip(("#address-cells", "#size-cells"), default, strict=True):
        value = node.properties.get(name)
        count = fallback if value is None else read_number(value)
        if not 1 <= count <= 2:
            raise _malformed(f"{node.name or '/'} {name}", f"{count} cells, not 1 or 2")
        found.append(count)
    return found[0], found[1]


def read_number(value: bytes) -> int:
    """Return the number in a property of any length."""
    return int.from_bytes(value, "big")


def _ranges(node: Node, name: str, cells: tuple[int, int]) -> list[Range]:
    """Return the ranges in property `name`, without empty ones; none if it is not there."""
    value = node.properties.get(name, b"")
    address, size = 4 * cells[0], 4 * cells[1]
    if len(value) % (address + size):
        problem = f"{len(value)} bytes, not a list of {address + size}-byte entries"
        raise _malformed(f"{node.name or '/'} {name}", problem)
    found = []
    for at in range(0, len(value), address + size):
        start = read_number(value[at : at + address])
        length = read_number(value[at + address : at + address + size])
        if length:
            found.append(Range.sized(start, length, node.name))
    return found


def _malformed(what: str, problem: str) -> InputError:
    return InputError(
        f"device tree: {what}: {problem}",
        state="Nothing was changed.",
        fix="Check the ROM's device tree, and the phone's own, with dtc.",
    )

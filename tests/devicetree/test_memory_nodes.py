"""RAM and reserved memory of a device tree are read and written as kernels do."""

import pytest
from adapted_trees import LIVE, rom

from hardboot import devicetree
from hardboot.base.errors import InputError, RefusedError
from hardboot.base.memory import Range
from hardboot.devicetree.memory_nodes import address_cells, encode_ranges
from hardboot.formats.trees import fdt
from hardboot.formats.trees.fdt import Fdt, Node

U32 = (1).to_bytes(4, "big")


def test_the_banks_are_those_of_all_memory_nodes_without_empty_ones() -> None:
    more = (
        'memory { device_type = "memory"; reg = <0x80000000 0x1000 0x90000000 0>; }; memory@a0000000 { '
        'reg = <0xa0000000 0x2000>; }; ram { device_type = "memory"; reg = <0xb0000000 0x3000>; }; '
        "memoryless { reg = <1 2>; }; soc { memory { reg = <1 2>; }; };"
    )
    assert [(one.start, one.end, one.name) for one in devicetree.memory_banks(rom(more=more))] == [
        (0x80000000, 0x80001000, "memory"),
        (0xA0000000, 0xA0002000, "memory@a0000000"),
        (0xB0000000, 0xB0003000, "ram"),
    ]
    assert devicetree.memory_banks(LIVE) == [Range(0x40000000, 0x80000000)]


def test_reserved_memory_is_named_after_its_node() -> None:
    more = (
        "reserved-memory { #address-cells = <2>; #size-cells = <1>; a { reg = <1 0x1000 0x2000>; }; };"
        "soc { b { qcom,memblock-remove = <0x3000 0x1000>; qcom,memblock-reserve = <0x5000 0x1000>; }; };"
    )
    tree = rom(more=more)
    tree.reservations = [(0x9000, 0x1000), (0xA000, 0)]
    assert [(one.start, one.end, one.name) for one in devicetree.reserved_memory(tree)] == [
        (0x9000, 0xA000, "reserve map"),
        (0x100001000, 0x100003000, "a"),
        (0x3000, 0x4000, "b"),
        (0x5000, 0x6000, "b"),
    ]


@pytest.mark.parametrize(
    ("more", "what"),
    [
        (
            'memory { device_type = "memory"; reg = <1 2 3>; };',
            "memory reg: 12 bytes, not a list of 8-byte entries",
        ),
        (
            "reserved-memory { #address-cells = <3>; #size-cells = <1>; a { reg = <1>; }; };",
            "reserved-memory #address-cells: 3 cells, not 1 or 2",
        ),
        (
            "reserved-memory { #address-cells = <1>; #size-cells = <0>; a { reg = <1>; }; };",
            "reserved-memory #size-cells: 0 cells, not 1 or 2",
        ),
        (
            "reserved-memory { #address-cells = <1>; #size-cells = <2>; a { reg = <1>; }; };",
            "a reg: 4 bytes, not a list of 12-byte entries",
        ),
        (
            "a { qcom,memblock-remove = <1>; };",
            "a qcom,memblock-remove: 4 bytes, not a list of 8-byte entries",
        ),
    ],
)
def test_a_malformed_property_is_named(more: str, what: str) -> None:
    read = devicetree.memory_banks if "device_type" in more else devicetree.reserved_memory
    with pytest.raises(InputError) as error:
        read(rom(more=more))
    assert error.value.what == f"device tree: {what}"
    assert error.value.fix == "Check the ROM's device tree, and the phone's own, with dtc."
    assert error.value.state == "Nothing was changed."


def test_cells_default_to_one_at_the_root_and_to_the_parents_below() -> None:
    assert address_cells(Node("")) == (1, 1)
    assert address_cells(Node("x"), (2, 1)) == (2, 1)
    assert address_cells(Node("x", {"#address-cells": U32}), (2, 2)) == (1, 2)
    with pytest.raises(InputError, match="device tree: / #size-cells: 3 cells"):
        address_cells(Node("", {"#size-cells": fdt.cells((3,))}))


@pytest.mark.parametrize(
    ("cells", "item", "data"),
    [
        (1, Range(0x1000, 0x3000), "0000100000002000"),
        (1, Range(0xFFFFFFFF, 0x100000000), "ffffffff00000001"),
        (2, Range(0x100001000, 0x100003000), "00000001000010000000000000002000"),
        (2, Range((1 << 64) - 1, 1 << 64), "ffffffffffffffff0000000000000001"),
    ],
)
def test_ranges_are_written_in_the_roots_cells(cells: int, item: Range, data: str) -> None:
    tree = Fdt(Node("", {name: fdt.cells((cells,)) for name in ("#address-cells", "#size-cells")}))
    assert encode_ranges(tree, [item]).hex() == data
    assert encode_ranges(tree, [item, item]).hex() == data * 2


@pytest.mark.parametrize("item", [Range(1 << 32, (1 << 32) + 1), Range(0, 1 << 32)])
def test_a_range_beyond_the_cells_is_refused(item: Range) -> None:
    with pytest.raises(RefusedError) as error:
        encode_ranges(Fdt(Node("")), [item])
    assert error.value.what == (
        f"{item} does not fit into the 1 address and 1 size cells of the ROM's device tree"
    )
    assert error.value.fix == "Use a ROM whose device tree is made for this phone."
    assert error.value.state == "Nothing was changed."

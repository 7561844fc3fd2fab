"""Where a panic kernel goes, and what its device tree tells it."""

import dataclasses
import struct
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layout_guests import VIRT, guest, kernel

from hardboot import devicetree, layout
from hardboot.base.errors import RefusedError
from hardboot.base.memory import Range, subtract
from hardboot.formats.trees import fdt

MEMORY = Range(0x68000000, 0x6BE00000, "memory of the panic kernel")


def test_everything_goes_into_the_memory_set_aside() -> None:
    plan = layout.plan_panic_kernel(VIRT, guest(), MEMORY)
    assert {one.name for one in plan.segments} == {"zImage", "initrd", "dtb"}
    assert all(MEMORY.contains(one.range) for one in plan.segments)
    unpacked = next(one.range for one in plan.extents if one.kind is layout.ExtentKind.UNPACKED_KERNEL)
    assert MEMORY.contains(unpacked)
    assert plan.flag == 0


@settings(max_examples=25)
@given(st.integers(1, 128), st.integers(0, 40 << 20), st.integers(1 << 16, 12 << 20))
def test_no_plan_leaves_the_memory_set_aside(size: int, ramdisk: int, unpacked: int) -> None:
    memory = Range.sized(0x68000000, size << 20)
    try:
        plan = layout.plan_panic_kernel(VIRT, guest(kernel(edata=unpacked), ramdisk=ramdisk), memory)
    except RefusedError:
        return
    ranges = sorted(one.range for one in plan.segments)
    assert subtract(ranges, [memory]) == []
    assert all(one.end <= two.start for one, two in pairwise(ranges))
    unpacking = next(one.range for one in plan.extents if one.kind is layout.ExtentKind.UNPACKED_KERNEL)
    assert memory.contains(unpacking)
    assert not any(one.overlaps(unpacking) for one in ranges if one.name != "zImage")


def test_memory_that_does_not_begin_where_a_kernel_looks_for_it_is_refused() -> None:
    with pytest.raises(RefusedError, match="multiple of"):
        layout.plan_panic_kernel(VIRT, guest(), Range(0x6A000000, 0x6E000000))


def test_a_kernel_that_unpacks_to_one_address_only_is_refused() -> None:
    fixed = dataclasses.replace(
        guest(kernel()), kernel=dataclasses.replace(kernel(), relocatable=False, zreladdr=0x40008000)
    )
    with pytest.raises(RefusedError, match="always decompresses"):
        layout.plan_panic_kernel(VIRT, fixed, MEMORY)


def test_too_little_memory_is_refused() -> None:
    with pytest.raises(RefusedError, match="layout rule"):
        layout.plan_panic_kernel(VIRT, guest(), Range(0x68000000, 0x68800000))


@pytest.mark.parametrize("cells", [1, 2])
def test_the_tree_tells_both_properties_in_its_own_cells(cells: int) -> None:
    root = fdt.Node("", {"#address-cells": cells.to_bytes(4, "big"), "#size-cells": cells.to_bytes(4, "big")})
    tree = fdt.Fdt(root, [])
    done = devicetree.for_panic_kernel(tree, elf_header=Range(0x6BE00000, 0x6BE01000), memory=MEMORY)
    chosen = done.find("/chosen")
    assert chosen
    form = f">2{'I' if cells == 1 else 'Q'}"
    assert chosen.properties["linux,elfcorehdr"] == struct.pack(form, 0x6BE00000, 0x1000)
    assert chosen.properties["linux,usable-memory-range"] == struct.pack(form, 0x68000000, 0x3E00000)
    assert tree.find("/chosen") is None

"""The planner without a reset: which rules go, and which stay."""

from dataclasses import replace
from random import Random

import layout_inputs as inputs
import msgspec
import pytest
from layout_cases import random_case
from layout_guests import IOMEM, SHAMU, VIRT, guest, kernel
from layout_hosts import ANGLER, guest64, image
from layout_judge import faults

from hardboot import layout
from hardboot.base.errors import RefusedError
from hardboot.base.memory import Range
from hardboot.formats.trees import fdt
from hardboot.formats.trees.fdt import Fdt
from hardboot.layout import LiveMemory
from hardboot.payload import purgatory

RAM = Range(0x40000000, 0x80000000)


def test_what_the_bootloader_overwrites_is_free_without_a_reset() -> None:
    phone = msgspec.structs.replace(VIRT, mem_min=0x45800000)
    assert min(one.addr for one in layout.plan(phone, guest(), None).segments) == 0x45800000
    plan = layout.plan(phone, guest(), None, soft=True)
    assert {one.name: one.addr for one in plan.segments}["zImage"] == 0x44200000  # above ramoops
    # Lower down there is room as well, if nothing is reserved: what unpacking takes ends at 0x41607588.
    bare = msgspec.structs.replace(phone, reserved_spans=())
    assert min(one.addr for one in layout.plan(bare, guest(), None, soft=True).segments) == 0x41700000
    assert plan.flag == 0
    assert not any("bootloader" in one.name or "page" in one.name for one in plan.extents)


def test_an_unknown_page_and_bootloader_do_not_matter_without_a_reset() -> None:
    hardboot = msgspec.structs.replace(VIRT.hardboot, page=None)
    phone = msgspec.structs.replace(VIRT, hardboot=hardboot, bootloader_spans=())
    with pytest.raises(RefusedError):
        layout.plan(phone, guest(), None)
    plan = layout.plan(phone, guest(), None, soft=True)
    tree = plan.segment("dtb")
    assert tree
    assert fdt.parse(bytes(tree.data)).reservations == []  # no page is reserved, and no entry ends the map


def test_no_host_kernel_moves_anything_without_a_reset() -> None:
    live = layout.parse_iomem(IOMEM)
    plan = layout.plan(SHAMU, guest(), live, soft=True)
    zimage = plan.segment("zImage")
    assert zimage
    assert zimage.addr < 0x8000000  # it runs where it is loaded, so that must be the first 128 MiB
    assert not any("moved" in one.name for one in plan.extents)
    assert not any("bootloader" in note for note in plan.notes)


def test_what_the_running_kernel_reserved_stays_free_without_a_reset() -> None:
    reserved = Range(0x41608000, 0x60000000, "reserved")
    live = LiveMemory((RAM,), kernel=(Range(0x40008000, 0x40800000),), reserved=(reserved,))
    with pytest.raises(RefusedError, match="layout rule"):
        layout.plan(VIRT, guest(), live, soft=True)


def test_a_kernel_that_would_unpack_over_something_reserved_is_refused_without_a_reset() -> None:
    live = LiveMemory((RAM,), reserved=(Range(0x40800000, 0x40801000, "reserved"),))
    with pytest.raises(RefusedError, match="decompression-clear"):
        layout.plan(VIRT, guest(kernel()), live, soft=True)


BANKS = (Range(0, 0x80000000), Range(0x80000000, 0xC0000000))


def test_an_arm64_kernel_is_started_by_a_program_that_gives_it_its_tree() -> None:
    who = guest64(image(), Fdt())
    plan = layout.plan(ANGLER, who, LiveMemory(BANKS), soft=True)
    kernel, tree, program = (plan.segment(name) for name in ("Image", "dtb", "purgatory"))
    assert kernel
    assert tree
    assert program
    assert plan.entry == program.addr
    assert bytes(program.data) == purgatory.build(kernel=kernel.addr, dtb=tree.addr)
    assert plan.dtb_addr == tree.addr
    after_reset = layout.plan(ANGLER, who, LiveMemory(BANKS))
    assert after_reset.segment("purgatory") is None  # there the host kernel does it
    assert layout.plan(VIRT, guest(), None, soft=True).segment("purgatory") is None


ABI = {
    "buffer": "direct64",
    "direct64": "direct64",
    "copy-atags": "atags-in-r0",
    "atags-in-r0": "atags-in-r0",
}


def test_no_plan_without_a_reset_breaks_a_rule() -> None:
    planned = 0
    for seed in range(300):
        case = random_case(Random(seed), small=False)
        who = inputs.guest(case)
        try:
            plan = layout.plan(inputs.phone(case), who, inputs.live(case), soft=True)
        except RefusedError as error:
            assert error.what.startswith("layout rule "), error.what  # noqa: PT017
            continue
        planned += 1
        # The same phone without all that a reset brings with it; these ABIs move nothing.
        ground = replace(
            case,
            abi=ABI.get(case.abi, "direct"),
            page=(0, 0),
            lost=(),
            mem_min=None,
            kernel_loc=None,
            dtb_loc=None,
            params=None,
            buffer=None,
        )
        places = {one.name: (one.addr, one.memsz) for one in plan.segments}
        params = plan.segment("atags" if case.atags else "dtb")
        assert params
        assert list(faults(ground, places, len(params.data))) == [], seed
    assert planned > 150

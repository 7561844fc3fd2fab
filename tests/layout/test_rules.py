"""Each rule of the planner, broken once: it is named, with the nearest placement that works."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from image_builders import unpacks_to, words
from layout_guests import IOMEM, MIB, SHAMU, SHAMU_PLACES, VIRT, forced, guest, kernel, moving, rules

from hardboot import layout, profile
from hardboot.base.errors import RefusedError
from hardboot.base.memory import Range
from hardboot.formats.trees.fdt import Fdt, Node
from hardboot.layout import LiveMemory
from hardboot.profile import Profile, Span


def test_the_planner_leaves_the_window_only_if_it_may() -> None:
    full = msgspec.structs.replace(VIRT, mem_min=0x48000000)
    message = (
        "layout rule room: zImage .* at 0x48000000 it would break zimage-window: .* would take 0x48000000"
    )
    with pytest.raises(RefusedError, match=message) as error:
        layout.plan(full, guest(), None)
    assert "kernel_loc in the profile" in error.value.fix
    plan = layout.plan(full, guest(kernel(code=unpacks_to(0x40008000))), None)
    assert plan.entry == 0x48000000
    assert plan.notes == ()


# --- every rule, broken once


def test_the_layout_that_booted_breaks_no_rule() -> None:
    assert forced({}) == []
    assert forced({"initrd": 0x68000000, "dtb": 0x67F00000}) == []


@pytest.mark.parametrize(
    ("addresses", "rule", "message"),
    [
        # what was tried on the virtual phone, and failed
        ({"initrd": 0x74000000}, "initrd-lowmem", "is not inside lowmem 0x40000000-0x6f800000"),
        ({"initrd": 0x7F000000}, "initrd-lowmem", ""),
        ({"initrd": 0x43000000}, "outside-bootloader", "ramdisk-load (bootloader) 0x43000000-0x44000000"),
        ({"kernel": 0x50000000}, "zimage-window", "take 0x50000000 for the start of RAM"),
        ({"initrd": 0x43F00000}, "outside-page", "hardboot page 0x44000000-0x44001000"),
        # and the others
        ({"dtb": 0x44000000}, "outside-page", "dtb 0x44000000"),
        ({"dtb": 0x44100000}, "outside-reserved", "ramoops 0x44100000-0x44200000"),
        ({"dtb": 0x70000000}, "dtb-lowmem", ""),
        ({"dtb": 0x46001000}, "disjoint", "initrd 0x46000000"),
        ({"dtb": 0x46F00800}, "page-aligned", "whole pages"),
        ({"kernel": 0x47FFF000}, "zimage-window", "0x47fff000"),
        ({"initrd": 0x7FF00000}, "one-bank", "is not inside one bank"),
        ({"initrd": 0x3FF00000}, "one-bank", ""),
        ({"initrd": 0x41200000}, "decompression-clear", "unpacked kernel 0x40203000-0x41607588"),
        ({"dtb": 0x41600000}, "decompression-clear", "dtb 0x41600000"),
        ({"kernel": 0x41500000, "dtb": 0x41A80000}, "decompression-clear", "kernel 0x40203000-0x41aec2b4"),
        ({"dtb": 0x45540000}, "kernel-room", "zImage heap 0x45533000-0x45545000"),
    ],
)
def test_a_wrong_address_breaks_its_rule(addresses: dict[str, int], rule: str, message: str) -> None:
    found = forced(addresses)
    assert rule in rules(found)
    assert any(one == rule and message in what for one, what in found)
    who = guest()
    plan = layout.assemble(
        VIRT, who, None, **({"kernel": 0x45000000, "initrd": 0x46000000, "dtb": 0x46F00000} | addresses)
    )
    with pytest.raises(RefusedError, match="layout rule "):
        layout.check(layout.gather_constraints(VIRT, who, None), plan.segments)


def refusal(addresses: dict[str, int]) -> str:
    """Return the refusal of a plan with these addresses."""
    who = guest()
    places = {"kernel": 0x45000000, "initrd": 0x46000000, "dtb": 0x46F00000} | addresses
    plan = layout.assemble(VIRT, who, None, **places)
    with pytest.raises(RefusedError) as error:
        layout.check(layout.gather_constraints(VIRT, who, None), plan.segments)
    return error.value.what


@pytest.mark.parametrize(
    ("addresses", "nearest"),
    [
        ({"initrd": 0x74000000}, "initrd at 0x6ed00000"),  # it ends with lowmem, 0x6f800000
        ({"initrd": 0x43000000}, "initrd at 0x44200000"),  # behind ramoops
        ({"kernel": 0x50000000}, "zImage at 0x47ffd000"),  # it begins before the last 8 KiB
        ({"dtb": 0x44000000}, "dtb at 0x44001000"),
        ({"dtb": 0x41600000}, "dtb at 0x41608000"),  # the kernel's BSS ends at 0x41607588
        ({"dtb": 0x45540000}, "dtb at 0x45545000"),
        ({"dtb": 0x46001000}, "dtb at 0x45fff000"),
    ],
)
def test_a_refusal_tells_the_nearest_placement_that_works(addresses: dict[str, int], nearest: str) -> None:
    what = refusal(addresses)
    assert what.endswith(f"; the nearest placement that works: {nearest}")
    name, _, place = nearest.partition(" at ")
    name = {"zImage": "kernel"}.get(name, name)
    assert forced(addresses | {name: int(place, 16)}) == []


def test_a_refusal_tells_no_placement_if_moving_one_segment_does_not_help() -> None:
    assert "nearest" not in refusal({"initrd": 0x74000000, "dtb": 0x44000000})


def test_mem_min_is_respected() -> None:
    phone = msgspec.structs.replace(VIRT, mem_min=0x45800000)
    assert "mem-min" in rules(forced({}, phone=phone))
    plan = layout.plan(phone, guest(), None)
    assert min(one.addr for one in plan.segments) == 0x45800000


def test_memory_the_running_kernel_reserved_stays_free() -> None:
    live = LiveMemory((Range(0x40000000, 0x80000000),), reserved=(Range(0x46100000, 0x46101000, "reserved"),))
    assert "outside-reserved" in rules(forced({}, live=live))
    layout.plan(VIRT, guest(), live)


def test_what_the_guests_tree_reserves_stays_free() -> None:
    who = guest(tree=Fdt(reservations=[(0x46100000, 0x1000)]))
    assert "outside-reserved" in rules(forced({}, who))
    hole = guest(
        tree=Fdt(
            Node("", {}, [Node("x", {"qcom,memblock-remove": words(0)[:0] + b"\x44\x20\0\0\0\x30\0\0"})])
        )
    )
    zimage_ = layout.plan(VIRT, hole, None).segment("zImage")
    assert zimage_
    assert zimage_.addr == 0x44500000


def test_a_kernel_that_would_unpack_over_something_reserved_is_refused() -> None:
    phone = with_reserved(Range(0x40800000, 0x40801000, "carve-out"))
    assert ("decompression-clear", "unpacked kernel 0x40203000-0x41607588 (20.0 MiB) overlaps carve-out "
            "0x40800000-0x40801000 (4.0 KiB)") in forced({}, phone=phone)  # fmt: skip
    with pytest.raises(RefusedError, match="decompression-clear"):
        layout.plan(phone, guest(), None)


def test_a_heap_over_something_reserved_is_refused() -> None:
    assert rules(forced({}, phone=with_reserved(Range(0x45534000, 0x45535000, "x")))) == {"kernel-room"}


def with_reserved(one: Range) -> Profile:
    return msgspec.structs.replace(
        VIRT, reserved_spans=(Span(name=one.name, start=one.start, size=one.size),)
    )


def test_a_kernel_that_would_unpack_outside_ram_is_refused() -> None:
    live = LiveMemory((Range(0x40000000, 0x41000000), Range(0x42000000, 0x80000000)))
    assert "decompression-in-ram" in rules(forced({}, live=live))


def test_a_bank_that_does_not_start_at_a_window_is_refused() -> None:
    phone = msgspec.structs.replace(VIRT, kernel=profile.schema.KernelAddresses())
    live = LiveMemory((Range(0x44200000, 0x80000000),))
    assert "decompression-in-ram" in rules(forced({}, phone=phone, live=live))


def test_the_rules_judge_segments_wherever_they_come_from() -> None:
    who = guest()
    constraints = layout.gather_constraints(VIRT, who, None)
    good = layout.assemble(VIRT, who, None, kernel=0x45000000, initrd=0x46000000, dtb=0x46F00000).segments

    def broken(*segments: layout.Segment) -> set[str]:
        return {one.rule for one in layout.violations(constraints, segments)}

    dtb = next(one for one in good if one.name == "dtb")
    many = [layout.Segment(f"x{at}", 0x60000000 + at * 4096, b"", 4096) for at in range(16)]
    assert broken(*many) == set()
    assert broken(*many, dtb) == broken() == {"segment-count"}
    assert broken(replace(dtb, data=bytes(dtb.memsz + 1))) == {"data-fits"}
    assert broken(replace(dtb, data=bytes(MIB + 1), memsz=2 * MIB)) == {"dtb-size"}
    assert broken(replace(dtb, memsz=0)) >= {"page-aligned"}
    assert broken(replace(dtb, name="initrd")) == {"one-magic"}
    assert broken(layout.Segment("x", 0x48000000, b"", 0x20001000)) == {"half-of-ram"}


@pytest.mark.parametrize(
    ("phone", "addresses", "rule"),
    [
        (SHAMU, {}, None),
        (moving(dtb_loc=0x03208000 - 0x1000), {}, None),
        (moving(dtb_loc=0x03208000), {}, "moved-clear"),
        (moving(kernel_loc=0x20F00000), {}, "moved-clear"),
        (moving(dtb_loc=0x21000000), {}, "moved-clear"),
        (moving(kernel_loc=0x3E900000), {}, "outside-page"),
        (moving(kernel_loc=0x3EA00000), {}, "zimage-window"),
        (moving(kernel_loc=0x0D900000), {}, "one-bank"),
        (moving(kernel_loc=0x08000000), {}, "zimage-window"),
        (moving(dtb_loc=0x01600000), {}, "decompression-clear"),
        (moving(dtb_loc=0x01608000), {}, None),
        (moving(dtb_loc=0x30000000), {}, "dtb-lowmem"),
        # There it moves itself behind what it unpacks, and reaches 0x1aec2b4.
        (moving(kernel_loc=0x01000000), {}, None),
        (moving(kernel_loc=0x01000000, dtb_loc=0x01A00000), {}, "decompression-clear"),
        (moving(kernel_loc=0x03000000), {}, "outside-reserved"),  # runs into the framebuffer, not meant to
        (moving(dtb_loc=0x0373C000), {}, "kernel-room"),
        (SHAMU, {"initrd": 0x10000000}, "mem-min"),
        (SHAMU, {"initrd": 0x2F700000}, "initrd-lowmem"),
    ],
)
def test_segments_that_the_host_kernel_moves_are_checked_too(
    phone: Profile, addresses: dict[str, int], rule: str | None
) -> None:
    found = rules(forced(SHAMU_PLACES | addresses, phone=phone, live=layout.parse_iomem(IOMEM)))
    assert rule in found if rule else found == set()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"arch": "arm64"}, r"the ROM's kernel is for arm, but Motorola Nexus 6 \(shamu\) is arm64"),
        ({"hardboot": msgspec.structs.replace(SHAMU.hardboot, host_abi="copy-atags")}, "puts the ATAGS"),
        ({"hardboot": msgspec.structs.replace(SHAMU.hardboot, host_abi="buffer")}, "where the segments wait"),
        ({"hardboot": msgspec.structs.replace(SHAMU.hardboot, dtb_loc=None)}, "moves the device tree"),
        ({"bootloader_spans": (), "mem_min": None}, "what the bootloader overwrites"),
    ],
)
def test_a_phone_that_cannot_be_planned_for_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(RefusedError, match=message):
        layout.plan(msgspec.structs.replace(SHAMU, **change), guest(), layout.parse_iomem(IOMEM))


def test_ram_above_4_gib_is_not_used() -> None:
    live = LiveMemory((Range(0x40000000, 0x180000000),))
    assert layout.gather_constraints(VIRT, guest(), live).banks == (Range(0x40000000, 0x100000000),)
    with pytest.raises(RefusedError, match="above 4 GiB"):
        layout.gather_constraints(VIRT, guest(), LiveMemory((Range(0x880000000, 0x900000000),)))

"""The planner: its numbers against measured ones, and every rule broken once."""

from dataclasses import replace
from functools import lru_cache
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_builders import unpacks_to, words
from image_builders import zimage as build_zimage

from hardboot import layout, profile
from hardboot.errors import InputError, RefusedError
from hardboot.formats import zimage
from hardboot.formats.fdt import Fdt, Node
from hardboot.layout import Guest, LiveMemory
from hardboot.memory import Range
from hardboot.profile import Profile, Span

MIB = 1 << 20
VIRT = profile.load("virt-arm")
SHAMU = profile.load("shamu")
# Debian's linux-image-6.1.0-50-armmp, as its vmlinuz states it.
ARMMP_SIZE, ARMMP_EDATA, ARMMP_BSS, ARMMP_TEXT = 0x532200, 0x13A10B4, 0x5E4D4, 0x208000
# What stands for a phone with 3 GiB: two banks with a hole, as the phones of that family have.
IOMEM = """\
00000000-0d9fffff : System RAM
  00008000-00f3ffff : Kernel code
  01000000-0137ffff : Kernel data
0fb00000-bfffffff : System RAM
fc4ab000-fc4abfff : restart
"""


@lru_cache(maxsize=8)
def kernel(
    size: int = ARMMP_SIZE,
    edata: int | None = ARMMP_EDATA,
    bss: int = ARMMP_BSS,
    text: int = ARMMP_TEXT,
    malloc: int = 0x10000,
    code: bytes | None = None,
) -> zimage.ZImage:
    """A zImage of `size` bytes that states these numbers; with edata None it states nothing.

    Without `code` it unpacks relative to its own address.
    """
    options: dict[str, Any] = {"tags": b""} if edata is None else {"numbers": (bss, text, malloc)}
    options["code"] = code
    tail = words(edata or 0)
    image = build_zimage(payload=tail, **options)
    image = build_zimage(payload=bytes(max(size - len(image), 0)) + tail, **options)
    found = zimage.parse(image)
    assert (found.edata_size, found.size) == (edata, size)
    return found


def guest(
    zimage: zimage.ZImage | None = None,
    ramdisk: int = 11 * MIB,
    cmdline: str = "console=ttyAMA0",
    **more: Any,
) -> Guest:
    return Guest(zimage or kernel(), bytes(ramdisk), more.pop("tree", Fdt()), cmdline, **more)


def forced(
    addresses: dict[str, int], who: Guest | None = None, phone: Profile = VIRT, live: LiveMemory | None = None
) -> list[tuple[str, str]]:
    """The rules broken by a plan with these addresses, and how."""
    who = who or guest()
    places = {"kernel": 0x45000000, "initrd": 0x46000000, "dtb": 0x46F00000} | addresses
    plan = layout.assemble(phone, who, live, **places)
    found = layout.violations(layout.survey(phone, who, live), plan.segments)
    return [(one.rule, one.what) for one in found]


def rules(found: list[tuple[str, str]]) -> set[str]:
    return {rule for rule, _ in found}


# --- numbers


def work(
    who: Guest | None = None, place: int = 0x45000000, phone: Profile = VIRT, live: LiveMemory | None = None
) -> Range:
    """What a zImage at `place` writes elsewhere."""
    found = layout.survey(phone, who or guest(), live).kernel.work(place)
    assert found
    return found


def test_the_unpacked_kernel_reaches_as_far_as_was_measured() -> None:
    # kexec-tools places the initrd at base+0x18ed000 and hangs: kernel and moved zImage reach base+0x1aec2b4.
    over = work(place=0x40008000)
    assert over.end == 0x40000000 + ARMMP_TEXT + ARMMP_EDATA + ARMMP_SIZE + 0x11000
    assert over.end == 0x40000000 + 0x1AEC2B4
    assert over.start == 0x40000000 + ARMMP_TEXT - 0x5000


def test_a_zimage_that_lies_apart_from_what_it_unpacks_does_not_move_itself() -> None:
    apart = work()
    assert apart == Range(0x40000000 + ARMMP_TEXT - 0x5000, 0x40000000 + ARMMP_TEXT + ARMMP_EDATA + ARMMP_BSS)
    # Heap and stack are 0x11000 bytes, one more page is for its BSS: so far below it does not lie over it.
    below = apart.start - 0x533000 - 0x12000
    assert work(place=below) == apart
    assert work(place=below + 0x1000).end > apart.end
    assert work(place=0x40000000 + ARMMP_TEXT + ARMMP_EDATA) == apart
    assert work(place=0x40000000 + ARMMP_TEXT + ARMMP_EDATA - 1).end > apart.end


def test_a_large_bss_reaches_further_than_a_moved_zimage() -> None:
    who = guest(kernel(bss=16 * MIB))
    assert work(who, place=0x40008000).end == 0x40000000 + ARMMP_TEXT + ARMMP_EDATA + 16 * MIB


def test_without_sizes_a_bound_is_used_and_said() -> None:
    who = guest(kernel(size=2 * MIB, edata=None))
    terrain = layout.survey(VIRT, who, None)
    assert work(who) == Range(0x40003000, 0x40308000 + 5 * 2 * MIB + 4 * MIB)
    assert work(who, place=0x40008000).end == 0x40308000 + 5 * 2 * MIB + 4 * MIB
    assert [note for note in terrain.notes if "a bound is used" in note] == [
        "the zImage does not state its unpacked size: a bound is used, 5 times",
        "the zImage does not state its BSS: a bound is used, 4.0 MiB",
    ]
    exact = replace(who, unpacked_size=5 * MIB)
    assert work(exact).end == 0x40308000 + 5 * MIB + 4 * MIB
    assert len(layout.survey(VIRT, exact, None).notes) == len(terrain.notes) - 1


def test_lowmem_shrinks_with_vmalloc() -> None:
    def end(cmdline: str) -> int:
        found = layout.survey(SHAMU, guest(cmdline=cmdline), layout.parse_iomem(IOMEM)).kernel
        return found.initrd_zone(0x20000000).end

    assert end("") == 760 * MIB  # "lowmem : 0xc0000000 - 0xef800000 (760 MB)" of every 3.x boot log
    assert end("quiet vmalloc=390M x") == 610 * MIB
    assert end("vmalloc=0x18600000") == 610 * MIB
    assert end("vmalloc=16M") == 760 * MIB
    assert end("vmalloc=999999999999G") == 32 * MIB
    assert end("vmalloc=x") == 760 * MIB


# --- plans


def test_the_demos_guest_is_placed() -> None:
    plan = layout.plan(VIRT, guest(), None)
    zimage_, initrd, dtb = (plan.segment(name) for name in ("zImage", "initrd", "dtb"))
    assert zimage_
    assert initrd
    assert dtb
    assert (zimage_.addr, initrd.addr, dtb.addr) == (0x44200000, 0x44800000, 0x45300000)
    assert plan.entry == zimage_.addr
    assert plan.dtb_addr == dtb.addr
    assert plan.initrd == Range(0x44800000, 0x44800000 + 11 * MIB)
    assert plan.flag == 4
    assert plan.complete
    assert bytes(dtb.data[:4]) == b"\xd0\x0d\xfe\xed"
    assert zimage_.memsz >= len(zimage_.data) + 4


def test_the_same_input_gives_the_same_plan() -> None:
    assert layout.plan(VIRT, guest(), None) == layout.plan(VIRT, guest(), None)


def test_a_ramdisk_is_exact_to_the_byte_and_its_segment_whole_pages() -> None:
    plan = layout.plan(VIRT, guest(ramdisk=4097), None)
    segment = plan.segment("initrd")
    assert segment
    assert plan.initrd
    assert (plan.initrd.size, segment.memsz) == (4097, 8192)


def test_without_a_tree_a_stand_in_is_planned_for_and_said() -> None:
    plan = layout.plan(VIRT, guest(tree=None), None)
    segment = plan.segment("dtb")
    assert segment
    assert (segment.memsz, len(segment.data)) == (MIB, 0)
    assert not plan.complete
    assert any("stand-in" in note for note in plan.notes)


def test_payloads_are_not_printed() -> None:
    assert len(repr(layout.plan(VIRT, guest(), None))) < 4000


def test_the_nexus_6_is_refused_without_its_memory_map() -> None:
    with pytest.raises(RefusedError, match="not known of Motorola Nexus 6: the banks of RAM") as error:
        layout.plan(SHAMU, guest(), None)
    assert "/proc/iomem" in error.value.fix


def test_the_nexus_6_is_planned_with_a_live_memory_map_as_by_hand() -> None:
    # By hand: zImage and the rest wait above mem_min 0x20000000, below lowmem's end 0x2f800000; after the
    # reset the host copies the tree to 0x01e00000 and the zImage to 0x03208000; the guest unpacks from
    # 0x0 + 0x208000 - 0x5000 to 0x1aec2b4, below the tree's new place.
    plan = layout.plan(SHAMU, guest(), layout.parse_iomem(IOMEM))
    assert {one.name: one.addr for one in plan.segments} == {
        "zImage": 0x20000000,
        "initrd": 0x20600000,
        "dtb": 0x21100000,
    }
    extents = {one.name: one for one in plan.extents}
    assert extents["dtb moved by the host kernel"] == Range(0x01E00000, 0x01E01000)
    assert extents["zImage moved by the host kernel"] == Range(0x03208000, 0x03208000 + 0x533000)
    assert extents["heap of the running zImage"].start == 0x03208000 + 0x533000
    assert extents["unpacked kernel"] == Range(0x00203000, 0x01607588)
    assert any("not certain" in note for note in plan.notes)


def test_an_old_kernel_without_sizes_unpacks_where_the_profile_says() -> None:
    old = kernel(size=8 * MIB, edata=None, code=unpacks_to(0x8000))
    who = guest(old, unpacked_size=18 * MIB)
    live = layout.parse_iomem(IOMEM)
    assert work(who, 0x03208000, SHAMU, live) == Range(0x3000, 0x8000 + 18 * MIB + 4 * MIB)
    assert layout.plan(SHAMU, who, live).complete


@pytest.mark.parametrize(
    ("who", "message"),
    [
        (guest(ramdisk=700 * MIB), "layout rule half-of-ram: 705.2 MiB in all"),
        (guest(kernel(edata=70 * MIB)), "layout rule decompression-clear: .* lies over hardboot page"),
        (guest(kernel(edata=0xFFFFFFF0)), "layout rule decompression-in-ram: unpacked kernel"),
        (guest(kernel(text=0)), "layout rule decompression-in-ram: unpacked kernel 0x3fffb000"),
        (guest(kernel(malloc=0xFFFFFFFF)), "layout rule decompression-in-ram: running zImage"),
        (guest(cmdline="x" * 1024), "layout rule cmdline-length: 1024 bytes"),
    ],
)
def test_what_fits_nowhere_is_refused_with_the_rule(who: Guest, message: str) -> None:
    with pytest.raises(RefusedError, match=message) as error:
        layout.plan(VIRT, who, None)
    assert error.value.unchanged == "Nothing was sent."


def test_a_command_line_of_the_largest_length_is_planned() -> None:
    layout.plan(VIRT, guest(cmdline="x" * 1023), None)


@pytest.mark.parametrize(
    ("code", "rule", "notes"),
    [
        (None, "zimage-window", 0),  # relative to its own address
        (unpacks_to(0x40008000), None, 1),  # wherever it is: but slow
        (b"", "zimage-window", 1),  # not known: taken for relative
        (unpacks_to(0x00008000), "decompression-in-ram", 1),  # made for another phone
    ],
)
def test_only_a_zimage_that_takes_its_address_for_the_start_of_ram_must_lie_there(
    code: bytes | None, rule: str | None, notes: int
) -> None:
    who = guest(kernel(code=code))
    found = forced({"kernel": 0x50000000}, who)
    assert {one for one, _ in found} == ({rule} if rule else set())
    plan = layout.assemble(VIRT, who, None, kernel=0x50000000, initrd=0x46000000, dtb=0x45000000)
    assert len(plan.notes) == notes
    assert any("slowly at 0x50000000" in note for note in plan.notes) == (code not in (None, b""))


def test_the_planner_leaves_the_window_only_if_it_may() -> None:
    full = msgspec.structs.replace(VIRT, mem_min=0x48000000)
    message = "layout rule room: zImage .* at 0x48000000 it would break zimage-window: .* take 0x48000000"
    with pytest.raises(RefusedError, match=message) as error:
        layout.plan(full, guest(), None)
    assert "kernel_loc in the profile" in error.value.fix
    plan = layout.plan(full, guest(kernel(code=unpacks_to(0x40008000))), None)
    assert plan.entry == 0x48000000
    assert plan.notes == ()


# --- every rule, broken once


def test_the_layout_that_ran_breaks_no_rule() -> None:
    assert forced({}) == []
    assert forced({"initrd": 0x68000000, "dtb": 0x67F00000}) == []


@pytest.mark.parametrize(
    ("addresses", "rule", "message"),
    [
        # what was tried on the virtual phone, and failed
        ({"initrd": 0x74000000}, "initrd-lowmem", "is not inside lowmem 0x40000000-0x6f800000"),
        ({"initrd": 0x7F000000}, "initrd-lowmem", ""),
        ({"initrd": 0x43000000}, "outside-bootloader", "ramdisk-load 0x43000000-0x44000000"),
        ({"kernel": 0x50000000}, "zimage-window", "take 0x50000000 for the start of its RAM"),
        ({"initrd": 0x43F00000}, "outside-page", "hardboot page 0x44000000-0x44001000"),
        # and the others
        ({"dtb": 0x44000000}, "outside-page", "dtb 0x44000000"),
        ({"dtb": 0x44100000}, "outside-reserved", "ramoops 0x44100000-0x44200000"),
        ({"dtb": 0x70000000}, "dtb-lowmem", ""),
        ({"dtb": 0x46001000}, "disjoint", "initrd 0x46000000"),
        ({"dtb": 0x46F00800}, "page-aligned", "whole pages"),
        ({"kernel": 0x47FFF000}, "zimage-window", "0x47fff000"),
        ({"initrd": 0x7FF00000}, "one-bank", "does not lie inside one bank"),
        ({"initrd": 0x3FF00000}, "one-bank", ""),
        ({"initrd": 0x41200000}, "decompression-clear", "unpacked kernel 0x40203000-0x41607588"),
        ({"dtb": 0x41600000}, "decompression-clear", "dtb 0x41600000"),
        ({"kernel": 0x41500000, "dtb": 0x41A80000}, "decompression-clear", "kernel 0x40203000-0x41aec2b4"),
        ({"dtb": 0x45540000}, "kernel-room", "heap of the running zImage 0x45533000-0x45545000"),
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
        layout.check(layout.survey(VIRT, who, None), plan.segments)


def refusal(addresses: dict[str, int]) -> str:
    """What is told of a plan with these addresses."""
    who = guest()
    places = {"kernel": 0x45000000, "initrd": 0x46000000, "dtb": 0x46F00000} | addresses
    plan = layout.assemble(VIRT, who, None, **places)
    with pytest.raises(RefusedError) as error:
        layout.check(layout.survey(VIRT, who, None), plan.segments)
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
    assert ("decompression-clear", "unpacked kernel 0x40203000-0x41607588 (20.0 MiB) lies over carve-out "
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
    phone = msgspec.structs.replace(VIRT, kernel=profile.schema.Kernel())
    live = LiveMemory((Range(0x44200000, 0x80000000),))
    assert "decompression-in-ram" in rules(forced({}, phone=phone, live=live))


def test_segments_are_judged_whoever_made_them() -> None:
    who = guest()
    terrain = layout.survey(VIRT, who, None)
    good = layout.assemble(VIRT, who, None, kernel=0x45000000, initrd=0x46000000, dtb=0x46F00000).segments

    def broken(*segments: layout.Segment) -> set[str]:
        return {one.rule for one in layout.violations(terrain, segments)}

    dtb = next(one for one in good if one.name == "dtb")
    many = [layout.Segment(f"x{at}", 0x60000000 + at * 4096, b"", 4096) for at in range(16)]
    assert broken(*many) == set()
    assert broken(*many, dtb) == broken() == {"segment-count"}
    assert broken(replace(dtb, data=bytes(dtb.memsz + 1))) == {"data-fits"}
    assert broken(replace(dtb, data=bytes(MIB + 1), memsz=2 * MIB)) == {"dtb-size"}
    assert broken(replace(dtb, memsz=0)) >= {"page-aligned"}
    assert broken(replace(dtb, name="initrd")) == {"one-magic"}
    assert broken(layout.Segment("x", 0x48000000, b"", 0x20001000)) == {"half-of-ram"}


def moving(**change: int) -> Profile:
    return msgspec.structs.replace(SHAMU, hardboot=msgspec.structs.replace(SHAMU.hardboot, **change))


SHAMU_PLACES = {"kernel": 0x20000000, "initrd": 0x21000000, "dtb": 0x22000000}


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
def test_what_the_host_kernel_moves_is_checked_too(
    phone: Profile, addresses: dict[str, int], rule: str | None
) -> None:
    found = rules(forced(SHAMU_PLACES | addresses, phone=phone, live=layout.parse_iomem(IOMEM)))
    assert rule in found if rule else found == set()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"arch": "arm64"}, r"the ROM's kernel is for arm, Motorola Nexus 6 \(shamu\) is arm64"),
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
    assert layout.survey(VIRT, guest(), live).banks == (Range(0x40000000, 0x100000000),)
    with pytest.raises(RefusedError, match="above 4 GiB"):
        layout.survey(VIRT, guest(), LiveMemory((Range(0x880000000, 0x900000000),)))


# --- /proc/iomem


def test_the_running_kernels_memory_map_is_read() -> None:
    live = layout.parse_iomem(
        "09000000-09000fff : pl011@9000000\n  09000000-09000fff : uart\n"
        "40000000-7fffffff : System RAM\n  40208000-40bfffff : Kernel code\n"
        "  40d00000-40e00000 : Kernel data\n"
        "  44100000-441fffff : ramoops\n    44100000-4410ffff : dump\n100000000-1ffffffff : System RAM\n"
    )
    assert live.banks == (Range(0x40000000, 0x80000000), Range(0x100000000, 0x200000000))
    assert live.kernel == (Range(0x40208000, 0x40C00000), Range(0x40D00000, 0x40E00001))
    assert live.reserved == (Range(0x44100000, 0x44110000), Range(0x44100000, 0x44200000))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("00000000-00000000 : System RAM\n  00000000-00000000 : Kernel code\n", "not read as root"),
        ("", "no System RAM"),
        ("10-20 : uart\n", "no System RAM"),
        ("rubbish", "line 1 is no range"),
        ("40000000-7fffffff : System RAM\n80-7f : x", "line 2 ends before it starts"),
        ("40000000-7fffffff : System RAM\n50000000-8fffffff : System RAM", "overlap"),
        ("0-1 : x\n" * 70000, "70000 lines"),
        ("-10-20 : System RAM", "line 1"),
        ("0" * 17 + "-20 : System RAM", "line 1"),
    ],
)
def test_a_memory_map_that_cannot_be_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        layout.parse_iomem(text)


@given(st.text(max_size=300) | st.from_regex(r"(  ?[0-9a-f]{1,17}-[0-9a-f]{1,17} : System RAM\n){1,5}"))
def test_any_text_is_a_memory_map_or_an_input_error(text: str) -> None:
    try:
        live = layout.parse_iomem(text)
    except InputError:
        return
    assert live.banks

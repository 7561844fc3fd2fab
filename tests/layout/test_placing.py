"""A guest is placed: how much room it needs, and where it goes."""

from dataclasses import replace

import pytest
from image_builders import unpacks_to
from layout_guests import (
    ARMMP_BSS,
    ARMMP_EDATA,
    ARMMP_SIZE,
    ARMMP_TEXT,
    IOMEM,
    MIB,
    SHAMU,
    VIRT,
    forced,
    guest,
    kernel,
)
from layout_hosts import DIRECT, guest64, image

from hardboot import layout, profile
from hardboot.base.errors import RefusedError
from hardboot.base.memory import Range
from hardboot.layout import Guest, LiveMemory
from hardboot.profile import Profile

# --- numbers


def work(
    who: Guest | None = None, place: int = 0x45000000, phone: Profile = VIRT, live: LiveMemory | None = None
) -> Range:
    """Return what a zImage at `place` writes elsewhere."""
    found = layout.gather_constraints(phone, who or guest(), live).kernel.written(place)
    assert found
    return found


def test_the_unpacked_kernel_ends_where_it_was_measured() -> None:
    # kexec-tools places the initrd at base+0x18ed000 and hangs: kernel and moved zImage reach base+0x1aec2b4.
    over = work(place=0x40008000)
    assert over.end == 0x40000000 + ARMMP_TEXT + ARMMP_EDATA + ARMMP_SIZE + 0x11000
    assert over.end == 0x40000000 + 0x1AEC2B4
    assert over.start == 0x40000000 + ARMMP_TEXT - 0x5000


def test_a_zimage_clear_of_what_it_unpacks_does_not_move_itself() -> None:
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


def test_a_kernel_without_sizes_gets_a_bound_and_a_note() -> None:
    who = guest(kernel(size=2 * MIB, edata=None))
    constraints = layout.gather_constraints(VIRT, who, None)
    assert work(who) == Range(0x40003000, 0x40308000 + 5 * 2 * MIB + 4 * MIB)
    assert work(who, place=0x40008000).end == 0x40308000 + 5 * 2 * MIB + 4 * MIB
    assert [note for note in constraints.notes if "assuming" in note] == [
        "the zImage does not state its unpacked size; assuming at most 5 times its own",
        "the zImage does not state its BSS size; assuming at most 4.0 MiB",
    ]
    exact = replace(who, unpacked_size=5 * MIB)
    assert work(exact).end == 0x40308000 + 5 * MIB + 4 * MIB
    assert len(layout.gather_constraints(VIRT, exact, None).notes) == len(constraints.notes) - 1


def test_lowmem_shrinks_with_vmalloc() -> None:
    def end(cmdline: str) -> int:
        found = layout.gather_constraints(SHAMU, guest(cmdline=cmdline), layout.parse_iomem(IOMEM)).kernel
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


def test_without_a_tree_room_is_reserved_and_noted() -> None:
    plan = layout.plan(VIRT, guest(tree=None), None)
    segment = plan.segment("dtb")
    assert segment
    assert (segment.memsz, len(segment.data)) == (MIB, 0)
    assert not plan.complete
    assert "the phone's device tree is not known; 1.0 MiB reserved" in plan.notes


def test_payloads_are_not_printed() -> None:
    assert len(repr(layout.plan(VIRT, guest(), None))) < 4000


def test_the_nexus_6_is_refused_without_its_memory_map() -> None:
    with pytest.raises(RefusedError, match="of Motorola Nexus 6 does not know its RAM layout") as error:
        layout.plan(SHAMU, guest(), None)
    assert "Connect the phone, or use --iomem FILE." in error.value.fix
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
    extents = {one.name: one.range for one in plan.extents}
    assert extents["dtb moved by the host kernel"] == Range(0x01E00000, 0x01E01000)
    assert extents["zImage moved by the host kernel"] == Range(0x03208000, 0x03208000 + 0x533000)
    assert extents["zImage heap"].start == 0x03208000 + 0x533000
    assert extents["unpacked kernel"] == Range(0x00203000, 0x01607588)
    assert any("unverified" in note for note in plan.notes)


def test_an_old_kernel_without_sizes_unpacks_where_the_profile_says() -> None:
    old = kernel(size=8 * MIB, edata=None, code=unpacks_to(0x8000))
    who = guest(old, unpacked_size=18 * MIB)
    live = layout.parse_iomem(IOMEM)
    assert work(who, 0x03208000, SHAMU, live) == Range(0x3000, 0x8000 + 18 * MIB + 4 * MIB)
    assert layout.plan(SHAMU, who, live).complete


@pytest.mark.parametrize(
    ("who", "message"),
    [
        (guest(ramdisk=700 * MIB), "layout rule half-of-ram: the segments need 705.2 MiB;"),
        (guest(kernel(edata=70 * MIB)), "layout rule decompression-clear: .* overlaps hardboot page"),
        (guest(kernel(edata=0xFFFFFFF0)), "layout rule decompression-in-ram: unpacked kernel"),
        (guest(kernel(text=0)), "layout rule decompression-in-ram: unpacked kernel 0x3fffb000"),
        (guest(kernel(malloc=0xFFFFFFFF)), "layout rule decompression-in-ram: running zImage"),
        (guest(cmdline="x" * 1024), "layout rule cmdline-length: the command line has 1024 bytes"),
    ],
)
def test_a_guest_that_fits_nowhere_is_refused_with_the_rule(who: Guest, message: str) -> None:
    with pytest.raises(RefusedError, match=message) as error:
        layout.plan(VIRT, who, None)
    assert error.value.state == "Nothing was sent."


def test_the_longest_command_line_is_planned() -> None:
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
def test_only_a_zimage_that_derives_the_start_of_ram_from_its_address_has_a_window(
    code: bytes | None, rule: str | None, notes: int
) -> None:
    who = guest(kernel(code=code))
    found = forced({"kernel": 0x50000000}, who)
    assert {one for one, _ in found} == ({rule} if rule else set())
    plan = layout.assemble(VIRT, who, None, kernel=0x50000000, initrd=0x46000000, dtb=0x45000000)
    assert len(plan.notes) == notes
    assert any("slowly at 0x50000000" in note for note in plan.notes) == (code not in (None, b""))


def test_every_page_is_tried_if_whole_mib_do_not_fit() -> None:
    # 0x44200000 to 0x45900000 are free, and 0x41608000 up to the bootloader's 0x42000000: as large as the
    # zImage and the dtb, if the ramdisk of 20 MiB takes the other.
    ram = LiveMemory((Range(0x40000000, 0x50000000),), reserved=(Range(0x45900000, 0x50000000, "modem"),))
    plan = layout.plan(VIRT, guest(ramdisk=20 * MIB), ram)
    assert {one.name: one.addr for one in plan.segments} == {
        "zImage": 0x41608000,
        "initrd": 0x44200000,
        "dtb": 0x41B4D000,
    }


def test_a_tree_may_take_the_pages_below_an_image() -> None:
    ram = LiveMemory((Range(0, 0xC0000000),), reserved=(Range(0x51C80000, 0xC0000000, "modem"),))
    plan = layout.plan(DIRECT, guest64(image(total=20 * MIB)), ram)
    assert {one.name: one.addr for one in plan.segments} == {
        "dtb": 0x50000000,
        "Image": 0x50080000,
        "initrd": 0x51480000,
    }


def test_the_end_of_ram_selects_the_model_that_is_planned_for() -> None:
    g3 = profile.load("g3")
    small, large = (LiveMemory((Range(0, end),)) for end in (0x7FF00000, 0xE0000000))
    assert layout.profile_of_model(g3, small).hardboot.page == 0x7D800000
    assert layout.profile_of_model(g3, large).hardboot.page == 0xDD800000
    assert layout.profile_of_model(g3, None) is g3, "its profile knows no RAM"

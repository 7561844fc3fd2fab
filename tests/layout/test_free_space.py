"""The free ranges for each segment: their zones, their pieces, and the lowest places in them."""

from dataclasses import replace

import msgspec
from layout_guests import IOMEM, MIB, SHAMU, VIRT, guest, kernel
from layout_hosts import ANGLER, DIRECT, GROUPER, LOW_RAM, MAKO, MAKO_RAM, guest64, image, legacy, old_kernel

from hardboot import layout
from hardboot.base.memory import Range
from hardboot.layout import Guest, LiveMemory
from hardboot.layout.free_space import FreeSpace
from hardboot.layout.zimage import ANYWHERE
from hardboot.profile import Profile

NEXUS_6 = layout.parse_iomem(IOMEM)
TEGRA_RAM = LiveMemory((Range(0x80000000, 0xBEC00000),))
LOWMEM = Range(0x40000000, 0x6F800000)
FIXED = guest(replace(kernel(), relocatable=False, zreladdr=0x40008000))
TEGRA = replace(legacy(), kernel=old_kernel(0x80008000))


def space(
    phone: Profile = VIRT, who: Guest | None = None, live: LiveMemory | None = None, *, over: bool = False
) -> FreeSpace:
    return FreeSpace(layout.gather_constraints(phone, who or guest(), live), over_unpacked=over)


def test_segments_are_placed_in_the_order_kernel_ramdisk_dtb() -> None:
    assert list(space().sizes.items()) == [("zImage", 0x533000), ("initrd", 11 * MIB), ("dtb", 0x1000)]
    assert list(space(who=guest(ramdisk=0)).sizes) == ["zImage", "dtb"]


def test_atags_lie_in_one_block_with_the_kernel() -> None:
    found = space(MAKO, legacy(), MAKO_RAM)
    assert list(found.sizes.items()) == [("zImage", 0x7000 + 0x601000), ("initrd", 8 * MIB)]
    block, initrd = Range.sized(0x85001000, 0x608000), Range.sized(0x90000000, 8 * MIB)
    assert found.addresses({"zImage": block}) == {"atags": 0x85001000, "zImage": 0x85008000}
    assert found.addresses({"zImage": block, "initrd": initrd}) == {
        "atags": 0x85001000,
        "zImage": 0x85008000,
        "initrd": 0x90000000,
    }
    assert found.addresses({"initrd": initrd}) == {"initrd": 0x90000000}
    assert space().addresses({"zImage": block}) == {"zImage": 0x85001000}


def test_a_kernel_begins_in_its_zones() -> None:
    assert space().zones("zImage", {}) == (Range(0x40000000, 0x47FFE000),)
    cached = Range(0x40000000, 0x50000000)
    assert space(who=FIXED).zones("zImage", {}) == (cached, LOWMEM, ANYWHERE)
    assert space(DIRECT, guest64(), LOW_RAM).zones("Image", {}) == (ANYWHERE,)
    assert space(ANGLER, guest64(image(anywhere=False)), LOW_RAM).zones("Image", {}) == (
        Range.sized(0x80000, 20 * MIB),
    )


def test_only_atags_that_stay_keep_the_kernel_in_lowmem() -> None:
    lowmem, cached = Range.sized(0x80200000, 760 * MIB), Range(0x80200000, 0x90200000)
    assert space(MAKO, legacy(), MAKO_RAM).zones("zImage", {}) == (cached, lowmem, ANYWHERE)
    lowmem, cached = Range.sized(0x80000000, 760 * MIB), Range(0x80000000, 0x90000000)
    assert space(GROUPER, TEGRA, TEGRA_RAM).zones("zImage", {}) == (cached, lowmem)


def test_a_moved_kernel_may_wait_anywhere_but_better_in_lowmem() -> None:
    found = space(SHAMU, guest(), NEXUS_6)
    assert found.zones("zImage", {}) == (Range(0, 760 * MIB), ANYWHERE)
    assert found.zones("dtb", {}) == (Range(0, 760 * MIB), ANYWHERE)
    assert found.zones("initrd", {}) == (Range(0, 760 * MIB),)


def test_the_zones_of_ramdisk_and_tree_follow_the_kernel() -> None:
    assert space().zones("initrd", {}) == (ANYWHERE,)
    placed = {"zImage": Range.sized(0x45000000, 0x533000)}
    assert space().zones("initrd", placed) == space().zones("dtb", placed) == (LOWMEM,)
    gib = 1 << 30
    far = {"Image": Range.sized(40 * gib + 0x80000, 20 * MIB)}
    assert space(DIRECT, guest64(), LOW_RAM).zones("initrd", far) == (Range(9 * gib, 72 * gib),)
    assert space(DIRECT, guest64(), LOW_RAM).zones("dtb", far) == (ANYWHERE,)
    old = space(ANGLER, guest64(image(anywhere=False)), LOW_RAM)
    near = {"Image": Range.sized(0x80000, 20 * MIB)}
    assert old.zones("dtb", near) == (Range(0, 512 * MIB),)
    assert old.zones("initrd", near) == (Range(0, 1 << 48),)


def test_a_ramdisk_stays_inside_its_zone_and_a_kernel_only_begins_there() -> None:
    ram = LiveMemory((Range(0x40000000, 0x80000000),))
    bare = msgspec.structs.replace(VIRT, reserved_spans=()).without_reset()
    found = space(bare, guest(), ram)
    zone = Range(0x50000000, 0x50100000)
    assert found.pieces("initrd", zone, {}) == [zone]
    assert found.pieces("zImage", zone, {}) == [Range(0x50000000, 0x50100000 + 0x533000 - 1)]
    assert found.pieces("initrd", Range(0x7FFFF000, 0x90000000), {}) == [Range(0x7FFFF000, 0x80000000)]
    assert found.pieces("initrd", Range(0x80000000, 0x90000000), {}) == []
    assert found.pieces("initrd", Range(0x30000000, 0x40000000), {}) == []
    with_atags = space(msgspec.structs.replace(MAKO, reserved_spans=()).without_reset(), legacy(), MAKO_RAM)
    assert with_atags.pieces("zImage", Range(0x91000000, 0x91100000), {}) == [
        Range(0x91000000 - 0x7000, 0x91100000 + 0x601000 - 1)
    ]
    assert with_atags.pieces("zImage", Range(0x1000, 0x91100000), {})[0] == Range(0x80200000, 0x80203000)


def test_what_is_placed_is_not_free_nor_what_a_kernel_needs_behind_itself() -> None:
    bare = msgspec.structs.replace(VIRT, reserved_spans=()).without_reset()
    zone = Range(0x50000000, 0x51000000)
    kernel_, initrd = Range.sized(0x50100000, 0x533000), Range.sized(0x50800000, 0x100000)
    found = space(bare, guest(), LiveMemory((Range(0x40000000, 0x80000000),)))
    assert found.pieces("dtb", zone, {"zImage": kernel_, "initrd": initrd}) == [
        Range(0x50000000, 0x50100000),
        Range(0x50645000, 0x50800000),
        Range(0x50900000, 0x51000000),
    ]
    moved = space(msgspec.structs.replace(SHAMU, reserved_spans=()), guest(), NEXUS_6)
    waiting = {"zImage": Range.sized(0x21000000, 0x533000)}
    assert moved.pieces("dtb", Range(0x21000000, 0x22000000), waiting) == [Range(0x21533000, 0x22000000)]


def test_free_for_each_segment_is_ram_without_what_is_taken() -> None:
    whole = Range(0x40000000, 0x46000000)
    lost = [Range(0x41608000, 0x42000000), Range(0x44001000, 0x44100000), Range(0x44200000, 0x46000000)]
    found = space()
    # Not in what the kernel unpacks, its BSS included; the kernel itself may lie over the BSS.
    assert found.pieces("dtb", whole, {}) == [Range(0x41607588, 0x42000000), *lost[1:]]
    assert found.pieces("initrd", whole, {}) == found.pieces("dtb", whole, {})
    assert [one.start for one in found.pieces("zImage", whole, {})] == [*(0x415A90B4, 0x44001000, 0x44200000)]
    over = space(over=True)
    assert [one.start for one in over.pieces("zImage", whole, {})] == [
        *(0x40508000, 0x41100000, 0x44001000, 0x44200000)
    ]
    # If it lies over that, it moves itself behind it, and reaches further: 0x41aec2b4.
    assert over.pieces("dtb", whole, {})[0] == Range(0x41AEC2B4, 0x42000000)


def test_places_are_the_lowest_of_each_free_range_the_largest_range_first() -> None:
    bare = msgspec.structs.replace(VIRT, reserved_spans=()).without_reset()
    reserved = tuple(Range(at, at + 0x1000, "x") for at in (0x42000000, 0x43000000, 0x44F00000, 0x46000000))
    live = LiveMemory((Range(0x40000000, 0x46001000),), reserved=reserved)
    found = space(bare, guest(ramdisk=0xE00000), live)
    assert [one.start for one in found.places("initrd", {}, rounded=False)] == [
        *(0x43001000, 0x44F01000, 0x42001000)
    ]
    assert [one.start for one in found.places("initrd", {}, rounded=True)] == [
        *(0x43100000, 0x45000000, 0x42100000)
    ]
    assert list(space(bare, guest(ramdisk=0x2000000), live).places("initrd", {}, rounded=False)) == []


def test_a_place_is_told_once_though_zones_overlap() -> None:
    live = LiveMemory((Range(0x40000000, 0x46000000),))
    places = list(
        space(msgspec.structs.replace(VIRT, reserved_spans=()), FIXED, live).places(
            "zImage", {}, rounded=False
        )
    )
    assert len(places) == len(set(places))

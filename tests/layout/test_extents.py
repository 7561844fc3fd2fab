"""What a plan says about memory: names, kinds, and the segment that each extent belongs to."""

import pytest
from layout_guests import IOMEM, MIB, SHAMU, VIRT, guest
from layout_hosts import ANGLER, LOW_RAM, MAKO, MAKO_RAM, guest64, image, legacy

from hardboot import layout
from hardboot.base.memory import Range
from hardboot.layout import BootPlan, Extent, ExtentKind, LiveMemory

K = ExtentKind


@pytest.mark.parametrize(
    ("kind", "name", "segment"),
    [
        (K.SEGMENT, "zImage", "zImage"),
        (K.MOVED_SEGMENT, "zImage moved by the host kernel", "zImage"),
        (K.UNPACKED_KERNEL, "unpacked kernel", "zImage"),
        (K.RUNNING_KERNEL, "running zImage", "zImage"),
        (K.HEAP, "zImage heap", "zImage"),
        (K.BSS, "zImage BSS", "zImage"),
        (K.HARDBOOT_PAGE, "hardboot page", None),
        (K.HARDBOOT_BUFFER, "hardboot buffer", None),
        (K.RESERVED, "zImage", None),
        (K.BOOTLOADER, "zImage (bootloader)", None),
        (K.BELOW_MEM_MIN, "all RAM below mem_min", None),
    ],
)
def test_an_extent_has_a_name_and_a_segment_by_its_kind(
    kind: ExtentKind, name: str, segment: str | None
) -> None:
    extent = Extent(Range(0x1000, 0x3000), kind, "zImage")
    assert (extent.name, extent.segment) == (name, segment)
    assert str(extent) == f"{name} 0x00001000-0x00003000 (8.0 KiB)"
    assert len(K) == 11


def listed(plan: BootPlan) -> list[tuple[int, int, ExtentKind, str]]:
    return [(one.range.start, one.range.end, one.kind, one.owner) for one in plan.extents]


def test_a_plan_lists_everything_it_was_placed_around() -> None:
    live = LiveMemory((Range(0x40000000, 0x80000000),), reserved=(Range(0x50000000, 0x50001000, "modem"),))
    assert listed(layout.plan(VIRT, guest(), live)) == [
        (0x40000000, 0x40100000, K.BOOTLOADER, "qemu-dtb"),
        (0x40100000, 0x40508000, K.BOOTLOADER, "overwritten"),
        (0x40203000, 0x41607588, K.UNPACKED_KERNEL, "zImage"),
        (0x41000000, 0x41100000, K.BOOTLOADER, "header-load"),
        (0x42000000, 0x42E00000, K.BOOTLOADER, "kernel-load"),
        (0x42E00000, 0x43000000, K.BOOTLOADER, "dtb-load"),
        (0x43000000, 0x44000000, K.BOOTLOADER, "ramdisk-load"),
        (0x44000000, 0x44001000, K.HARDBOOT_PAGE, ""),
        (0x44100000, 0x44200000, K.RESERVED, "ramoops"),
        (0x44733000, 0x44745000, K.HEAP, "zImage"),
        (0x50000000, 0x50001000, K.RESERVED, "modem"),
        (0x7DDE7000, 0x80000000, K.BOOTLOADER, "u-boot"),
    ]


def test_a_plan_for_a_copying_host_lists_moves_and_lost_memory() -> None:
    found = listed(layout.plan(SHAMU, guest(), layout.parse_iomem(IOMEM)))
    assert (0, 0x20000000, K.BELOW_MEM_MIN, "") in found
    assert (0x01E00000, 0x01E01000, K.MOVED_SEGMENT, "dtb") in found
    assert (0x03208000, 0x0373B000, K.MOVED_SEGMENT, "zImage") in found
    assert (0x0373B000, 0x0374D000, K.HEAP, "zImage") in found
    assert [one for one in found if one[2] is K.HARDBOOT_BUFFER] == []


def test_a_plan_for_atags_lists_them_tag_by_tag() -> None:
    plan = layout.plan(MAKO, legacy(), MAKO_RAM)
    tags = plan.segment("atags")
    assert tags
    moved = next(one for one in plan.extents if one.kind is K.MOVED_SEGMENT)
    assert moved == Extent(Range.sized(0x80200100, len(tags.data)), K.MOVED_SEGMENT, "atags")
    below = next(one for one in plan.extents if one.kind is K.BELOW_MEM_MIN)
    assert below.range == Range(0x80200000, 0x85000000), "from the start of RAM"


def test_a_plan_with_a_buffer_lists_it_and_the_bss_of_the_image() -> None:
    found = listed(layout.plan(ANGLER, guest64(image(anywhere=False)), LOW_RAM))
    assert (0x1BD00000, 0x1FD00000, K.HARDBOOT_BUFFER, "") in found
    assert (0x80000 + 20 * MIB, 0x80000 + 24 * MIB, K.BSS, "Image") in found
    assert {one[2] for one in found} == {K.HARDBOOT_BUFFER, K.BSS, K.HARDBOOT_PAGE}


def test_without_a_reset_there_is_no_page_and_nothing_is_lost() -> None:
    kinds = {one.kind for one in layout.plan(SHAMU, guest(), layout.parse_iomem(IOMEM), soft=True).extents}
    assert kinds == {K.UNPACKED_KERNEL, K.HEAP, K.RESERVED}


def test_a_segment_is_found_by_its_name() -> None:
    plan = layout.plan(VIRT, guest(), None)
    assert [one and one.name for one in map(plan.segment, ("dtb", "initrd", "zImage", "atags"))] == [
        *("dtb", "initrd", "zImage", None)
    ]
    segment = plan.segment("initrd")
    assert segment
    assert segment.range.name == "initrd"
    assert segment.extent == Extent(Range.sized(segment.addr, segment.memsz), K.SEGMENT, "initrd")

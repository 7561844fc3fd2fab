"""Each rule at its limit: the last value that keeps it, and the first one that breaks it."""

from dataclasses import replace

import msgspec
import pytest
from layout_guests import IOMEM, MIB, SHAMU, SHAMU_PLACES, VIRT, forced, guest, kernel, moving, rules
from layout_hosts import ANGLER, DIRECT, LOW_RAM, MAKO, MAKO_RAM, PLACES, guest64, image, legacy

from hardboot import layout
from hardboot.base.memory import Range
from hardboot.formats.trees.fdt import Fdt, Node
from hardboot.layout import Guest, LiveMemory, Segment
from hardboot.profile import Profile, Span
from hardboot.profile.schema import Buffer

NEXUS_6 = layout.parse_iomem(IOMEM)
PAGE = 0x1000


def broken(
    phone: Profile, who: Guest, live: LiveMemory | None, places: dict[str, int], **changed: int
) -> set[str]:
    addresses = places | changed
    plan = layout.assemble(
        phone, who, live, kernel=addresses["kernel"], initrd=addresses["initrd"], dtb=addresses["dtb"]
    )
    constraints = layout.gather_constraints(layout.profile_of_model(phone, live), who, live)
    return {one.rule for one in layout.violations(constraints, plan.segments)}


@pytest.mark.parametrize(
    ("good", "bad", "rule"),
    [
        ({"initrd": 0x6ED00000}, {"initrd": 0x6ED01000}, "initrd-lowmem"),  # lowmem ends at 0x6f800000
        ({"dtb": 0x6F7FF000}, {"dtb": 0x6F800000}, "dtb-lowmem"),
        ({"kernel": 0x47FFD000}, {"kernel": 0x47FFE000}, "zimage-window"),
        ({"dtb": 0x45FFF000}, {"dtb": 0x46000000}, "disjoint"),
        ({"dtb": 0x46B00000}, {"dtb": 0x46AFF000}, "disjoint"),
        ({"dtb": 0x44001000}, {"dtb": 0x44000000}, "outside-page"),
        ({"dtb": 0x440FF000}, {"dtb": 0x44100000}, "outside-reserved"),
        ({"dtb": 0x44200000}, {"dtb": 0x441FF000}, "outside-reserved"),
        ({"dtb": 0x41FFF000}, {"dtb": 0x42000000}, "outside-bootloader"),
        ({"dtb": 0x41608000}, {"dtb": 0x41607000}, "decompression-clear"),  # BSS ends at 0x41607588
        ({"dtb": 0x45545000}, {"dtb": 0x45544000}, "kernel-room"),
        ({"dtb": 0x46F00000}, {"dtb": 0x46F00001}, "page-aligned"),
    ],
)
def test_a_segment_may_touch_what_it_must_not_overlap(
    good: dict[str, int], bad: dict[str, int], rule: str
) -> None:
    assert forced(good) == []
    assert rule in rules(forced(bad))


@pytest.mark.parametrize(
    ("phone", "good", "bad", "rule"),
    [
        (SHAMU, {"initrd": 0x20533000}, {"initrd": 0x20532000}, "disjoint"),
        (SHAMU, {"kernel": 0x20000000}, {"kernel": 0x1FFFF000}, "mem-min"),
        (moving(dtb_loc=0x20FFF000), {}, {"initrd": 0x20FFF000}, "moved-clear"),
        (moving(dtb_loc=0x20FFF000), {}, {"dtb": 0x20FFF000}, "moved-clear"),
    ],
)
def test_a_host_that_moves_segments_has_the_same_limits(
    phone: Profile, good: dict[str, int], bad: dict[str, int], rule: str
) -> None:
    assert broken(phone, guest(), NEXUS_6, SHAMU_PLACES, **good) == set()
    assert rule in broken(phone, guest(), NEXUS_6, SHAMU_PLACES, **bad)


def test_a_move_may_end_where_the_bank_ends() -> None:
    # The first bank ends at 0x0da00000: there the dtb of one page may end, and does not have to be read then.
    assert "one-bank" not in broken(moving(dtb_loc=0x0D9FF000), guest(), NEXUS_6, SHAMU_PLACES)
    assert "one-bank" in broken(moving(dtb_loc=0x0DA00000), guest(), NEXUS_6, SHAMU_PLACES)
    assert "one-bank" in broken(moving(dtb_loc=0x0D9FF800), guest(), NEXUS_6, SHAMU_PLACES)


def test_a_moved_kernel_is_not_waiting_where_it_was() -> None:
    # The dtb is moved first, so it must not land on the waiting zImage; the zImage may land on the old dtb.
    onto_kernel = moving(dtb_loc=0x20000000)
    assert "moved-clear" in broken(onto_kernel, guest(), NEXUS_6, SHAMU_PLACES)
    onto_dtb = moving(kernel_loc=0x03208000)
    places = SHAMU_PLACES | {"dtb": 0x20533000}
    assert broken(onto_dtb, guest(), NEXUS_6, places) == set()
    over_old_dtb = msgspec.structs.replace(moving(kernel_loc=0x05000000, dtb_loc=0x01E00000), mem_min=0)
    spans = tuple(one for one in over_old_dtb.bootloader_spans if one.name == "lk")
    over_old_dtb = msgspec.structs.replace(over_old_dtb, bootloader_spans=spans)
    found = broken(over_old_dtb, guest(), NEXUS_6, SHAMU_PLACES | {"dtb": 0x05100000})
    assert "moved-clear" not in found


@pytest.mark.parametrize(
    ("start", "size", "rule"),
    [
        (0x03208000, PAGE, None),  # a boot splash: the zImage is moved to its first byte
        (0x03208FFF, PAGE, "outside-reserved"),
        (0x0373A000, PAGE, "outside-reserved"),
        (0x0373B000, PAGE, "kernel-room"),  # its heap, which the splash would end before
        (0x0374D000, PAGE, None),
        (0x03200000, 0x8000, None),
        (0x03200000, 0x8001, None),
    ],
)
def test_a_move_into_a_reserved_range_has_to_begin_there(start: int, size: int, rule: str | None) -> None:
    span = Span(name="splash", start=start, size=size)
    phone = msgspec.structs.replace(SHAMU, reserved_spans=(span,))
    found = broken(phone, guest(), NEXUS_6, SHAMU_PLACES)
    assert found == ({rule} if rule else set())


@pytest.mark.parametrize(("size", "rule"), [(512 * MIB, set()), (512 * MIB + PAGE, {"half-of-ram"})])
def test_segments_take_at_most_half_of_ram(size: int, rule: set[str]) -> None:
    constraints = layout.gather_constraints(VIRT, guest(), None)
    found = layout.violations(constraints, [Segment("x", 0x45000000, b"", size)])
    assert {one.rule for one in found} == rule


@pytest.mark.parametrize(("size", "rule"), [(64 * MIB, set()), (64 * MIB + PAGE, {"buffer-size"})])
def test_segments_may_fill_the_buffer(size: int, rule: set[str]) -> None:
    constraints = layout.gather_constraints(ANGLER, guest64(), LOW_RAM)
    found = layout.violations(constraints, [Segment("x", 0x40000000, b"", size)])
    assert {one.rule for one in found} == rule


@pytest.mark.parametrize(
    ("segment", "rule"),
    [
        (Segment("x", 0x45000000, bytes(PAGE), PAGE), set()),
        (Segment("x", 0x45000000, bytes(PAGE + 1), PAGE), {"data-fits"}),
        (Segment("x", 0x45000000, b"", PAGE + 1), {"page-aligned"}),
        (Segment("x", 0x45000000, b"", 0), {"page-aligned"}),
        (Segment("dtb", 0x45000000, bytes(MIB), 2 * MIB), set()),
        (Segment("dtb", 0x45000000, bytes(MIB + 1), 2 * MIB), {"dtb-size"}),
        (Segment("dtb", 0x45000000, b"\xd0\x0d\xfe\xed", PAGE), set()),
        (Segment("x", 0x45000000, b"\xd0\x0d\xfe\xed", PAGE), {"one-magic"}),
        (Segment("x", 0x45000000, b"\xd0\x0d\xfe\xee", PAGE), set()),
        (Segment("x", 0x7FFFF000, b"", PAGE), {"outside-bootloader"}),
        (Segment("x", 0x80000000, b"", PAGE), {"one-bank"}),
    ],
)
def test_the_rules_judge_a_single_segment(segment: Segment, rule: set[str]) -> None:
    found = layout.violations(layout.gather_constraints(VIRT, guest(), None), [segment])
    assert {one.rule for one in found} == rule


@pytest.mark.parametrize(
    ("count", "rule"), [(0, {"segment-count"}), (1, set()), (16, set()), (17, {"segment-count"})]
)
def test_kexec_takes_one_to_sixteen_segments(count: int, rule: set[str]) -> None:
    segments = [Segment(f"x{at}", 0x45000000 + at * PAGE, b"", PAGE) for at in range(count)]
    found = layout.violations(layout.gather_constraints(VIRT, guest(), None), segments)
    assert {one.rule for one in found} == rule


@pytest.mark.parametrize(("length", "rule"), [(1023, set()), (1024, {"cmdline-length"})])
def test_a_command_line_is_counted_in_bytes(length: int, rule: set[str]) -> None:
    who = guest(cmdline="é" + "x" * (length - 2))
    assert rules(forced({}, who)) == rule


def test_every_overlap_is_reported_with_both_sides() -> None:
    found = layout.violations(
        layout.gather_constraints(VIRT, guest(), None),
        [Segment(name, 0x45000000, b"", PAGE) for name in ("a", "b", "c")],
    )
    assert [one.what.split(" ")[0] + one.what.split(" ")[5] for one in found] == ["ba", "ca", "cb"]
    assert [one.rule for one in found] == ["disjoint"] * 3
    assert [[extent.segment for extent in one.extents] for one in found] == [
        ["b", "a"],
        ["c", "a"],
        ["c", "b"],
    ]


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"kernel": 0x50080000}, set()),
        ({"kernel": 0x50081000}, {"image-place"}),
        ({"initrd": 0x50080000 + 24 * MIB}, set()),  # 20 MiB of Image, 4 MiB of BSS
        ({"initrd": 0x50080000 + 24 * MIB - PAGE}, {"kernel-room"}),
        ({"kernel": 0xBE680000}, set()),
        ({"kernel": 0xBE880000}, {"decompression-in-ram"}),
    ],
)
def test_an_image_at_its_limits(changed: dict[str, int], rule: set[str]) -> None:
    assert broken(DIRECT, guest64(), LOW_RAM, PLACES, **changed) == rule


@pytest.mark.parametrize(
    ("dtb", "rule"),
    [
        (0x1FFFD000, set()),  # three pages, up to 512 MiB from the start of the Image
        (0x1FFFE000, {"dtb-size", "dtb-lowmem"}),
        (0x10000000, set()),
        (0x101FD000, set()),
        (0x101FE000, {"dtb-size"}),
    ],
)
def test_the_tree_of_an_old_image_at_its_limits(dtb: int, rule: set[str]) -> None:
    who = guest64(image(anywhere=False), Fdt(Node("", {"x": bytes(9000)})))
    elsewhere = Buffer(start=0x40000000, size=64 * MIB)
    hardboot = msgspec.structs.replace(ANGLER.hardboot, page=0x1FC00000, buffer=elsewhere)
    phone = msgspec.structs.replace(ANGLER, hardboot=hardboot)
    places = {"kernel": 0x80000, "initrd": 0x30000000, "dtb": dtb}
    assert broken(phone, who, LOW_RAM, places) == rule


def test_atags_lie_exactly_where_the_host_kernel_looks() -> None:
    places = {"kernel": 0x85008000, "initrd": 0x86000000, "dtb": 0x85001000}
    assert broken(MAKO, legacy(), MAKO_RAM, places) == set()
    for wrong in (0x85000000, 0x85002000):
        assert "atags-place" in broken(MAKO, legacy(), MAKO_RAM, places, dtb=wrong)


def test_rules_about_missing_segments_report_nothing() -> None:
    constraints = layout.gather_constraints(VIRT, replace(guest(), ramdisk=b""), None)
    assert constraints.initrd_size == 0
    assert layout.violations(constraints, [Segment("dtb", 0x70000000, b"", PAGE)]) == []
    assert layout.violations(constraints, [Segment("initrd", 0x70000000, b"", PAGE)]) == []


def test_the_heap_of_a_kernel_ends_before_the_bank_does() -> None:
    # Of 2 MiB of zImage and 72 KiB of heap; lowmem does not matter, it unpacks to a fixed address.
    fixed = guest(replace(kernel(), relocatable=False, zreladdr=0x40008000))
    live = LiveMemory((Range(0x40000000, 0x46000000), Range(0x46100000, 0x80000000)))
    last = 0x46000000 - 0x533000 - 0x12000
    places = {"kernel": last, "initrd": 0x47000000, "dtb": 0x48000000}
    assert broken(VIRT, fixed, live, places) == set()
    assert broken(VIRT, fixed, live, places, kernel=last + PAGE) == {"decompression-in-ram"}
    assert broken(VIRT, fixed, live, places, kernel=last + 0x12000 + PAGE) == {
        *("decompression-in-ram", "one-bank")
    }

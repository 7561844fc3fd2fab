"""Memory with room for one placement only: it is found, and without its last page nothing is planned."""

from dataclasses import replace

import msgspec
import pytest
from layout_guests import MIB, SHAMU, VIRT, guest, kernel, moving
from layout_hosts import ANGLER, MAKO, guest64, image, legacy

from hardboot import layout
from hardboot.base.memory import Range, subtract
from hardboot.formats.trees.fdt import Fdt, Node
from hardboot.layout import BrokenRuleError, Guest, LiveMemory
from hardboot.profile import Profile, Span

PAGE = 0x1000
# What Debian's zImage of 0x533000 bytes and 0x12000 of heap unpacks to.
UNPACKED = (0x40203000, 0x41608000)
INITRD = (0x43001000, 0x43001000 + 11 * MIB)
DTB = (0x44001000, 0x44002000)
SMALL_RAM = (0x40000000, 0x80000000)
BARE = msgspec.structs.replace(VIRT, reserved_spans=())
FIXED = guest(replace(kernel(), relocatable=False, zreladdr=0x40208000))
# A Nexus 4 kernel of 0x601000 bytes unpacks to 13 MiB at 0x80208000 and has at most 4 MiB of BSS.
OLD_UNPACKED = (0x80203000, 0x80208000 + 17 * MIB)
BARE_MAKO = msgspec.structs.replace(MAKO, reserved_spans=())
OLD_IMAGE = guest64(image(anywhere=False), Fdt(Node("", {"x": bytes(9000)})))
BARE_ANGLER = msgspec.structs.replace(ANGLER, reserved_spans=())

Gap = tuple[int, int]


def with_gaps(ram: Gap, *free: Gap) -> LiveMemory:
    """Return a memory map in which everything but `free` is reserved."""
    whole = Range(*ram)
    taken = subtract([whole], [Range(*one) for one in free])
    return LiveMemory((whole,), reserved=tuple(Range(one.start, one.end, "taken") for one in taken))


def planned(phone: Profile, who: Guest, live: LiveMemory) -> dict[str, int]:
    plan = layout.plan(phone, who, live, soft=True)
    return {one.name: one.addr for one in plan.segments}


@pytest.mark.parametrize(
    ("phone", "who", "ram", "gaps", "places"),
    [
        pytest.param(
            BARE,
            guest(),
            SMALL_RAM,
            [UNPACKED, (0x42001000, 0x42546000), INITRD, DTB],
            {"zImage": 0x42001000, "initrd": 0x43001000, "dtb": 0x44001000},
            id="a zImage clear of what it unpacks, with its heap",
        ),
        pytest.param(
            BARE,
            guest(),
            SMALL_RAM,
            [(0x40203000, 0x41AED000), INITRD, DTB],
            {"zImage": 0x40203000, "initrd": 0x43001000, "dtb": 0x44001000},
            id="a zImage over what it unpacks, which it moves behind that",
        ),
        pytest.param(
            BARE,
            FIXED,
            SMALL_RAM,
            [UNPACKED, (0x72001000, 0x72546000), INITRD, DTB],
            {"zImage": 0x72001000, "initrd": 0x43001000, "dtb": 0x44001000},
            id="a zImage with a fixed address above lowmem",
        ),
        pytest.param(
            BARE_ANGLER,
            OLD_IMAGE,
            (0, 0xC0000000),
            [(0x80000, 0x80000 + 24 * MIB), (0x10001000, 0x10801000), (0x111FE000, 0x11203000)],
            {"Image": 0x80000, "initrd": 0x10001000, "dtb": 0x11200000, "purgatory": 0x111FE000},
            id="an old Image, whose tree of three pages stays in one block of 2 MiB",
        ),
        pytest.param(
            BARE_MAKO,
            legacy(),
            (0x80200000, 0xC0000000),
            [OLD_UNPACKED, (0x90001000, 0x9061B000), (0xA0001000, 0xA0801000)],
            {"atags": 0x90001000, "zImage": 0x90008000, "initrd": 0xA0001000},
            id="ATAGS 28 KiB below the zImage",
        ),
    ],
)
def test_the_only_placement_is_found_and_needs_its_last_page(
    phone: Profile, who: Guest, ram: Gap, gaps: list[Gap], places: dict[str, int]
) -> None:
    assert planned(phone, who, with_gaps(ram, *gaps)) == places
    for at, (start, end) in enumerate(gaps):
        crosses_a_block = who is OLD_IMAGE and start // (2 * MIB) != end // (2 * MIB) and end - start < MIB
        for smaller in [(start, end - PAGE), *([] if crosses_a_block else [(start + PAGE, end)])]:
            with pytest.raises(BrokenRuleError):
                planned(phone, who, with_gaps(ram, *gaps[:at], smaller, *gaps[at + 1 :]))


# Where the bootloader writes does not matter here, but it has to be known.
FAR = (Span(name="far", start=0xB0000000, size=PAGE),)
MOVED_UNPACKED = (0x203000, 0x1608000)


def copying(phone: Profile) -> Profile:
    return msgspec.structs.replace(phone, reserved_spans=(), mem_min=0, bootloader_spans=FAR)


@pytest.mark.parametrize(
    ("phone", "who", "ram", "gaps", "places"),
    [
        pytest.param(
            moving(dtb_loc=0x01A00000),
            guest(),
            (0, 0xC0000000),
            [(0x03700000, 0x0424D000), MOVED_UNPACKED],
            {"zImage": 0x203000, "dtb": 0x736000, "initrd": 0x374D000},
            id="a ramdisk behind the heap of the moved zImage, which waits where it will unpack",
        ),
        pytest.param(
            moving(dtb_loc=0x04000000),
            guest(),
            (0, 0xC0000000),
            [(0x04000000, 0x04B01000), MOVED_UNPACKED],
            {"zImage": 0x203000, "dtb": 0x736000, "initrd": 0x4001000},
            id="a ramdisk behind the place where the dtb is moved",
        ),
        pytest.param(
            SHAMU,
            guest(),
            (0, 0xC0000000),
            [(0x21001000, 0x21B01000), (0x203000, 0x203000 + 0x533000), (0x736000, 0x1608000)],
            {"zImage": 0x203000, "dtb": 0x736000, "initrd": 0x21001000},
            id="a zImage that is moved needs no room for its heap where it waits",
        ),
        pytest.param(
            msgspec.structs.replace(SHAMU, hardboot=msgspec.structs.replace(SHAMU.hardboot, kernel_loc=None)),
            guest(),
            (0, 0xC0000000),
            [(0x21001000, 0x21B01000), (0x02001000, 0x02546000), MOVED_UNPACKED],
            {"dtb": 0x203000, "zImage": 0x2001000, "initrd": 0x21001000},
            id="a dtb that is moved may wait where the zImage unpacks",
        ),
        pytest.param(
            MAKO,
            legacy(),
            (0x80200000, 0xC0000000),
            [(0xA0001000, 0xA0801000), (0x80200000, 0x8191B000)],
            {"atags": 0x80F08000, "zImage": 0x80F0F000, "initrd": 0xA0001000},
            id="ATAGS that are moved may wait where the BSS of the zImage will be",
        ),
    ],
)
def test_the_only_placement_with_a_copying_host_is_found(
    phone: Profile, who: Guest, ram: Gap, gaps: list[Gap], places: dict[str, int]
) -> None:
    plan = layout.plan(copying(phone), who, with_gaps(ram, *gaps))
    assert {one.name: one.addr for one in plan.segments} == places
    (start, end), *others = gaps
    with pytest.raises(BrokenRuleError):
        layout.plan(copying(phone), who, with_gaps(ram, (start, end - PAGE), *others))


def test_a_moved_kernel_waits_in_lowmem_even_if_a_range_above_is_larger() -> None:
    above, initrd = (0x90001000, 0x99000000), (0x21001000, 0x21B01000)
    ram = with_gaps((0, 0xC0000000), MOVED_UNPACKED, above, initrd)
    plan = layout.plan(copying(SHAMU), guest(), ram)
    assert {one.name: one.addr for one in plan.segments} == {
        "zImage": 0x203000,
        "dtb": 0x736000,
        "initrd": 0x21001000,
    }


@pytest.mark.parametrize("missing", [0, PAGE])
def test_a_kernel_and_its_heap_may_fill_a_bank(missing: int) -> None:
    banks = [UNPACKED, (0x42001000, 0x42546000 - missing), INITRD, DTB]
    live = LiveMemory(tuple(Range(*one) for one in banks))
    if missing:
        with pytest.raises(BrokenRuleError):
            planned(BARE, guest(), live)
    else:
        assert planned(BARE, guest(), live)["zImage"] == 0x42001000


def test_atags_keep_clear_of_what_the_kernel_unpacks() -> None:
    # The block of ATAGS and zImage may begin in the memory the kernel writes, but not with the ATAGS there.
    room = (0x80203000, 0x82000000)
    found = planned(BARE_MAKO, legacy(), with_gaps((0x80200000, 0xC0000000), room, (0xA0001000, 0xA0801000)))
    assert found == {"atags": 0x81308000, "zImage": 0x8130F000, "initrd": 0xA0001000}


def test_round_addresses_are_preferred_where_there_is_room() -> None:
    ram = with_gaps((0x40000000, 0x80000000), UNPACKED, (0x42001000, 0x44000000))
    assert planned(BARE, guest(), ram) == {"zImage": 0x42100000, "initrd": 0x42700000, "dtb": 0x43200000}
    ram = with_gaps((0x80200000, 0xC0000000), OLD_UNPACKED, (0x90001000, 0x92000000))
    found = planned(BARE_MAKO, legacy(), ram)
    assert found == {"atags": 0x90001000, "zImage": 0x90008000, "initrd": 0x90700000}


def test_the_largest_free_range_comes_first() -> None:
    ram = with_gaps(
        (0x40000000, 0x80000000),
        UNPACKED,
        (0x42000000, 0x44000000),
        (0x50000000, 0x53000000),
        (0x60000000, 0x62000000),
    )
    found = planned(BARE, guest(), ram)
    assert found == {"zImage": 0x42000000, "initrd": 0x50000000, "dtb": 0x50B00000}, "lowmem's largest"
    near = planned(BARE, FIXED, ram)
    assert near["zImage"] == 0x42000000, "within the 256 MiB that are cached, which end at 0x50200000"

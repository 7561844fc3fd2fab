"""Memory with room for one placement only: it is found, and without its last page nothing is planned."""

from dataclasses import replace

import msgspec
import pytest
from layout_guests import MIB, VIRT, guest, kernel
from layout_hosts import ANGLER, MAKO, guest64, image, legacy

from hardboot import layout
from hardboot.base.memory import Range, subtract
from hardboot.formats.trees.fdt import Fdt, Node
from hardboot.layout import BrokenRuleError, Guest, LiveMemory
from hardboot.profile import Profile

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
            {"Image": 0x80000, "initrd": 0x10001000, "dtb": 0x11200000},
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


def test_what_a_copying_host_moves_needs_room_where_it_was_and_where_it_goes() -> None:
    phone = msgspec.structs.replace(BARE_MAKO, mem_min=0x80201000)
    gaps = [(0x80200000, OLD_UNPACKED[1]), (0x90001000, 0x9061B000), (0xA0001000, 0xA0801000)]
    live = with_gaps((0x80200000, 0xC0000000), *gaps)
    plan = layout.plan(phone, legacy(), live)
    assert {one.name: one.addr for one in plan.segments} == {
        "atags": 0x90001000,
        "zImage": 0x90008000,
        "initrd": 0xA0001000,
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

"""Every rule about places tells the nearest placement that works, and it does work."""

import re
from typing import Any

import pytest
from layout_guests import IOMEM, SHAMU, SHAMU_PLACES, VIRT, guest, moving
from layout_hosts import ANGLER, DIRECT, LOW_RAM, MAKO, MAKO_RAM, PLACES, guest64, image, legacy

from hardboot import layout
from hardboot.base.errors import RefusedError
from hardboot.base.memory import Range
from hardboot.formats.trees.fdt import Fdt, Node
from hardboot.layout import Guest, LiveMemory
from hardboot.profile import Profile

VIRT_PLACES = {"kernel": 0x45000000, "initrd": 0x46000000, "dtb": 0x46F00000}
MAKO_PLACES = {"kernel": 0x85008000, "initrd": 0x86000000, "dtb": 0x85001000}
ANGLER_PLACES = {"kernel": 0x80000, "initrd": 0x30000000, "dtb": 0x10000000}
OLD_64 = guest64(image(anywhere=False), Fdt(Node("", {"x": bytes(9000)})))
# A zImage right before it would have to move itself, over it.
TAKEN = LiveMemory((Range(0x40000000, 0x80000000),), reserved=(Range(0x41A80000, 0x41A81000, "taken"),))
NEXUS_6 = layout.parse_iomem(IOMEM)
# What no other place can cure: sizes, counts and contents.
NO_PLACE = {"cmdline-length", "segment-count", "data-fits", "one-magic", "half-of-ram", "buffer-size"}
CASES: list[tuple[str, Profile, Guest, LiveMemory | None, dict[str, int], dict[str, int]]] = [
    ("page-aligned", VIRT, guest(), None, VIRT_PLACES, {"dtb": 0x46F00800}),
    ("disjoint", VIRT, guest(), None, VIRT_PLACES, {"dtb": 0x46001000}),
    ("one-bank", VIRT, guest(), None, VIRT_PLACES, {"initrd": 0x7FF00000}),
    ("mem-min", SHAMU, guest(), NEXUS_6, SHAMU_PLACES, {"initrd": 0x10000000}),
    ("outside-page", VIRT, guest(), None, VIRT_PLACES, {"dtb": 0x44000000}),
    ("outside-reserved", VIRT, guest(), None, VIRT_PLACES, {"dtb": 0x44100000}),
    ("outside-bootloader", VIRT, guest(), None, VIRT_PLACES, {"initrd": 0x43000000}),
    ("zimage-window", VIRT, guest(), None, VIRT_PLACES, {"kernel": 0x50000000}),
    ("image-place", DIRECT, guest64(image()), LOW_RAM, PLACES, {"kernel": 0x50000000}),
    ("atags-place", MAKO, legacy(), MAKO_RAM, MAKO_PLACES, {"dtb": 0x85002000}),
    ("initrd-lowmem", VIRT, guest(), None, VIRT_PLACES, {"initrd": 0x74000000}),
    ("dtb-lowmem", VIRT, guest(), None, VIRT_PLACES, {"dtb": 0x70000000}),
    ("dtb-size", ANGLER, OLD_64, LOW_RAM, ANGLER_PLACES, {"dtb": 0x1FFFF000}),
    ("decompression-in-ram", DIRECT, guest64(image()), LOW_RAM, PLACES, {"kernel": 0xBEA80000}),
    ("decompression-clear", VIRT, guest(), None, VIRT_PLACES, {"dtb": 0x41600000}),
    ("decompression-clear", VIRT, guest(), TAKEN, VIRT_PLACES, {"kernel": 0x41500000}),
    ("kernel-room", VIRT, guest(), None, VIRT_PLACES, {"dtb": 0x45540000}),
    ("moved-clear", moving(dtb_loc=0x21000000), guest(), NEXUS_6, SHAMU_PLACES, {}),
]


def test_every_rule_about_places_is_here() -> None:
    assert {one[0] for one in CASES} == set(layout.RULES) - NO_PLACE


@pytest.mark.parametrize(
    ("rule", "phone", "who", "live", "good", "wrong"), CASES, ids=[one[0] for one in CASES]
)
def test_the_nearest_placement_is_told_and_works(
    rule: str,
    phone: Profile,
    who: Guest,
    live: LiveMemory | None,
    good: dict[str, int],
    wrong: dict[str, int],
) -> None:
    def segments(places: dict[str, Any]) -> tuple[layout.Segment, ...]:
        return layout.assemble(phone, who, live, **places).segments

    constraints = layout.gather_constraints(layout.profile_of_model(phone, live), who, live)
    with pytest.raises(RefusedError) as error:
        layout.check(constraints, segments(good | wrong))
    what = error.value.what
    assert what.startswith(f"layout rule {rule}: ")
    assert re.search(r"0x[0-9a-f]+-0x[0-9a-f]+", what), "the ranges"
    found = re.search(r"; the nearest placement that works: (\w+) at (0x[0-9a-f]+)$", what)
    assert found, what
    name = {"zImage": "kernel", "Image": "kernel", "atags": "dtb"}.get(found[1], found[1])
    better = good | wrong | {name: int(found[2], 16)}
    assert layout.violations(constraints, segments(better)) == []

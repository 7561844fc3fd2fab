"""Every profile plans a ROM made for its phone, or refuses for a fact that it says is unknown."""

import pytest
from image_builders import unpacks_to
from layout_guests import MIB, kernel
from layout_hosts import image

from hardboot import layout, profile
from hardboot.base.memory import Range
from hardboot.formats.kernels import atags
from hardboot.formats.trees.fdt import Fdt
from hardboot.layout import Guest, LiveMemory
from hardboot.profile import Profile, UnknownFactError

PLANNED = "planned"
# By name: the unknown fact for which a plan is refused, from the profile alone, and with the phone's RAM.
REASONS = {
    "angler": ("ram", PLANNED),
    "bacon": ("ram", PLANNED),
    "bullhead": ("ram", PLANNED),
    "flo": ("ram", PLANNED),
    "fp1": ("ram", PLANNED),
    "g2": ("ram", "hardboot.dtb_loc"),
    "g3": ("ram", "hardboot.dtb_loc"),
    "grouper": ("ram", PLANNED),
    "hammerhead": ("ram", PLANNED),
    "honami": ("ram", "bootloader"),
    "jflte": ("ram", PLANNED),
    "m7": ("ram", "kernel.params"),
    "m8": ("ram", PLANNED),
    "mako": ("ram", PLANNED),
    "mocha": ("ram", "hardboot.dtb_loc"),
    "onyx": ("ram", "hardboot.dtb_loc"),
    "shamu": ("ram", PLANNED),
    "virt-arm": (PLANNED, PLANNED),
    "virt-arm64": (PLANNED, PLANNED),
    "z3": ("hardboot.dtb_loc", "hardboot.dtb_loc"),
}


def rom(phone: Profile) -> Guest:
    """Return a ROM with a kernel of 12 MiB, of the phone's own kind, and a ramdisk of 8 MiB."""
    if phone.arch == "arm64":
        recent = phone.hardboot.host_abi == "direct"  # an old kernel needs a buffer
        return Guest(image(12 * MIB, 16 * MIB, anywhere=recent), bytes(8 * MIB), Fdt(), "quiet")
    address = phone.kernel.zreladdr or (phone.kernel.phys_offset or 0) + 0x8000
    old = kernel(size=12 * MIB, edata=None, code=unpacks_to(address))
    tags = (atags.Tag(atags.CORE),) if phone.dtb.kind == "none" else None
    tree = None if tags else Fdt()
    return Guest(old, bytes(8 * MIB), tree, "quiet", atags=tags, unpacked_size=16 * MIB)


def outcome(phone: Profile, live: LiveMemory | None) -> str:
    """Return `planned`, or the fact that is missing."""
    who = rom(phone)
    try:
        plan = layout.plan(phone, who, live)
    except UnknownFactError as error:
        stated = phone.evidence[error.fact]
        return error.fact if stated.status == "unknown" and stated.source in error.fix else error.what
    assert layout.violations(layout.gather_constraints(phone, who, live), plan.segments) == []
    assert plan.complete
    assert all(one.addr >= (phone.mem_min or 0) for one in plan.segments)
    if phone.trust("bootloader") != "verified":
        assert "unverified: what the bootloader overwrites" in plan.notes[0]
    return PLANNED


@pytest.mark.parametrize("name", profile.names())
def test_every_profile_plans_a_rom_or_names_what_is_unknown(name: str) -> None:
    phone = profile.load(name)
    start = phone.kernel.phys_offset or 0
    live = LiveMemory((Range(start, min(start + (2 << 30), 1 << 32)),))  # stands for /proc/iomem
    assert (outcome(phone, None), outcome(phone, live)) == REASONS[name]

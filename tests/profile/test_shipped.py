"""The profiles that ship: what they say, and that they can be planned for."""

import pytest
from edited_profiles import G3, edited, problems
from image_builders import words
from image_builders import zimage as build_zimage

from hardboot import layout, profile
from hardboot.base.errors import RefusedError
from hardboot.base.memory import Range
from hardboot.flows.load import check_tested
from hardboot.formats.kernels import zimage
from hardboot.formats.trees.fdt import Fdt
from hardboot.layout import BootPlan, Guest, LiveMemory
from hardboot.profile import Profile

MIB = 1 << 20


@pytest.mark.parametrize("name", profile.names())
def test_every_profile_that_ships_keeps_every_rule(name: str) -> None:
    assert problems(profile.load(name), *profile.load_all()) == []


def test_the_profile_of_the_nexus_6_states_only_what_was_read() -> None:
    shamu = profile.load("shamu")
    assert shamu.ram == ()
    assert shamu.trust("ram") == "unknown"
    assert "/proc/iomem" in shamu.how_to_find("ram")
    assert (shamu.hardboot.page, shamu.hardboot.page_size) == (0x3E9DF000, 0x1000)
    assert (shamu.hardboot.kernel_loc, shamu.mem_min) == (0x3208000, 0x20000000)
    assert Range(0x3E9E0000, 0x3EAE0000) in shamu.reserved
    assert shamu.page.end == 0x3E9E0000, "the page lies directly below ramoops"
    assert shamu.partitions["boot"].size == 16777216
    assert shamu.image.header_trusted is False
    assert shamu.trust("hardboot.page") == "verified"
    assert shamu.trust("hardboot.dtb_loc") == "inferred"
    assert shamu.trust("bootloader.scratch") == "inferred"
    assert shamu.trust("bootloader") == "unknown"
    assert shamu.status == "untested"


def test_inferred_facts_of_the_nexus_6_are_not_called_verified() -> None:
    shamu = profile.load("shamu")
    assert shamu.trust("dtb.carry.mmi") == "verified"
    assert shamu.trust("dtb.carry.serial") == shamu.trust("dtb.carry.bl-sigs") == "inferred"
    assert shamu.cmdline.replaced == {"console": "null"}
    assert shamu.cmdline.dropped == ("androidboot.console",)


@pytest.mark.parametrize(
    ("name", "page", "kernel_loc", "mem_min"),
    [
        ("hammerhead", 0x10100000, 0x3208000, 0x20000000),
        ("mako", 0x88600000, None, 0x85000000),
        ("flo", 0x88C00000, None, 0x85000000),
        ("grouper", 0xBEA00000, None, 0x90000000),
        ("m7", 0x88B00000, None, None),
        ("m8", 0x05ED0000, None, 0x03200000),
        ("bacon", 0x2F600000, 0x22000000, 0x20000000),
        ("onyx", 0x2F600000, 0x3208000, 0x30000000),
        ("g2", None, None, None),
        ("g3", None, 0x4800000, 0x0FF00000),
        ("mocha", None, None, 0x85000000),
        ("fp1", 0x9DD00000, None, 0x85000000),
        ("jflte", 0x8FDFF000, None, 0x85000000),
        ("honami", 0x39A00000, None, None),
        ("z3", 0x80200000, None, 0x20000000),
        ("angler", 0x1FD00000, None, None),
        ("bullhead", 0x1FE00000, None, None),
    ],
)
def test_the_addresses_are_those_that_were_read(
    name: str, page: int | None, kernel_loc: int | None, mem_min: int | None
) -> None:
    phone = profile.load(name)
    assert (phone.hardboot.page, phone.hardboot.kernel_loc, phone.mem_min) == (page, kernel_loc, mem_min)
    assert phone.status == "untested"


def guest() -> Guest:
    """Return a ROM with a kernel of 12 MiB, 16 MiB unpacked, and a ramdisk of 8 MiB."""
    edata, numbers = 16 * MIB, (MIB, 0x8000, 0x10000)
    head = len(build_zimage(payload=words(edata), numbers=numbers))
    kernel = zimage.parse(
        build_zimage(payload=bytes(12 * MIB - head) + words(edata), numbers=numbers),
    )
    assert (kernel.size, kernel.edata_size) == (12 * MIB, edata)
    return Guest(kernel, bytes(8 * MIB), Fdt(), "console=ttyHSL0")


GUEST = guest()


def planned(phone: Profile, live: LiveMemory | None) -> BootPlan:
    """Return a plan that breaks no rule and leaves the hardboot page alone."""
    plan = layout.plan(phone, GUEST, live)
    assert not any(one.range.overlaps(phone.page) for one in plan.segments)
    assert layout.violations(layout.gather_constraints(phone, GUEST, live), plan.segments) == []
    return plan


@pytest.mark.parametrize("name", ["shamu", "hammerhead", "m8"])
def test_a_phone_with_its_memory_map_can_be_planned_for(name: str) -> None:
    phone = profile.load(name)
    plan = planned(phone, LiveMemory((Range(0, 0x80000000),)))
    assert min(one.addr for one in plan.segments) >= (phone.mem_min or 0)
    assert plan.notes, "that the bootloader was not measured is said"


@pytest.mark.parametrize(("end", "page"), [(0x7FF00000, 0x7D800000), (0xE0000000, 0xDD800000)])
def test_the_amount_of_ram_selects_the_page_of_a_phone_with_two_models(end: int, page: int) -> None:
    g3 = edited("[hardboot]\n", "[hardboot]\ndtb_loc = 0x03000000\n", G3)
    live = LiveMemory((Range(0, end),))
    plan = layout.plan(g3, GUEST, live)
    assert Range.sized(page, 0x100000) in [one.range for one in plan.extents]
    assert g3.for_ram(end).page.start == page
    with pytest.raises(RefusedError, match=r"0x7d800000 \(2GB\), 0xdd800000 \(3GB\)"):
        _ = g3.page


def test_an_unknown_page_is_refused_with_the_values_that_are_stated() -> None:
    g2 = profile.load("g2")
    message = r"LG G2 does not know the address of the hardboot page \(one of 0x7b00000, 0x5d00000\)"
    with pytest.raises(RefusedError, match=message) as error:
        _ = g2.page
    assert "dmesg" in error.value.fix
    assert g2.for_ram(1 << 31) is g2


def test_an_untested_phone_needs_an_option() -> None:
    with pytest.raises(RefusedError, match="Motorola Nexus 6") as error:
        check_tested(profile.load("shamu"), allowed=False)
    assert "--untested" in error.value.fix
    assert error.value.state == "Nothing was sent."
    check_tested(profile.load("shamu"), allowed=True)
    check_tested(profile.load("virt-arm"), allowed=False)


def test_ranges_are_half_open_and_named() -> None:
    virt = profile.load("virt-arm")
    assert virt.ram == (Range(0x40000000, 0x80000000),)
    assert [one.name for one in virt.reserved] == ["ramoops"]
    assert str(virt.page) == "hardboot page 0x44000000-0x44001000 (4.0 KiB)"

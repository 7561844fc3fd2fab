"""What a profile answers about its facts: values, evidence, models, and the profile for a soft start."""

import msgspec
import pytest
from edited_profiles import BACON, G3, VIRT, edited

from hardboot import profile
from hardboot.base.memory import Range
from hardboot.profile import UnknownFactError
from hardboot.profile.schema import Buffer, ImageParameters


def test_every_fact_has_a_dotted_name() -> None:
    found = profile.facts(profile.load("virt-arm"))
    assert found["name"] == "virt-arm"
    assert found["codenames"] == ("virt-arm",)
    assert found["ram.bank0"] == Range(0x40000000, 0x80000000)
    assert found["reserved.ramoops"] == Range(0x44100000, 0x44200000)
    assert found["bootloader.u-boot"] == Range(0x7DDE7000, 0x80000000)
    assert found["hardboot.page"] == 0x44000000
    assert found["partitions.boot.path"] == "/dev/block/by-name/boot"
    assert found["image.header_trusted"] is True
    assert found["soft.unbind"] == ("/sys/bus/virtio/drivers/virtio_net",)
    assert "mem_min" not in found
    assert "hardboot.models" not in found
    assert "cmdline.skip" not in found, "a value left at its default is not stated"
    assert not any(name.startswith("evidence") for name in found)


def test_entries_with_names_are_facts_of_their_own() -> None:
    g3 = profile.facts(profile.parse(G3.encode(), "g3.toml"))
    assert g3["hardboot.models.2GB.page"] == 0x7D800000
    assert g3["hardboot.models.3GB.ram_end"] == 0x100000000
    assert "hardboot.models.2GB.name" not in g3
    shamu = profile.facts(profile.load("shamu"))
    assert shamu["kernel.phys_offset"] == 0, "a zero that is stated is a fact"
    assert shamu["reset.value"] == 0
    assert shamu["image.header_trusted"] is False
    assert shamu["cmdline.replaced.console"] == "null"
    carried = shamu["dtb.carry.mmi"]
    assert carried == profile.load("shamu").dtb.carry[0]


def test_the_evidence_of_a_fact_is_its_own_or_that_of_its_group() -> None:
    bacon = profile.parse(BACON.encode(), "bacon.toml")
    own = bacon.evidence_for("reserved.ram-console")
    assert own
    assert own.status == "secondary"
    group = bacon.evidence_for("reserved.framebuffer")
    assert group == bacon.evidence["reserved"]
    assert bacon.evidence_for("partitions.boot.size") == bacon.evidence["partitions"]
    assert bacon.evidence_for("soc") is None
    assert bacon.evidence_for("hardboot.flagg") is None
    assert bacon.trust("soc") == "unknown"
    assert bacon.trust("image.base") == "verified"
    assert bacon.how_to_find("ram") == bacon.evidence["ram"].source
    assert bacon.how_to_find("presence") == "bacon.toml says nothing about presence"


def test_an_unknown_fact_is_refused_with_how_to_find_it() -> None:
    g2 = profile.load("g2")
    with pytest.raises(UnknownFactError) as error:
        _ = g2.page
    assert error.value.fact == "hardboot.page"
    assert error.value.result == {"fact": "hardboot.page"}
    assert error.value.what == (
        "the profile of LG G2 does not know the address of the hardboot page (one of 0x7b00000, 0x5d00000)"
    )
    assert error.value.fix == f"How to find it: {g2.evidence['hardboot.page'].source}."
    assert error.value.state == "Nothing was changed."
    refusal = g2.unknown("ram", "its RAM layout", "Connect the phone, or use --iomem FILE.")
    assert refusal.what == "the profile of LG G2 does not know its RAM layout"
    assert refusal.fix == f"Connect the phone, or use --iomem FILE. How to find it: {g2.how_to_find('ram')}."
    mocha = profile.load("mocha")
    with pytest.raises(UnknownFactError, match=r"\(one of 0xfb100000, 0xfd300000\)"):
        _ = mocha.page
    silent = msgspec.structs.replace(mocha, evidence={})
    with pytest.raises(UnknownFactError, match=r"Mi Pad does not know the address of the hardboot page$"):
        _ = silent.page


def test_a_page_that_depends_on_the_model_is_refused_with_the_models() -> None:
    g3 = profile.parse(G3.encode(), "g3.toml")
    with pytest.raises(UnknownFactError, match=r"\(one of 0x7d800000 \(2GB\), 0xdd800000 \(3GB\)\)$"):
        _ = g3.page


@pytest.mark.parametrize(
    ("end", "page"),
    [(0x1000, 0x7D800000), (0x80000000, 0x7D800000), (0x80000001, 0xDD800000), (0x100000000, 0xDD800000)],
)
def test_the_end_of_ram_selects_the_model(end: int, page: int) -> None:
    g3 = profile.parse(G3.encode(), "g3.toml")
    assert g3.for_ram(end).hardboot.page == page
    turned = msgspec.structs.replace(g3.hardboot, models=g3.hardboot.models[::-1])
    assert msgspec.structs.replace(g3, hardboot=turned).for_ram(end).hardboot.page == page


def test_a_model_beyond_all_or_a_page_that_is_stated_changes_nothing() -> None:
    g3 = profile.parse(G3.encode(), "g3.toml")
    assert g3.for_ram(0x100000001) is g3
    virt = profile.load("virt-arm")
    assert virt.for_ram(0x80000000) is virt


def test_the_profile_for_a_soft_start_has_no_page_and_no_bootloader() -> None:
    shamu = profile.load("shamu")
    soft = shamu.without_reset()
    assert soft.page == Range(0, 0)
    assert (soft.bootloader, soft.mem_min) == ((), 0)
    assert (soft.hardboot.host_abi, soft.hardboot.kernel_loc, soft.hardboot.dtb_loc) == ("direct", None, None)
    assert profile.load("angler").without_reset().hardboot.buffer is None
    assert (soft.reserved, soft.kernel, soft.dtb) == (shamu.reserved, shamu.kernel, shamu.dtb)


def test_addresses_of_images_and_buffers_are_computed() -> None:
    assert profile.load("shamu").image.tags_addr == 0x01E00000
    assert profile.load("mako").image.tags_addr == 0x80200100
    assert ImageParameters(base=0).tags_addr is None
    assert ImageParameters(tags_offset=0).tags_addr is None
    assert ImageParameters(base=0, tags_offset=0).tags_addr == 0
    place = Buffer(start=0x1000, size=0x2000).range
    assert (place, place.name) == (Range(0x1000, 0x3000), "hardboot buffer")
    span = profile.Span(name="x", start=0x1000, size=0x2000).range
    assert (span, span.name) == (Range(0x1000, 0x3000), "x")


def test_a_profile_names_its_ranges() -> None:
    virt = edited("[kernel]", "[kernel]", VIRT)
    assert [one.name for one in virt.ram] == ["bank0"]
    assert [one.name for one in virt.reserved] == ["ramoops"]
    assert [one.name for one in virt.bootloader][-1] == "u-boot"
    assert virt.page.name == "hardboot page"

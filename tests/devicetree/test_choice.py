"""Whose device tree a guest gets: the ROM's, or the phone's."""

import pytest
from adapted_trees import LIVE, SHAMU, VIRT, rom

from hardboot import devicetree
from hardboot.base.errors import RefusedError
from hardboot.formats.trees.fdt import Fdt
from hardboot.profile import Profile


def choose(trees: list[Fdt], live: Fdt | None, phone: Profile = VIRT) -> devicetree.ChosenTree:
    return devicetree.choose_tree([devicetree.candidate(tree) for tree in trees], phone, live)


def test_a_rom_without_a_tree_gets_the_phones_own() -> None:
    chosen = choose([], LIVE)
    assert chosen.tree is LIVE
    assert chosen.source == "live"
    with pytest.raises(RefusedError, match="no phone is connected"):
        choose([], None)


def test_a_roms_only_tree_is_taken() -> None:
    only = rom()
    assert choose([only], LIVE).tree is only
    assert choose([only], None).source == "rom"


def test_the_tree_for_the_running_board_is_chosen_among_several() -> None:
    mine = rom(compatible="linux,dummy-virt")
    assert choose([rom(), mine, rom(compatible="c")], LIVE).tree is mine


@pytest.mark.parametrize(
    ("trees", "live"),
    [
        ([rom(), rom(compatible="c")], LIVE),
        ([rom(compatible="linux,dummy-virt"), rom(2, "linux,dummy-virt")], LIVE),
        ([rom(), rom(compatible="c")], None),
        ([Fdt(), Fdt()], Fdt()),
    ],
)
def test_ambiguous_trees_are_refused(trees: list[Fdt], live: Fdt | None) -> None:
    with pytest.raises(RefusedError, match="device trees"):
        choose(trees, live)


def test_the_first_of_two_equal_trees_is_chosen() -> None:
    twins = [rom(compatible="linux,dummy-virt"), rom(compatible="linux,dummy-virt")]
    assert choose(twins, LIVE).tree is twins[0]


def test_the_phones_own_ids_beat_those_of_its_profile() -> None:
    old, new = (rom(more=f"qcom,msm-id = <178 0x47 {rev}>;") for rev in (0x8100, 0x8300))
    live = rom(compatible="linux,dummy-virt", more="qcom,msm-id = <178 0x47 0x8300>;")
    assert choose([old, new], live, SHAMU).tree is new
    assert choose([old, new], rom(), SHAMU).tree is old  # it states none: those of the profile, up to 0x8200


def test_without_a_phone_the_ids_of_its_profile_decide() -> None:
    other, mine = (rom(more=f"qcom,msm-id = <{chip} 0x47 0x8200>;") for chip in (126, 178))
    chosen = choose([other, mine], None, SHAMU)
    assert chosen.tree is mine
    assert chosen.reason.startswith("number 1 of 2: best match for platform 0xb2")
    with pytest.raises(
        RefusedError, match=r"none is for platform 0xb2 .*; number 0: platform 0x7e, not 0xb2"
    ):
        choose([other, rom()], None, SHAMU)


LIST = "List them: hardboot dtb IMAGE. Or rebuild the boot image with this phone's device tree alone."


@pytest.mark.parametrize(
    ("trees", "live", "what", "fix"),
    [
        (
            [],
            None,
            "the ROM has no device tree, and no phone is connected whose own could be used",
            "Connect the phone, or use a ROM with a device tree.",
        ),
        (
            [rom(), rom(compatible="c")],
            None,
            "cannot choose among the ROM's 2 device trees: no phone is connected, and its profile knows no "
            "ids",
            LIST,
        ),
        (
            [rom(), Fdt()],
            LIVE,
            "cannot choose among the ROM's 2 device trees: none is for this phone (compatible: "
            "linux,dummy-virt); number 0: compatible: moto,board; number 1: compatible: none",
            LIST,
        ),
        (
            [rom(compatible=name) for name in "abcde"],
            LIVE,
            "cannot choose among the ROM's 5 device trees: none is for this phone (compatible: "
            "linux,dummy-virt); number 0: compatible: a; number 1: compatible: b; number 2: compatible: c; "
            "number 3: compatible: d; …",
            LIST,
        ),
        (
            [
                rom(compatible="linux,dummy-virt"),
                rom(2, "linux,dummy-virt"),
                rom(2, "linux,dummy-virt", "a;"),
            ],
            LIVE,
            "cannot choose among the ROM's 3 device trees: 3 fit equally well; number 0: fits as well as 1, "
            "2; number 1: fits as well as 0, 2; number 2: fits as well as 0, 1",
            LIST,
        ),
    ],
)
def test_a_refusal_says_why_no_tree_can_be_chosen(
    trees: list[Fdt], live: Fdt | None, what: str, fix: str
) -> None:
    with pytest.raises(RefusedError) as error:
        choose(trees, live)
    assert (error.value.what, error.value.fix) == (what, fix)
    assert error.value.state == "Nothing was changed."


def test_a_choice_says_why() -> None:
    assert choose([], LIVE).reason == "the phone's own, as its bootloader made it; the ROM has none"
    assert choose([rom()], LIVE).reason == "the ROM's only one"
    several = choose([rom(), rom(compatible="linux,dummy-virt")], LIVE)
    assert (several.source, several.reason) == ("rom", "number 1 of 2: compatible: linux,dummy-virt")

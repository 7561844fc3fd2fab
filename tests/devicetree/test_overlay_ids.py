"""Overlays are matched as Qualcomm's bootloaders do: by board-id, and by msm-id only if they have one."""

import pytest
from dtb_trees import reasons
from image_builders import dtb, dtbo

from hardboot import devicetree
from hardboot.devicetree import Match
from hardboot.formats.trees import fdt

PHONE = "msm-id=321,0x20001 board-id=8,1"


def overlay(name: str, board: str = "", msm: str = "", more: str = "") -> bytes:
    """Return an overlay, compiled by dtc."""
    ids = f"qcom,msm-id = <{msm}>;" * bool(msm) + f"qcom,board-id = <{board}>;" * bool(board)
    fragment = 'fragment@0 { target-path = "/"; __overlay__ { added; }; };'
    return dtb(f'/dts-v1/; /plugin/; / {{ model = "{name}"; {ids} {more} {fragment} }};')


def choose(match: str, *overlays: bytes) -> Match:
    found = devicetree.find_trees(dtbo([((0,) * 6, one) for one in overlays]))
    assert found is not None
    return devicetree.match(found.candidates, devicetree.typed_phone_ids(match))


def test_an_overlay_without_msm_id_is_chosen_by_its_board_id() -> None:
    found = choose(PHONE, overlay("other", "11 0"), overlay("mine", "8 1"), overlay("subtype", "8 2"))
    assert found.index == 1
    assert reasons(found)[0] == "variant 0xb, not 0x8"
    assert reasons(found)[2] == "subtype 0x2, not 0x1"


def test_an_overlay_for_another_chip_is_not_chosen_by_its_board_id() -> None:
    found = choose(PHONE, overlay("other chip", "8 1", "322 0x20001"), overlay("any chip", "8 1"))
    assert found.index == 1
    assert reasons(found)[0] == "platform 0x142, not 0x141"


def test_an_overlay_for_the_chip_is_better_than_one_for_any() -> None:
    found = choose(PHONE, overlay("any chip", "8 1"), overlay("chip, any subtype", "8 0", "321 0x20000"))
    assert found.index == 1
    assert reasons(found)[0] == "less exact ids than 1"


@pytest.mark.parametrize(("subtype", "choice"), [(1, 1), (2, 0), (0, 0)])
def test_subtype_0_of_an_overlay_is_any_and_an_equal_one_is_better(subtype: int, choice: int) -> None:
    trees = (overlay("any subtype", "8 0"), overlay("subtype 1", "8 1"))
    assert choose(f"msm-id=321,0x20001 board-id=8,{subtype}", *trees).index == choice


def test_an_overlay_of_several_boards_is_for_each() -> None:
    """OnePlus' board-ids have four cells."""
    mine = overlay("oneplus", "8 0 17819 22 8 0 17819 23")
    for hardware in (22, 23):
        assert choose(f"msm-id=321,1 board-id=8,0,17819,{hardware}", overlay("x", "9 0"), mine).index == 1
    assert choose("msm-id=321,1 board-id=8,0,17819,24", mine).index is None


def test_the_board_id_alone_may_be_typed_for_overlays() -> None:
    trees = (overlay("other", "11 0"), overlay("mine", "8 1"), overlay("chip", "8 1", "0x10141 1"))
    assert choose("board-id=8,1", *trees[:2]).index == 1
    found = choose("board-id=8,1", *trees)
    assert found.index is None
    assert reasons(found) == ["variant 0xb, not 0x8", "fits as well as 2", "fits as well as 1"]


def test_a_phone_whose_tree_states_no_chip_has_no_ids() -> None:
    root = fdt.parse(dtb('/ { compatible = "acme,phone"; qcom,board-id = <8 1>; };'))
    assert devicetree.phone_ids(root).ids == ()


def test_a_tree_that_is_no_overlay_needs_a_chip() -> None:
    data = dtb('/ { model = "a"; qcom,board-id = <8 1>; };') + dtb("/ { qcom,board-id = <9 1>; };")
    found = devicetree.find_trees(data)
    assert found is not None
    assert devicetree.match(found.candidates, devicetree.typed_phone_ids(PHONE)).index is None


def test_equal_overlays_for_several_boards_are_the_same_one() -> None:
    same = overlay("mine", "8 1")
    assert choose(PHONE, same, overlay("other", "11 0"), same).index == 0

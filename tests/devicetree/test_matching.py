"""Which device tree is for a phone: the makers' schemes by example."""

import pytest
from dtb_trees import match, reasons, tree

from hardboot import devicetree
from hardboot.base.errors import InputError
from hardboot.devicetree import board_ids


@pytest.mark.parametrize(
    ("rev", "choice"), [(0x8000, 0), (0x8100, 1), (0x81FF, 1), (0x8200, 2), (0x9000, 2), (0x7FFF, None)]
)
def test_the_exact_revision_wins_else_the_next_lower_one(rev: int, choice: int | None) -> None:
    found = match(tree(msm=(178, 0x47, rev)), *(tree(msm=(178, 0x47, r)) for r in (0x8000, 0x8100, 0x8200)))
    assert found.index == choice


def test_every_candidate_says_why_it_was_not_taken() -> None:
    found = match(
        tree(msm=(178, 0x47, 0x8200)),
        tree(msm=(178, 0x47, 0x8100)),
        tree(msm=(178, 0x47, 0x8200)),
        tree(msm=(178, 0x47, 0x8300)),
        tree(msm=(178, 0x48, 0x8200)),
        tree(msm=(126, 0x47, 0x8200)),
        tree(),
        tree(msm=(178,)),
    )
    assert found.index == 1
    said = reasons(found)
    assert said[0] == "lower soc_rev than 1"
    assert said[1] == "best match for platform 0xb2 variant 0x47 soc_rev 0x8200"
    assert said[2] == "soc_rev 0x8300 is above 0x8200"
    assert said[3] == "variant 0x48, not 0x47"
    assert said[4] == "platform 0x7e, not 0xb2"
    assert said[5] == "it states no ids"
    assert said[6].startswith("damaged: device tree: qcom,msm-id")


@pytest.mark.parametrize(
    ("live", "choice"),
    [
        ((126, 150, 0x20002, 11), 2),
        ((126, 150, 0x20002, 10), 1),
        ((126, 150, 0x20002, 9), 0),  # three cells count as board revision 0
        ((126, 150, 0x20001, 11), None),
        ((126, 150, 0x20003, 12), 3),
    ],
)
def test_lges_board_revision_decides_among_equal_chips(live: tuple[int, ...], choice: int | None) -> None:
    trees = (
        tree(msm=(126, 150, 0x20002)),
        tree(msm=(126, 150, 0x20002, 10)),
        tree(msm=(126, 150, 0x20002, 11)),
        tree(msm=(126, 150, 0x20003, 1)),
    )
    assert match(tree(msm=live), *trees).index == choice


def test_two_cells_go_with_every_board_id() -> None:
    pair = tree(msm=(194, 0x10000, 210, 0x10000), board=(8, 0, 11, 1))
    for chip in (194, 210):
        for board in ((8, 0), (11, 1)):
            assert match(tree(msm=(chip, 0x10001), board=board), tree(), pair).index == 1
    assert reasons(match(tree(msm=(194, 0x10000), board=(8, 1)), tree(), pair))[1] == "subtype 0x0, not 0x1"
    assert reasons(match(tree(msm=(194, 0x10000), board=(12, 1)), tree(), pair))[1].startswith("variant")


def test_ids_of_three_and_four_cells_are_distinguished() -> None:
    three = [(one.variant, one.board_rev) for one in listed((9, 1, 2, 8, 3, 4, 9, 5, 6, 9, 7, 8))]
    assert three == [(1, None), (3, None), (5, None), (7, None)]
    four = [(one.variant, one.board_rev) for one in listed((9, 1, 2, 3, 9, 4, 5, 6, 9, 7, 8, 10))]
    assert four == [(1, 3), (4, 6), (7, 10)]
    assert [one.variant for one in listed((9, 1, 2, 9, 3, 4))] == [1, 3]


def test_oppos_board_ids_have_four_cells() -> None:
    trees = [tree(msm=(0xC2, 0x10000, 0xD2, 0x10000), board=(8, 0, 0x3ACF, hw)) for hw in (0xB, 0xC)]
    trees.append(tree(msm=(0xC2, 0x10000), board=(8, 0, 0x36B1, 0xA)))
    for index, hw in enumerate((0xB, 0xC)):
        assert match(tree(msm=(0xC2, 0x10000), board=(8, 0, 0x3ACF, hw)), *trees).index == index
    found = match(tree(msm=(0xC2, 0x10000), board=(8, 0, 0x3ACF, 0xF)), *trees)
    assert found.index is None
    assert reasons(found)[0] == "vendor 0x3acf,0xb, not 0x3acf,0xf"
    assert len(board_ids.ids_of_properties(tree(msm=(1, 0), board=(8, 0, 11, 0)).root)) == 2


def test_pmics_are_compared_as_by_qualcomms_bootloader() -> None:
    live = tree(msm=(206, 0), board=(8, 0), pmic=(0x2000B, 0x1000C, 0, 0))
    trees = [
        tree(msm=(206, 0), board=(8, 0), pmic=words)
        for words in ((0x1000B, 0, 0, 0), (0x2000B, 0, 0, 0), (0x3000B, 0, 0, 0), (0x1000A, 0, 0, 0))
    ]
    found = match(live, *trees)
    assert found.index == 1
    assert reasons(found)[0] == "lower pmic revision than 1"
    assert reasons(found)[2] == "pmic 0x3000b, not 0x2000b"
    assert reasons(found)[3] == "pmic 0x1000a, not 0x2000b"


def test_htcs_project_decides_before_the_chip() -> None:
    live = tree(msm=(218, 8, 0x20000), htc=(271, 0, 2))
    other = tree(msm=(218, 8, 0x20000), htc=(272, 0, 2))
    mine = tree(msm=(218, 8, 0x10000), htc=(271, 0, 1))
    assert match(live, other, mine).index == 1
    assert match(live, other, tree(msm=(218, 9, 0))).index == 0  # none is for the project: the chip decides


def test_samsungs_platform_words_hold_the_chip_in_the_top_byte() -> None:
    coded = tree(msm=(0xB208FF01, 7, 0x10000))
    assert match("178,7,0x10000", tree(), coded).index == 1
    assert match("0xb208ff01,7,0x10000", tree(), coded).index == 1
    assert reasons(match("0x9e08ff01,7,0x10000", tree(), coded))[1] == "platform 0xb208ff01, not 0x9e08ff01"
    assert reasons(match("158,7,0x10000", tree(), coded))[1] == "platform 0xb2, not 0x9e"


def test_a_tree_for_the_phones_foundry_is_better_than_one_for_any() -> None:
    trees = (tree(msm=(0x78, 8, 5)), tree(msm=(0x30078, 8, 4)), tree(msm=(0x20078, 8, 5)))
    found = match("0x30078,8,5", *trees)
    assert found.index == 1
    assert reasons(found)[2] == "foundry 0x2, not 0x3"
    assert match("0x78,8,5", *trees).index == 0


def test_the_subtype_may_lie_in_the_variants_top_byte() -> None:
    old, new = tree(msm=(145, 0x05000008, 0)), tree(msm=(145, 0), board=(8, 5))
    for live in (tree(msm=(145, 0), board=(8, 5)), tree(msm=(145, 0), board=(0x05000008, 0))):
        assert match(live, tree(), old).index == 1
        assert match(live, tree(), new).index == 1
    assert reasons(match(tree(msm=(145, 0), board=(8, 4)), tree(), old))[1] == "subtype 0x5, not 0x4"


def test_unknown_ids_of_the_phone_do_not_decide() -> None:
    found = match("178", *(tree(msm=(178, 0x47, rev)) for rev in (0x8000, 0x8100)))
    assert found.index is None
    assert reasons(found) == ["fits as well as 1", "fits as well as 0"]
    assert match("178", tree(msm=(177, 0, 0)), tree(msm=(178, 0x47, 0x8000))).index == 1


def test_a_phone_that_may_be_several_boards_gets_the_best_match_for_all() -> None:
    live = tree(msm=(194, 0, 210, 0), board=(8, 0))
    one, other = tree(msm=(194, 0), board=(8, 0)), tree(msm=(210, 0), board=(8, 0))
    found = match(live, one, other)
    assert found.index is None
    assert found.reason == "the phone may be one of several boards, and none is the best match for all"
    assert match(live, tree(), other).index == 1
    assert match(live, tree(msm=(194, 0, 210, 0), board=(8, 0)), tree()).index == 0


def test_equal_ids_are_decided_by_compatible() -> None:
    trees = [tree(msm=(1, 2, 3)), tree(msm=(1, 2, 3))]
    live = tree(msm=(1, 2, 3))
    trees[1].root.properties["compatible"] = live.root.properties["compatible"] = b"a\0b\0"
    found = match(live, *trees)
    assert found.index == 1
    assert reasons(found)[0] == "fits as well as 1, but compatible is not the phone's"


def test_trees_without_ids_are_matched_by_compatible() -> None:
    live = tree(msm=(1, 2, 3))
    trees = [tree(), tree()]
    trees[1].root.properties["compatible"] = live.root.properties["compatible"] = b"a\0b\0"
    assert match(live, *trees).index == 1
    assert match(live, trees[0]).index is None
    assert match(tree(), tree()).index is None  # no compatible is not an equal one


def test_a_tree_for_another_chip_is_not_matched_by_compatible() -> None:
    live, other = tree(msm=(1, 2, 3)), tree(msm=(4, 2, 3))
    live.root.properties["compatible"] = other.root.properties["compatible"] = b"a\0"
    assert match(live, other).index is None


def listed(words: tuple[int, ...]) -> tuple[devicetree.BoardId, ...]:
    return board_ids.ids_of_properties(tree(msm=words).root)


def test_too_many_ids_are_refused_before_they_are_expanded() -> None:
    root = tree(msm=(1, 2) * 100, board=(8, 0) * 100).root
    with pytest.raises(InputError, match="more than 1024 ids"):
        board_ids.ids_of_properties(root)
    with pytest.raises(InputError, match="more than 1024 ids"):
        board_ids.ids_of_properties(tree(htc=(1, 2, 3) * 1025).root)

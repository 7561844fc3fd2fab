"""Whether a tree for one board fits a phone, and which of two fits better: every rule by itself."""

import pytest

from hardboot.devicetree import BoardId
from hardboot.devicetree.board_id import Scheme
from hardboot.devicetree.ranking import comparable, misfit, rank, why_lower

BOARD = BoardId(
    "qcom", 0x300B2, 8, 1, 5, board_rev=10, vendor=(15055, 11), pmic=(0x2000B, 0x1000C), model="quark"
)


def changed(**values: object) -> BoardId:
    fields = {name: getattr(BOARD, name) for name in BOARD.__dataclass_fields__}
    return BoardId(**(fields | values))


def test_a_tree_for_the_phones_own_board_fits() -> None:
    assert misfit(BOARD, BOARD) is None


@pytest.mark.parametrize(
    ("values", "depth", "problem"),
    [
        ({"platform": 0x300B3}, 0, "platform 0xb3, not 0xb2"),
        ({"platform": 0x200B2}, 1, "foundry 0x2, not 0x3"),
        ({"variant": 9}, 2, "variant 0x9, not 0x8"),
        ({"subtype": 0}, 3, "subtype 0x0, not 0x1"),
        ({"vendor": (15055, 12)}, 4, "vendor 0x3acf,0xc, not 0x3acf,0xb"),
        ({"model": "shamu"}, 5, "model shamu, not quark"),
        ({"soc_rev": 6}, 6, "soc_rev 0x6 is above 0x5"),
        ({"last_rev": 4}, 7, "soc_rev only up to 0x4"),
        ({"board_rev": 11}, 8, "board_rev 0xb is above 0xa"),
        ({"pmic": (0x3000B, 0)}, 9, "pmic 0x3000b, not 0x2000b"),
        ({"pmic": (0x2000B, 0x1000D)}, 9, "pmic 0x1000d, not 0x1000c"),
    ],
)
def test_each_id_rules_a_tree_out(values: dict[str, object], depth: int, problem: str) -> None:
    assert misfit(changed(**values), BOARD) == (depth, problem)


@pytest.mark.parametrize(
    "values",
    [
        {"platform": 0xB2},  # any foundry
        {"variant": None},
        {"subtype": None},
        {"vendor": ()},
        {"model": ""},
        {"soc_rev": 4},
        {"soc_rev": None},
        {"last_rev": 5},
        {"board_rev": 9},
        {"board_rev": None},
        {"pmic": (0x1000B, 0)},
        {"pmic": (0, 0x1000C)},
        {"pmic": ()},
    ],
)
def test_a_lower_revision_and_what_is_not_stated_fit(values: dict[str, object]) -> None:
    assert misfit(changed(**values), BOARD) is None


@pytest.mark.parametrize("name", ["variant", "subtype", "soc_rev", "board_rev"])
def test_what_is_unknown_of_the_phone_rules_nothing_out(name: str) -> None:
    phone = changed(**{name: None})
    assert misfit(changed(**{name: 99}), phone) is None


def test_the_last_revision_of_a_phone_with_a_range_counts() -> None:
    phone = BoardId("exynos", 7870, soc_rev=2, last_rev=3)
    assert misfit(BoardId("exynos", 7870, soc_rev=0, last_rev=2), phone) == (7, "hw_rev only up to 0x2")
    assert misfit(BoardId("exynos", 7870, soc_rev=0, last_rev=3), phone) is None


@pytest.mark.parametrize(
    ("board", "phone", "problem"),
    [
        (0xB208FF01, 0xB208FF01, None),
        (0xB208FF01, 0xB218FF01, (0, "platform 0xb208ff01, not 0xb218ff01")),
        (0xB208FF01, 0xB2, None),
        (0xB208FF01, 0x300B2, None),
        (0xB2, 0xB208FF01, None),
        (0x300B2, 0xB208FF01, None),  # Samsung's word has no foundry
        (0xB3, 0xB208FF01, (0, "platform 0xb3, not 0xb2")),
    ],
)
def test_samsungs_words_are_compared_whole_with_each_other_and_by_chip_with_others(
    board: int, phone: int, problem: tuple[int, str] | None
) -> None:
    assert misfit(BoardId("qcom", board), BoardId("qcom", phone)) == problem


@pytest.mark.parametrize(
    ("better", "worse", "why"),
    [
        ({}, {"platform": 0xB2}, "less exact foundry"),
        ({}, {"subtype": None}, "less exact ids"),
        ({}, {"variant": None}, "less exact ids"),
        ({}, {"vendor": ()}, "less exact ids"),
        ({}, {"soc_rev": 4}, "lower soc_rev"),
        ({"soc_rev": 0}, {"soc_rev": None}, "lower soc_rev"),
        ({}, {"board_rev": 9}, "lower board_rev"),
        ({"board_rev": 1}, {"board_rev": None}, "lower board_rev"),
        ({}, {"pmic": (0x1000B, 0x1000C)}, "lower pmic revision"),
        ({"subtype": None}, {"platform": 0xB2}, "less exact foundry"),
        ({"soc_rev": 4}, {"vendor": ()}, "less exact ids"),
        ({"board_rev": 9}, {"soc_rev": 4}, "lower soc_rev"),
        ({"pmic": (0x1000B, 0x1000C)}, {"board_rev": 9}, "lower board_rev"),
    ],
)
def test_of_two_trees_that_fit_one_is_better(
    better: dict[str, object], worse: dict[str, object], why: str
) -> None:
    top, low = rank(changed(**better), BOARD), rank(changed(**worse), BOARD)
    assert top > low
    assert why_lower(low, top, BOARD) == why


@pytest.mark.parametrize("name", ["soc_rev", "board_rev"])
def test_what_is_unknown_of_the_phone_makes_no_tree_better(name: str) -> None:
    phone = changed(**{name: None})
    assert rank(changed(**{name: 3}), phone) == rank(changed(**{name: 4}), phone)
    bare = changed(pmic=())
    assert rank(changed(pmic=(0x1000B,)), bare) == rank(changed(pmic=(0x2000B,)), bare)


@pytest.mark.parametrize(
    ("candidate", "phone", "same"),
    [
        ("qcom", "qcom", True),
        ("QCDT", "qcom", True),
        ("QCDT", "htc", True),
        ("qcom", "htc", False),
        ("htc", "qcom", False),
        ("QCDT", "exynos", False),
        ("pxa", "sprd", False),
        ("pxa", "pxa", True),
    ],
)
def test_a_table_of_qualcomms_kind_holds_qualcomms_or_htcs_words(
    candidate: Scheme, phone: Scheme, same: bool
) -> None:
    assert comparable(candidate, phone) is same

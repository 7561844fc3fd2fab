"""Matching against a plain model of the rule, and with any input."""

import contextlib

import pytest
from dtb_trees import ONE, THREE, TWO, reasons
from hypothesis import given, settings
from hypothesis import strategies as st
from image_builders import qcdt

from hardboot import devicetree
from hardboot.base.errors import InputError
from hardboot.devicetree import PhoneIds
from hardboot.devicetree.typed_ids import parse_typed_ids
from hardboot.formats.containers import devicetrees
from hardboot.formats.trees import fdt
from hardboot.formats.trees.fdt import Fdt, Node

Row = tuple[int, int, int, int]
PLATFORM = st.sampled_from([0xB2, 0xCE, 0x100B2, 0x200B2, 0xB208FF01, 0xCE08FF01])
ROW = st.tuples(PLATFORM, st.sampled_from([8, 0x47, 0x01000008]), st.sampled_from([0, 1]), st.integers(0, 5))


def expected(rows: list[tuple[Row, int]], phone: Row) -> int | None:
    """Return the row that matches best, by the rule written again; each row has the number of its tree."""

    def plain(row: Row) -> Row:
        platform, variant, subtype, rev = row
        if subtype == 0 and variant >= 1 << 24:
            variant, subtype = variant % (1 << 24), variant // (1 << 24)
        return platform, variant, subtype, rev

    def samsung(platform: int) -> bool:
        return platform % 65536 == 0xFF01

    best: list[int] = []
    best_key = (-1, -1)
    mine = plain(phone)
    for index, (row, _) in enumerate(rows):
        platform, variant, subtype, rev = plain(row)
        exact = True
        if samsung(platform) and samsung(mine[0]):
            same = platform == mine[0]
        elif samsung(platform) or samsung(mine[0]):
            number = [p // (1 << 24) if samsung(p) else p % 65536 for p in (platform, mine[0])]
            same = number[0] == number[1]
            exact = [0 if samsung(p) else p // 65536 for p in (platform, mine[0])] in ([0, 0], [1, 1], [2, 2])
        else:
            same = platform % 65536 == mine[0] % 65536 and platform // 65536 in (0, mine[0] // 65536)
            exact = platform // 65536 == mine[0] // 65536
        if not same or (variant, subtype) != mine[1:3] or rev > mine[3]:
            continue
        key = (int(exact), rev)
        if key > best_key:
            best, best_key = [index], key
        elif key == best_key:
            best.append(index)
    return best[0] if len({rows[index][1] for index in best}) == 1 else None


@settings(max_examples=300)
@given(st.lists(st.tuples(ROW, st.integers(0, 2)), max_size=12), ROW)
def test_the_match_from_a_table_follows_the_rule(rows: list[tuple[Row, int]], phone: Row) -> None:
    data = qcdt(2, [(row, (ONE, TWO, THREE)[number]) for row, number in rows])
    found = devicetrees.find(data)
    assert found is not None
    wanted = PhoneIds(parse_typed_ids(f"msm-id={phone[0]},{phone[3]} board-id={phone[1]},{phone[2]}"))
    matched = devicetree.match(devicetree.candidates(found), wanted)
    assert matched.index == expected(rows, phone) if rows else matched.index is None
    assert len(reasons(matched)) == len(rows)


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(
                ["qcom,msm-id", "qcom,board-id", "qcom,pmic-id", "htc,project-id", "sprd,sc-id", "compatible"]
            ),
            st.lists(st.integers(0, 3), max_size=8).map(fdt.cells) | st.binary(max_size=20),
        ),
        max_size=5,
    )
)
def test_any_trees_get_a_verdict_each(roots: list[dict[str, bytes]]) -> None:
    trees = [Fdt(Node("", properties)) for properties in roots]
    candidates = [devicetree.candidate(one) for one in trees]
    for live in trees:
        try:
            phone = devicetree.phone_ids(live)
        except InputError:
            continue
        matched = devicetree.match(candidates, phone)
        assert len(reasons(matched)) == len(trees)
        assert matched == devicetree.match(candidates, phone)


@given(st.text(max_size=40) | st.text("msmboardpicch- =,0123x", max_size=40))
def test_any_text_is_ids_or_an_input_error(text: str) -> None:
    with contextlib.suppress(InputError):
        assert devicetree.typed_phone_ids(text).ids


@pytest.mark.parametrize(
    "text",
    ["", "x", "1,2,x", "msm-id=1,-2", "4294967296", "colour=1", "msm-id=1,2 board-id=8"],
)
def test_malformed_ids_are_refused(text: str) -> None:
    with pytest.raises(InputError):
        devicetree.typed_phone_ids(text)

"""Which device tree is for a phone: the makers' schemes by example, and a plain model of the rule."""

import contextlib
import json
import struct
from pathlib import Path
from typing import Any

import container_builders
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_builders import dtb, dtbh, dtbo, pxa, qcdt, sprd, zimage

from hardboot import devicetree, profile
from hardboot.__main__ import run
from hardboot.base.errors import InputError
from hardboot.devicetree import Candidate, Selection, Wanted
from hardboot.devicetree import ids as board_ids
from hardboot.flows import rom
from hardboot.formats.containers import devicetrees
from hardboot.formats.trees import fdt
from hardboot.formats.trees.fdt import Fdt, Node


def tree(name: str = "", **properties: tuple[int, ...]) -> Fdt:
    names = {"msm": "qcom,msm-id", "board": "qcom,board-id", "pmic": "qcom,pmic-id", "htc": "htc,project-id"}
    root = Node("", {names[key]: fdt.cells(value) for key, value in properties.items()})
    root.properties["model"] = name.encode()
    return Fdt(root)


def select(live: Fdt | str, *trees: Fdt) -> Selection:
    named = [devicetree.of_tree(one) for one in trees]
    for index, one in enumerate(trees):
        one.root.properties["model"] += b" %d" % index  # no two are the same
    phone = devicetree.typed(live) if isinstance(live, str) else devicetree.wanted(live)
    return devicetree.select(named, phone)


def reasons(selection: Selection) -> list[str]:
    assert [one.taken for one in selection.verdicts].count(True) == (selection.choice is not None)
    return [one.reason for one in selection.verdicts]


@pytest.mark.parametrize(
    ("rev", "choice"), [(0x8000, 0), (0x8100, 1), (0x81FF, 1), (0x8200, 2), (0x9000, 2), (0x7FFF, None)]
)
def test_the_exact_revision_is_taken_else_the_highest_below(rev: int, choice: int | None) -> None:
    found = select(tree(msm=(178, 0x47, rev)), *(tree(msm=(178, 0x47, r)) for r in (0x8000, 0x8100, 0x8200)))
    assert found.choice == choice


def test_every_candidate_says_why_it_was_not_taken() -> None:
    found = select(
        tree(msm=(178, 0x47, 0x8200)),
        tree(msm=(178, 0x47, 0x8100)),
        tree(msm=(178, 0x47, 0x8200)),
        tree(msm=(178, 0x47, 0x8300)),
        tree(msm=(178, 0x48, 0x8200)),
        tree(msm=(126, 0x47, 0x8200)),
        tree(),
        tree(msm=(178,)),
    )
    assert found.choice == 1
    said = reasons(found)
    assert said[0] == "soc_rev lower than 1"
    assert said[1] == "the best for platform 0xb2 variant 0x47 soc_rev 0x8200"
    assert said[2] == "soc_rev 0x8300 is above 0x8200"
    assert said[3] == "variant 0x48, not 0x47"
    assert said[4] == "platform 0x7e, not 0xb2"
    assert said[5] == "it names no board"
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
    assert select(tree(msm=live), *trees).choice == choice


def test_two_cells_go_with_every_board_id() -> None:
    pair = tree(msm=(194, 0x10000, 210, 0x10000), board=(8, 0, 11, 1))
    for chip in (194, 210):
        for board in ((8, 0), (11, 1)):
            assert select(tree(msm=(chip, 0x10001), board=board), tree(), pair).choice == 1
    assert reasons(select(tree(msm=(194, 0x10000), board=(8, 1)), tree(), pair))[1] == "subtype 0x0, not 0x1"
    assert reasons(select(tree(msm=(194, 0x10000), board=(12, 1)), tree(), pair))[1].startswith("variant")


def test_lists_of_three_and_four_cells_are_told_apart() -> None:
    three = [(one.variant, one.board_rev) for one in listed((9, 1, 2, 8, 3, 4, 9, 5, 6, 9, 7, 8))]
    assert three == [(1, None), (3, None), (5, None), (7, None)]
    four = [(one.variant, one.board_rev) for one in listed((9, 1, 2, 3, 9, 4, 5, 6, 9, 7, 8, 10))]
    assert four == [(1, 3), (4, 6), (7, 10)]
    assert [one.variant for one in listed((9, 1, 2, 9, 3, 4))] == [1, 3]


def listed(words: tuple[int, ...]) -> tuple[board_ids.BoardId, ...]:
    return board_ids.of_properties(tree(msm=words).root)


def test_oppos_board_ids_have_four_cells() -> None:
    trees = [tree(msm=(0xC2, 0x10000, 0xD2, 0x10000), board=(8, 0, 0x3ACF, hw)) for hw in (0xB, 0xC)]
    trees.append(tree(msm=(0xC2, 0x10000), board=(8, 0, 0x36B1, 0xA)))
    for index, hw in enumerate((0xB, 0xC)):
        assert select(tree(msm=(0xC2, 0x10000), board=(8, 0, 0x3ACF, hw)), *trees).choice == index
    found = select(tree(msm=(0xC2, 0x10000), board=(8, 0, 0x3ACF, 0xF)), *trees)
    assert found.choice is None
    assert reasons(found)[0] == "vendor 0x3acf,0xb, not 0x3acf,0xf"
    assert len(board_ids.of_properties(tree(msm=(1, 0), board=(8, 0, 11, 0)).root)) == 2


def test_power_chips_are_compared_as_qualcomms_bootloader_does() -> None:
    live = tree(msm=(206, 0), board=(8, 0), pmic=(0x2000B, 0x1000C, 0, 0))
    trees = [
        tree(msm=(206, 0), board=(8, 0), pmic=words)
        for words in ((0x1000B, 0, 0, 0), (0x2000B, 0, 0, 0), (0x3000B, 0, 0, 0), (0x1000A, 0, 0, 0))
    ]
    found = select(live, *trees)
    assert found.choice == 1
    assert reasons(found)[0] == "pmic lower than 1"
    assert reasons(found)[2] == "pmic 0x3000b, not 0x2000b"
    assert reasons(found)[3] == "pmic 0x1000a, not 0x2000b"


def test_htcs_project_decides_before_the_chip() -> None:
    live = tree(msm=(218, 8, 0x20000), htc=(271, 0, 2))
    other = tree(msm=(218, 8, 0x20000), htc=(272, 0, 2))
    mine = tree(msm=(218, 8, 0x10000), htc=(271, 0, 1))
    assert select(live, other, mine).choice == 1
    assert select(live, other, tree(msm=(218, 9, 0))).choice == 0  # none is for the project: the chip decides


def test_samsungs_platform_words_hold_the_chip_in_the_top_byte() -> None:
    coded = tree(msm=(0xB208FF01, 7, 0x10000))
    assert select("178,7,0x10000", tree(), coded).choice == 1
    assert select("0xb208ff01,7,0x10000", tree(), coded).choice == 1
    assert reasons(select("0x9e08ff01,7,0x10000", tree(), coded))[1] == "platform 0xb208ff01, not 0x9e08ff01"
    assert reasons(select("158,7,0x10000", tree(), coded))[1] == "platform 0xb2, not 0x9e"


def test_a_tree_for_the_phones_foundry_is_better_than_one_for_any() -> None:
    trees = (tree(msm=(0x78, 8, 5)), tree(msm=(0x30078, 8, 4)), tree(msm=(0x20078, 8, 5)))
    found = select("0x30078,8,5", *trees)
    assert found.choice == 1
    assert reasons(found)[2] == "foundry 0x2, not 0x3"
    assert select("0x78,8,5", *trees).choice == 0


def test_the_subtype_may_lie_in_the_variants_top_byte() -> None:
    old, new = tree(msm=(145, 0x05000008, 0)), tree(msm=(145, 0), board=(8, 5))
    for live in (tree(msm=(145, 0), board=(8, 5)), tree(msm=(145, 0), board=(0x05000008, 0))):
        assert select(live, tree(), old).choice == 1
        assert select(live, tree(), new).choice == 1
    assert reasons(select(tree(msm=(145, 0), board=(8, 4)), tree(), old))[1] == "subtype 0x5, not 0x4"


def test_what_is_not_known_of_the_phone_does_not_decide() -> None:
    found = select("178", *(tree(msm=(178, 0x47, rev)) for rev in (0x8000, 0x8100)))
    assert found.choice is None
    assert reasons(found) == ["fits, but so does 1", "fits, but so does 0"]
    assert select("178", tree(msm=(177, 0, 0)), tree(msm=(178, 0x47, 0x8000))).choice == 1


def test_a_phone_that_may_be_several_boards_gets_the_tree_that_is_right_for_all() -> None:
    live = tree(msm=(194, 0, 210, 0), board=(8, 0))
    one, other = tree(msm=(194, 0), board=(8, 0)), tree(msm=(210, 0), board=(8, 0))
    found = select(live, one, other)
    assert found.choice is None
    assert found.reason == "each is right for another of the boards the phone may be"
    assert select(live, tree(), other).choice == 1
    assert select(live, tree(msm=(194, 0, 210, 0), board=(8, 0)), tree()).choice == 0


def test_equal_ids_are_decided_by_compatible() -> None:
    trees = [tree(msm=(1, 2, 3)), tree(msm=(1, 2, 3))]
    live = tree(msm=(1, 2, 3))
    trees[1].root.properties["compatible"] = live.root.properties["compatible"] = b"a\0b\0"
    found = select(live, *trees)
    assert found.choice == 1
    assert reasons(found)[0] == "fits as well as 1, but compatible is not the phone's"


def test_trees_without_ids_are_told_apart_by_compatible() -> None:
    live = tree(msm=(1, 2, 3))
    trees = [tree(), tree()]
    trees[1].root.properties["compatible"] = live.root.properties["compatible"] = b"a\0b\0"
    assert select(live, *trees).choice == 1
    assert select(live, trees[0]).choice is None
    assert select(tree(), tree()).choice is None  # no compatible is not an equal one


def test_trees_that_name_another_chip_are_not_taken_for_their_compatible() -> None:
    live, other = tree(msm=(1, 2, 3)), tree(msm=(4, 2, 3))
    live.root.properties["compatible"] = other.root.properties["compatible"] = b"a\0"
    assert select(live, other).choice is None


def in_file(data: bytes, match: str) -> int | None:
    found = devicetrees.find(data)
    assert found is not None
    return devicetree.select(devicetree.of_file(found), devicetree.typed(match)).choice


Rows = list[tuple[tuple[int, ...], bytes]]
ONE, TWO, THREE = (dtb(f'/ {{ model = "{name}"; }};') for name in ("one", "two", "three"))


def test_every_version_of_qualcomms_table_is_chosen_from() -> None:
    assert in_file(qcdt(1, [((178, 0x47, 1), ONE), ((178, 0x47, 2), TWO)]), "178,0x47,2") == 1
    v2 = qcdt(2, [((178, 8, 0, 1), ONE), ((178, 8, 1, 1), TWO)])
    assert in_file(v2, "msm-id=178,1 board-id=8,1") == 1
    v3 = qcdt(3, [((178, 8, 0, 1, 0x1000B, 0, 0, 0), ONE), ((178, 8, 0, 1, 0x2000B, 0, 0, 0), TWO)])
    assert in_file(v3, "msm-id=178,1 board-id=8,0 pmic-id=0x2000b,0,0,0") == 1
    moto = qcdt(0x103, [((178, 8, 0, 1, 0, 0, 0, 0), ONE)], model=b"quark")
    assert in_file(moto, "msm-id=178,1 board-id=8,0 model=quark") == 0
    assert in_file(moto, "msm-id=178,1 board-id=8,0 model=shamu") is None


def test_htcs_ids_are_found_in_qualcomms_table() -> None:
    table = qcdt(1, [((271, 0, 1), ONE), ((271, 0, 2), TWO), ((272, 0, 2), THREE)])
    assert in_file(table, "project-id=271,0,2") == 1


def test_samsungs_table_gives_ranges_of_hardware_revisions() -> None:
    rows = [
        ((7870, 0x50A6, 0x217584DA, a, b), one) for a, b, one in ((0, 2, ONE), (3, 4, TWO), (5, 255, THREE))
    ]
    assert [in_file(dtbh(rows), f"chip=7870 hw-rev={rev}") for rev in (0, 2, 3, 5, 9)] == [0, 0, 1, 2, 2]
    assert in_file(dtbh(rows), "chip=7580 hw-rev=2") is None
    assert in_file(dtbh(rows), "chip=7870 hw-rev=2 hw-rev-end=3") is None
    assert in_file(dtbh(rows[:2]), "chip=7870 hw-rev=9") is None


def test_spreadtrums_table_is_chosen_from() -> None:
    rows = [((8830, 1, 0x20000), ONE), ((8830, 1, 0x20001), TWO), ((8830, 2, 0x20001), THREE)]
    assert in_file(sprd(rows), "sc-id=8830,1,0x20005") == 1


def test_marvells_table_is_chosen_from_by_equal_chip_and_revision() -> None:
    rows = [((0xF45, 1), ONE), ((0xF47, 1), TWO), ((0xF47, 2), THREE)]
    for magic in (b"PXA-DT", b"PXA-19xx"):
        assert in_file(pxa(magic, rows), "rev-id=0xf47,2") == 2
        assert in_file(pxa(magic, rows), "rev-id=0xf47,3") is None


def test_overlay_tables_are_chosen_from_by_id_and_rev() -> None:
    rows: Rows = [((1, 0, 0, 0, 0, 0), ONE), ((1, 2, 0, 0, 0, 0), TWO), ((3, 0, 0, 0, 0, 0), THREE)]
    assert in_file(dtbo(rows), "id=1,2") == 1
    assert in_file(dtbo(rows), "id=3") == 2
    assert in_file(dtbo(rows), "id=1") is None


def test_entries_that_share_a_tree_are_one_choice() -> None:
    table = qcdt(1, [((178, 0x47, 1), ONE), ((178, 0x47, 1), ONE), ((178, 0x47, 1), ONE)])
    assert in_file(table, "178,0x47,1") == 0
    assert in_file(qcdt(1, [((178, 0x47, 1), ONE), ((178, 0x47, 1), TWO)]), "178,0x47,1") is None


def test_no_tree_is_parsed_to_choose_from_a_table() -> None:
    def read() -> Fdt:
        raise AssertionError("parsed")

    found = devicetrees.find(qcdt(2, [((178, 8, 0, rev), ONE) for rev in range(200)]))
    assert found is not None
    lazy = [Candidate(read, one.ids, one.offset, one.size) for one in devicetree.of_file(found)]
    assert devicetree.select(lazy, devicetree.typed("msm-id=178,77 board-id=8,0")).choice == 77


@pytest.mark.parametrize(
    "text",
    ["", "x", "1,2,x", "msm-id=1,-2", "4294967296", "colour=1", "board-id=8,0", "msm-id=1,2 board-id=8"],
)
def test_ids_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(InputError):
        devicetree.typed(text)


def test_a_property_with_too_many_ids_is_refused_before_they_are_made() -> None:
    root = tree(msm=(1, 2) * 100, board=(8, 0) * 100).root
    with pytest.raises(InputError, match="more than 1024 ids"):
        board_ids.of_properties(root)
    with pytest.raises(InputError, match="more than 1024 ids"):
        board_ids.of_properties(tree(htc=(1, 2, 3) * 1025).root)


Row = tuple[int, int, int, int]
PLATFORM = st.sampled_from([0xB2, 0xCE, 0x100B2, 0x200B2, 0xB208FF01, 0xCE08FF01])
ROW = st.tuples(PLATFORM, st.sampled_from([8, 0x47, 0x01000008]), st.sampled_from([0, 1]), st.integers(0, 5))


def expected(rows: list[tuple[Row, int]], phone: Row) -> int | None:
    """The rule, written down again: which row is taken; each row has the number of its tree."""

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


@settings(deadline=None, max_examples=300)
@given(st.lists(st.tuples(ROW, st.integers(0, 2)), max_size=12), ROW)
def test_the_choice_from_a_table_is_the_rules(rows: list[tuple[Row, int]], phone: Row) -> None:
    data = qcdt(2, [(row, (ONE, TWO, THREE)[number]) for row, number in rows])
    found = devicetrees.find(data)
    assert found is not None
    wanted = Wanted(board_ids.parse(f"msm-id={phone[0]},{phone[3]} board-id={phone[1]},{phone[2]}"))
    selection = devicetree.select(devicetree.of_file(found), wanted)
    assert selection.choice == expected(rows, phone) if rows else selection.choice is None
    assert len(reasons(selection)) == len(rows)


@settings(deadline=None)
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
    candidates = [devicetree.of_tree(one) for one in trees]
    for live in trees:
        try:
            phone = devicetree.wanted(live)
        except InputError:
            continue
        selection = devicetree.select(candidates, phone)
        assert len(reasons(selection)) == len(trees)
        assert selection == devicetree.select(candidates, phone)


@settings(deadline=None)
@given(st.text(max_size=40) | st.text("msmboardpicch- =,0123x", max_size=40))
def test_any_words_are_ids_or_refused(text: str) -> None:
    with contextlib.suppress(InputError):
        assert devicetree.typed(text).ids


@pytest.mark.parametrize(
    ("image", "part"),
    [
        (zimage() + ONE + bytes(3) + TWO, ""),
        (container_builders.boot(zimage() + ONE + TWO), "kernel"),
        (container_builders.boot(zimage() + ONE, dt=qcdt(2, [((1, 2, 0, 3), TWO)])), "dt"),
        (container_builders.vendor_boot(4), None),
        (ONE + TWO, ""),
        (container_builders.boot(), None),
    ],
)
def test_the_trees_of_an_image_are_found_where_the_bootloader_looks(image: bytes, part: str | None) -> None:
    found = devicetree.find(image)
    assert (found.part if found else None) == part


@pytest.mark.parametrize("version", [3, 4])
def test_the_tree_of_a_vendor_boot_image_is_found(version: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container_builders, "DTB", ONE + TWO)
    found = devicetree.find(container_builders.vendor_boot(version))
    assert found is not None
    assert [one.tree.root.properties["model"] for one in found.candidates] == [b"one\0", b"two\0"]


def test_a_roms_table_of_trees_is_chosen_from(tmp_path: Path) -> None:
    path = tmp_path / "boot.img"
    table = qcdt(1, [((178, 0x47, 0x8100), ONE), ((178, 0x47, 0x8200), TWO), ((126, 0x47, 0x8200), THREE)])
    path.write_bytes(container_builders.boot(zimage() + THREE, dt=table))
    found = rom.read(path)
    live = tree(msm=(178, 0x47, 0x8200))
    chosen = devicetree.choose(found.trees, profile.load("shamu"), live)
    assert fdt.text(chosen.tree.root.properties["model"]) == "two"


def call(capsys: pytest.CaptureFixture[str], *words: str | Path, code: int = 0) -> tuple[str, str]:
    assert run([str(word) for word in words]) == code
    captured = capsys.readouterr()
    return captured.out, captured.err


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "dt.img"
    rows: Rows = [((178, 0x47, 0x8000), ONE), ((178, 0x47, 0x8200), TWO), ((126, 0x47, 0x8200), THREE)]
    path.write_bytes(qcdt(1, rows))
    return path


def test_the_command_shows_the_choice_and_every_reason_in_80_columns(
    capsys: pytest.CaptureFixture[str], image: Path
) -> None:
    out, _ = call(capsys, "dtb", image, "--match", "178,0x47,0x8200")
    assert max(map(len, out.splitlines())) <= 80
    assert out.splitlines()[0] == "dt.img: QCDT, 3 entries"
    assert out.splitlines()[3].startswith("*   1    2.0 KiB  platform 0xb2 variant 0x47 soc_rev 0x8200")
    assert "soc_rev lower than 1" in out
    assert "platform 0x7e" in out
    assert out.splitlines()[-1].startswith("take 1: the best for platform 0xb2")


def test_the_document_has_a_row_for_every_candidate(capsys: pytest.CaptureFixture[str], image: Path) -> None:
    out, _ = call(capsys, "--json", "dtb", image, "--match", "178,0x47,0x8200")
    document: dict[str, Any] = json.loads(out)
    assert (document["kind"], document["part"], document["choice"]) == ("QCDT", None, 1)
    rows = document["candidates"]
    assert [row["taken"] for row in rows] == [False, True, False]
    assert [row["offset"] for row in rows] == [0x800, 0x1000, 0x1800]
    assert rows[2]["ids"] == ["platform 0x7e variant 0x47 soc_rev 0x8200"]
    assert rows[2]["reason"] == "platform 0x7e, not 0xb2"


def test_where_none_fits_the_command_refuses_and_shows_why(
    capsys: pytest.CaptureFixture[str], image: Path
) -> None:
    out, err = call(capsys, "dtb", image, "--match", "200,1,1", code=4)
    assert "platform 0xb2" in out
    assert "none is for platform 0xc8" in err
    out, _ = call(capsys, "--json", "dtb", image, "--match", "200,1,1", code=4)
    document = json.loads(out)
    assert document["choice"] is None
    assert len(document["candidates"]) == 3
    assert document["error"]["exit_code"] == 4


def test_the_ids_may_come_from_a_profile(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    kernel = tmp_path / "zImage-dtb"
    trees = [dtb(f"/ {{ qcom,msm-id = <{chip} 0x47 0x8200>; }};") for chip in (178, 126)]
    kernel.write_bytes(zimage() + b"".join(trees))
    out, _ = call(capsys, "--json", "dtb", kernel, "--device", "shamu")
    assert json.loads(out)["choice"] == 0
    _, err = call(capsys, "dtb", kernel, "--device", "virt-arm", code=4)
    assert "ids of virt-arm are not known" in err
    call(capsys, "dtb", kernel, code=2)


def test_a_file_without_a_tree_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "kernel"
    for data in (zimage(), b"text", struct.pack("<4s2I", b"QCDT", 1, 5)):
        path.write_bytes(data)
        _, err = call(capsys, "dtb", path, "--match", "1,2,3", code=3)
        assert err.startswith(f"hardboot: {path}: ")


def test_what_a_table_names_cannot_steer_the_terminal(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "dt.img"
    rows: Rows = [((1, 2, 3), ONE)]
    path.write_bytes(qcdt(0x101, rows, model=b"\x1b[31mred"))
    out, _ = call(capsys, "dtb", path, "--match", "1,2,3")
    assert "\x1b" not in out

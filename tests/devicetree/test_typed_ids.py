"""Board ids as typed after --match, and how they are shown again."""

import pytest

from hardboot import devicetree
from hardboot.base.errors import InputError
from hardboot.devicetree import BoardId

EXAMPLE = (
    "Write it as in the phone's device tree: --match 178,0x47,0x8200, or --match "
    '"msm-id=194,0x10000 board-id=8,0".'
)


@pytest.mark.parametrize(
    ("text", "board", "shown"),
    [
        ("178", BoardId("qcom", 178), "platform 0xb2"),
        ("178,0x47", BoardId("qcom", 178, soc_rev=0x47), "platform 0xb2 soc_rev 0x47"),
        (
            "178,0x47,0x8200",
            BoardId("qcom", 178, 0x47, soc_rev=0x8200),
            "platform 0xb2 variant 0x47 soc_rev 0x8200",
        ),
        (
            "126,150,0x20002,11",
            BoardId("qcom", 126, 150, soc_rev=0x20002, board_rev=11),
            "platform 0x7e variant 0x96 soc_rev 0x20002 board_rev 0xb",
        ),
        (
            "msm-id=194,0x10000 board-id=8,0",
            BoardId("qcom", 194, 8, 0, 0x10000),
            "platform 0xc2 variant 0x8 subtype 0x0 soc_rev 0x10000",
        ),
        (
            "msm-id=194,0x10000 board-id=8,0,15055,0",
            BoardId("qcom", 194, 8, 0, 0x10000, vendor=(15055, 0)),
            "platform 0xc2 variant 0x8 subtype 0x0 soc_rev 0x10000 vendor 0x3acf,0x0",
        ),
        (
            "msm-id=178,1 board-id=8,0 pmic-id=0x2000b,0,0,0 model=quark",
            BoardId("qcom", 178, 8, 0, 1, pmic=(0x2000B, 0, 0, 0), model="quark"),
            "platform 0xb2 variant 0x8 subtype 0x0 soc_rev 0x1 pmic 0x2000b,0x0,0x0,0x0 model quark",
        ),
        ("project-id=271,0,2", BoardId("htc", 271, 0, soc_rev=2), "project 0x10f pcb 0x0 soc_rev 0x2"),
        (
            "sc-id=8830,1,0x20005",
            BoardId("sprd", 8830, 1, soc_rev=0x20005),
            "chip 0x227e platform 0x1 revision 0x20005",
        ),
        ("rev-id=0xf47,2", BoardId("pxa", 0xF47, 2), "chip 0xf47 revision 0x2"),
        ("chip=7870", BoardId("exynos", 7870), "chip 0x1ebe"),
        ("chip=7870 hw-rev=2", BoardId("exynos", 7870, soc_rev=2), "chip 0x1ebe hw_rev 0x2"),
        (
            "chip=7870 hw-rev=2 hw-rev-end=3",
            BoardId("exynos", 7870, soc_rev=2, last_rev=3),
            "chip 0x1ebe hw_rev 0x2-0x3",
        ),
        ("board-id=8,1", BoardId("qcom", None, 8, 1), "variant 0x8 subtype 0x1"),
        ("id=3", BoardId("dt_table", 3), "id 0x3"),
        ("id=1,2", BoardId("dt_table", 1, 2), "id 0x1 rev 0x2"),
        ("0xffffffff", BoardId("qcom", 0xFFFFFFFF), "platform 0xffffffff"),
    ],
)
def test_each_makers_ids_are_read_and_shown_in_its_words(text: str, board: BoardId, shown: str) -> None:
    assert devicetree.typed_phone_ids(text).ids == (board,)
    assert str(board) == shown


def test_one_word_may_hold_several_ids_and_a_model_counts_for_all() -> None:
    found = devicetree.typed_phone_ids("msm-id=217,1,218,1 board-id=8,0 model=fp2 id=7").ids
    assert [(one.scheme, one.platform, one.model) for one in found] == [
        *(("qcom", 217, "fp2"), ("qcom", 218, "fp2"), ("dt_table", 7, "fp2"))
    ]
    twice = devicetree.typed_phone_ids("msm-id=217,1 msm-id=218,1 board-id=8,0").ids
    assert [one.platform for one in twice] == [217, 218]


KNOWN = "msm-id, board-id, pmic-id, project-id, sc-id, rev-id, chip, hw-rev, hw-rev-end, id, model"


@pytest.mark.parametrize(
    ("text", "named", "problem"),
    [
        ("", "", "it names no chip and no board"),
        ("model=quark", "model=quark", "it names no chip and no board"),
        ("1,2,x", "1,2,x", "not a list of numbers separated by commas"),
        ("id=1 178,", "178,", "not a list of numbers separated by commas"),
        ("178,-2", "178,-2", "each number must be at least 0 and below 0x100000000"),
        ("4294967296", "4294967296", "each number must be at least 0 and below 0x100000000"),
        ("colour=1", "colour=1", f"unknown id 'colour'; known ids are {KNOWN}"),
        (
            "msm-id=1,2 board-id=8",
            "board-id=8",
            "board-id needs 2 numbers (VARIANT,SUBTYPE) or 4 (VARIANT,SUBTYPE,PROJECT,HW_REVISION), not 1",
        ),
        *(
            (text, text, "of several chips, each needs 2 numbers (CHIP,REVISION) or more")
            for text in ("178 msm-id=179", "178 179,1", "178,1 179")
        ),
        ("project-id=271", "project-id=271", "project-id needs 3 numbers (PROJECT,PCB,REVISION), not 1"),
        (
            "project-id=1,2,3,4",
            "project-id=1,2,3,4",
            "project-id needs 3 numbers (PROJECT,PCB,REVISION), not 4",
        ),
        ("sc-id=8830,1", "sc-id=8830,1", "sc-id needs 3 numbers (CHIP,PLATFORM,REVISION), not 2"),
        ("rev-id=0xf47", "rev-id=0xf47", "rev-id needs 2 numbers (CHIP,REVISION), not 1"),
        ("178 pmic-id=1,2", "pmic-id=1,2", "pmic-id needs 4 numbers (PMIC,PMIC,PMIC,PMIC), not 2"),
        ("chip=1 hw-rev=1,2", "hw-rev=1,2", "hw-rev needs 1 number (REVISION), not 2"),
        ("id=1,2,3", "id=1,2,3", "id needs 1 number (ID) or 2 (ID,REVISION), not 3"),
        (
            "1,2,3,4,5",
            "1,2,3,4,5",
            "msm-id needs 1 number (CHIP) or 2 (CHIP,REVISION) or 3 (CHIP,VARIANT,REVISION) or 4 "
            "(CHIP,VARIANT,REVISION,BOARD_REVISION), not 5",
        ),
        ("x" * 81, "x" * 80, "not a list of numbers separated by commas"),
    ],
)
def test_malformed_ids_are_refused_with_an_example(text: str, named: str, problem: str) -> None:
    with pytest.raises(InputError) as error:
        devicetree.typed_phone_ids(text)
    assert error.value.what == f"--match {named!r}: {problem}"
    assert (error.value.state, error.value.fix) == ("Nothing was changed.", EXAMPLE)

"""What a person must type if the ids they gave do not tell the trees apart."""

import pytest
from dtb_trees import ONE, TWO, tree
from image_builders import dtbh, pxa, qcdt, sprd

from hardboot import devicetree
from hardboot.formats.trees import fdt

PAIR = "msm-id=CHIP,REVISION board-id=VARIANT,SUBTYPE"
TRIPLES = fdt.build(tree(msm=(178, 0x47, 1))) + fdt.build(tree(msm=(178, 0x48, 1)))
PAIRS = fdt.build(tree(msm=(178, 1), board=(8, 0))) + fdt.build(tree(msm=(178, 1), board=(8, 1)))
CHIPS = fdt.build(tree(msm=(178, 1))) + fdt.build(tree(msm=(178, 2)))
LGE = fdt.build(tree(msm=(126, 150, 1, 10))) + fdt.build(tree(msm=(126, 150, 1, 11)))
PMIC = fdt.build(tree(msm=(178, 1), board=(8, 0), pmic=(1, 0, 0, 0))) + fdt.build(
    tree(msm=(178, 1), board=(8, 0), pmic=(2, 0, 0, 0))
)


@pytest.mark.parametrize(
    ("data", "match", "form"),
    [
        (TRIPLES, "178", "CHIP,VARIANT,REVISION"),
        (TRIPLES, "178,1", "CHIP,VARIANT,REVISION"),
        (TRIPLES, "178,0x49,1", None),
        (TRIPLES, "179", None),
        (CHIPS, "178", "CHIP,REVISION"),
        (PAIRS, "178", PAIR),
        (PAIRS, "178,8,1", PAIR),
        (PAIRS, "msm-id=178,1 board-id=8,2", None),
        (LGE, "126,150,1", "CHIP,VARIANT,REVISION,BOARD_REVISION"),
        (PMIC, "msm-id=178,1 board-id=8,0", f"{PAIR} pmic-id=PMIC,PMIC,PMIC,PMIC"),
        (qcdt(1, [((178, 1, 2), ONE), ((178, 2, 2), TWO)]), "178", "CHIP,VARIANT,REVISION"),
        (qcdt(2, [((178, 1, 0, 2), ONE), ((178, 2, 0, 2), TWO)]), "178", PAIR),
        (qcdt(1, [((271, 0, 2), ONE), ((271, 1, 2), TWO)]), "project-id=271,3,2", None),
        (sprd([((8830, 1, 2), ONE), ((8830, 2, 2), TWO)]), "sc-id=8830,3,2", None),
        (pxa(b"PXA-DT", [((0xF47, 1), ONE), ((0xF47, 2), TWO)]), "rev-id=0xf47,3", None),
        (
            dtbh([((7870, 1, 2, 0, 1), ONE), ((7870, 1, 2, 2, 3), TWO)]),
            "chip=7870",
            "chip=CHIP hw-rev=REVISION",
        ),
        (dtbh([((7870, 1, 2, 0, 1), ONE), ((7870, 1, 2, 2, 3), TWO)]), "chip=7870 hw-rev=4", None),
    ],
)
def test_the_form_has_all_that_the_fitting_trees_state(data: bytes, match: str, form: str | None) -> None:
    found = devicetree.find_trees(data)
    assert found is not None
    phone = devicetree.typed_phone_ids(match)
    assert devicetree.match(found.candidates, phone).index is None
    assert devicetree.needed_form(found.candidates, phone) == form


def test_a_damaged_tree_needs_nothing() -> None:
    found = devicetree.find_trees(fdt.build(tree(msm=(1,))) + TRIPLES)
    assert found is not None
    phone = devicetree.typed_phone_ids("178")
    assert devicetree.needed_form(found.candidates, phone) == "CHIP,VARIANT,REVISION"

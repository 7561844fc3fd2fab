"""Every rule about places tells the nearest placement that works, and it does work."""

import re

import pytest
from layout_rules import PLACE_CASES, PlaceCase

from hardboot import layout
from hardboot.layout import BrokenRuleError

# What no other place can cure: sizes, counts and contents.
NO_PLACE = {"cmdline-length", "segment-count", "data-fits", "one-magic", "half-of-ram", "buffer-size"}


def test_every_rule_about_places_is_here() -> None:
    assert {case.rule for case in PLACE_CASES} == set(layout.RULES) - NO_PLACE


@pytest.mark.parametrize("case", PLACE_CASES, ids=lambda case: case.name)
def test_the_nearest_placement_is_named_and_works(case: PlaceCase) -> None:
    with pytest.raises(BrokenRuleError) as error:
        layout.check(case.constraints(), case.segments(case.wrong))
    found = re.search(r"; the nearest placement that works: (\w+) at (0x[0-9a-f]+)$", error.value.what)
    assert found, error.value.what
    name = {"zImage": "kernel", "Image": "kernel", "atags": "dtb"}.get(found[1], found[1])
    better = case.wrong | {name: int(found[2], 16)}
    assert layout.violations(case.constraints(), case.segments(better)) == []

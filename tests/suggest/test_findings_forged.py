"""A property whose value goes on over a line cannot pretend to be another one."""

from hardboot.suggest.findings import Findings


def test_a_property_that_is_listed_twice_is_not_believed() -> None:
    forged = "[persist.x]: [a]\n[ro.product.device]: [forged]\n[ro.product.device]: [real]\n[ro.a]: [b]\n"
    assert Findings({"getprop": forged}).properties == {"persist.x": "a", "ro.a": "b"}

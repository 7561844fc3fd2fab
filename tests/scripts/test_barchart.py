"""The bar chart in docs/benchmarks.md."""

from xml.etree import ElementTree

import barchart
import pytest


def test_the_chart_is_an_svg_with_bars_to_scale() -> None:
    bars = [("<slow>", "4 s", [("a", 1.0), ("b", 3.0)]), ("quick", "1 s", [("b", 1.0)]), ("none", "", [])]
    text = barchart.svg("A & B", bars, "s")
    root = ElementTree.fromstring(text)
    space = "{http://www.w3.org/2000/svg}"
    widths = [float(group[0].attrib["width"]) for group in root.iter(f"{space}g")]
    assert widths[1] == pytest.approx(3 * widths[0], abs=0.02)
    assert widths[2] == pytest.approx(widths[0], abs=0.02)
    assert [one.text for one in root.iter(f"{space}text")][:3] == ["A & B", "<slow>", "4 s"]
    assert "@import" not in text
    assert "href" not in text
    barchart.svg("nothing", [], "s")

"""The bar chart in docs/benchmarks.md."""

import json
from xml.etree import ElementTree

import barchart
import bench_restart
import pytest

SPACE = "{http://www.w3.org/2000/svg}"
LONG = "a very long name of something that was measured"
CHARTS = {
    "long remarks": barchart.svg(
        "A & B", [("full reboot", "123.45 s, ratio 10.00, the slowest", [("a", 1)])], "s"
    ),
    "long names": barchart.svg(
        "x", [("soft kexec without a reset", "1 s", [(LONG, 1.0), (LONG + "2", 2.0)])], "s"
    ),
    "long title": barchart.svg(f"{LONG}: {LONG}, {LONG}", [("a", "b", [("c", 1.0)])], "s"),
    "many pieces": barchart.svg("x", [("a", "b", [(f"piece number {one}", 1.0) for one in range(20)])], "s"),
    "measured": bench_restart.CHART.read_text(),
}


def extents(chart: str) -> list[tuple[str, float, float]]:
    """Return each text with its left and right edge, if its characters are as wide as in DejaVu Sans."""
    found = []
    for one in ElementTree.fromstring(chart).iter(f"{SPACE}text"):
        text, left = one.text or "", float(one.attrib["x"])
        width = len(text) * (10.4 if one.get("class") == "title" else 7.4)
        left -= width if one.get("class") == "right" else 0
        found.append((text, left, left + width))
    return found


def test_the_chart_is_an_svg_with_bars_to_scale() -> None:
    bars = [("<slow>", "4 s", [("a", 1.0), ("b", 3.0)]), ("quick", "1 s", [("b", 1.0)]), ("none", "", [])]
    text = barchart.svg("A & B", bars, "s")
    root = ElementTree.fromstring(text)
    widths = [float(group[0].attrib["width"]) for group in root.iter(f"{SPACE}g")]
    assert widths[1] == pytest.approx(3 * widths[0], abs=0.02)
    assert widths[2] == pytest.approx(widths[0], abs=0.02)
    assert [one.text for one in root.iter(f"{SPACE}text")][:3] == ["A & B", "<slow>", "4 s"]
    assert "@import" not in text
    assert "href" not in text
    barchart.svg("nothing", [], "s")


@pytest.mark.parametrize("name", CHARTS)
def test_nothing_is_clipped(name: str) -> None:
    root = ElementTree.fromstring(CHARTS[name])
    height = float(root.attrib["height"])
    for text, left, right in extents(CHARTS[name]):
        assert left >= 0, text
        assert right <= barchart.WIDTH, text
    for one in root.iter(f"{SPACE}rect"):
        assert float(one.attrib.get("x", 0)) + float(one.attrib["width"]) <= barchart.WIDTH
        assert float(one.attrib["width"]) >= 0
    assert all(float(one.attrib["y"]) < height for one in root.iter(f"{SPACE}text"))


def test_the_chart_of_the_measured_times_is_drawn_from_its_figures() -> None:
    document = json.loads(bench_restart.FIGURES.read_text())
    assert bench_restart.CHART.read_text() == bench_restart.chart(document)
    page = (bench_restart.CHART.parent / "benchmarks.md").read_text()
    assert all(row in page for row in bench_restart.rows(document))


def test_soft_kexec_has_no_reset() -> None:
    document = json.loads(bench_restart.FIGURES.read_text())
    phases = {run["way"]: set(run["phases"]) for run in document["runs"]}
    assert "reset" in phases["hardboot"] & phases["reboot"]
    assert phases["soft"] == {"quiesce", "kexec", "kernel", "userland"}

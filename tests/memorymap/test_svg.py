"""The picture as SVG: to scale, labelled, self-contained."""

import re
from xml.etree import ElementTree

import pytest
from pictures import virtual_phone

from hardboot import memorymap


def test_shapes_of_the_svg_are_to_scale_and_labelled() -> None:
    picture = virtual_phone()
    root = ElementTree.fromstring(memorymap.svg(picture, "rom.img on virt-arm"))
    ns = "{http://www.w3.org/2000/svg}"
    bars = list(root.iter(f"{ns}g"))
    shapes = [(shape, panel.span) for panel in picture.panels for shape in panel.shapes]
    labels = [one.text or "" for one in root.iter(f"{ns}text")]
    left, size = 336, 1104 - 336
    for bar, (shape, span) in zip(bars, shapes, strict=True):
        rect, title = bar[0], bar[1]
        x, width = float(rect.attrib["x"]), float(rect.attrib["width"])
        start = left + (shape.range.start - span.start) * size / span.size
        end = left + (shape.range.end - span.start) * size / span.size
        assert abs(x - start) <= 3
        assert abs(x + width - end) <= 3
        assert width >= 3
        assert left <= x
        assert x + width <= left + size + 0.01
        assert title.text == f"{shape.range}, {shape.kind.value}"
        assert shape.range.name in labels
    assert root.attrib["viewBox"] == f"0 0 {root.attrib['width']} {root.attrib['height']}"
    assert max(float(one.attrib["y"]) for one in root.iter(f"{ns}text")) < float(root.attrib["height"])


def test_the_svg_is_self_contained_and_has_colours_for_light_and_dark() -> None:
    document = memorymap.svg(virtual_phone(), "x")
    assert "prefers-color-scheme: dark" in document
    assert re.findall(r"@import|url\(|href|<script", document) == []


@pytest.mark.parametrize("title", ["rom.img on virt-arm", "a-very-long-name-of-a-rom " * 9 + "on virt-arm"])
def test_no_text_of_the_svg_is_clipped(title: str) -> None:
    root = ElementTree.fromstring(memorymap.svg(virtual_phone(), title))
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for one in root.iter("{http://www.w3.org/2000/svg}text"):
        text, at, kind = one.text or "", float(one.attrib["x"]), one.get("class", "").split()
        size = len(text) * (9.7 if "title" in kind else 7.3)  # of DejaVu Sans Mono
        left = at - (size if {"left", "size"} & {*kind} else size / 2 if "middle" in kind else 0)
        assert left >= 0, text
        assert left + size <= width, text
        assert float(one.attrib["y"]) < height

"""Any plan is drawn whole, within its width, and safe whatever a name holds."""

import re
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import HOSTILE, RAM, plan, text

from hardboot import memorymap
from hardboot.base.memory import Range
from hardboot.layout import Extent, ExtentKind

ranges = st.builds(
    lambda start, size, name: Range.sized(start, size, name),
    st.integers(0, 1 << 34),
    st.one_of(st.integers(1, 1 << 13), st.integers(1, 1 << 32)),
    st.sampled_from([HOSTILE, "n" * 300]) | st.text(max_size=60),
)
extents = st.builds(
    lambda item, kind: Extent(Range(item.start, item.end), kind, item.name),
    ranges,
    st.sampled_from(ExtentKind),
)


@settings(max_examples=60)
@given(
    st.lists(ranges, max_size=3),
    st.lists(extents, max_size=12),
    st.lists(ranges, min_size=1, max_size=3),
    st.integers(20, 200),
    st.booleans(),
)
def test_any_plan_is_drawn_whole_and_within_the_width(
    segments: list[Range], extents: list[Extent], banks: list[Range], width: int, unicode: bool
) -> None:
    picture = memorymap.draw(plan(segments, extents), banks=banks)
    lines = text(picture, width, unicode=unicode)
    assert max(map(len, lines)) <= max(width, 60)
    assert all(line.isprintable() for line in lines)
    whole = "\n".join(lines)
    document = memorymap.svg(picture, HOSTILE)
    root = ElementTree.fromstring(document)
    for one in [*segments, *(one.range for one in extents), *banks]:
        assert f"{one.start:#010x}-{one.end:#010x}" in whole
        assert f"{one.start:#010x}-{one.end:#010x}" in document
    assert {one.tag.rpartition("}")[2] for one in root.iter()} <= {
        "svg",
        "title",
        "style",
        "rect",
        "text",
        "g",
    }
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202e\ud800-\udfff]", document)


def test_a_name_from_an_image_is_escaped() -> None:
    picture = memorymap.draw(
        plan([], [Extent(Range(0x40000000, 0x41000000), ExtentKind.RESERVED, HOSTILE)]), banks=[RAM]
    )
    shown = "".join(text(picture, 140))
    assert "\\x1b]0;x\\x07[bold]\\u202eü\\ud800&\\u65e5\\u672c" in shown
    root = ElementTree.fromstring(memorymap.svg(picture, "x"))
    assert memorymap.visible(HOSTILE) in [one.text for one in root.iter()]

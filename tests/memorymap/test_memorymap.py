"""The picture of a plan: to scale, complete, within its width, and safe whatever a name holds."""

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardboot import memorymap
from hardboot.base.memory import Range
from hardboot.layout import BootPlan, Extent, ExtentKind, Segment
from hardboot.memorymap import Kind, MemoryMap

MIB = 1 << 20
RAM = Range(0x40000000, 0x80000000, "bank0")
HOSTILE = "</text><script>\x1b]0;x\x07[bold]\u202eü\ud800&日本"


def plan(segments: list[Range], extents: list[Extent]) -> BootPlan:
    return BootPlan(
        segments=tuple(Segment(one.name, one.start, b"", one.size) for one in segments),
        entry=0,
        dtb_addr=0,
        initrd=None,
        cmdline="",
        flag=4,
        extents=tuple(extents),
        complete=True,
        notes=(),
    )


def hardboot_page(start: int) -> Extent:
    return Extent(Range.sized(start, 0x1000), ExtentKind.HARDBOOT_PAGE)


def below(mem_min: int) -> Extent:
    return Extent(Range(RAM.start, mem_min), ExtentKind.BELOW_MEM_MIN)


def virtual_phone() -> MemoryMap:
    """A plan as the planner makes it, with each kind of shape."""
    segments = [Range(0x44200000, 0x44733000, "zImage"), Range(0x44800000, 0x45000000, "initrd")]
    extents = [
        Extent(Range(0x40203000, 0x41AEC2B4), ExtentKind.UNPACKED_KERNEL, "zImage"),
        Extent(Range(0x43000000, 0x44000000), ExtentKind.BOOTLOADER, "ramdisk-load"),
        Extent(Range(0x44000000, 0x44001000), ExtentKind.HARDBOOT_PAGE),
        Extent(Range(0x44100000, 0x44200000), ExtentKind.RESERVED, "ramoops"),
        Extent(Range(0x44733000, 0x44745000), ExtentKind.HEAP, "zImage"),
        Extent(Range(0x7DDE7000, 0x80000000), ExtentKind.BOOTLOADER, "u-boot"),
    ]
    host = [Range(0x40300000, 0x41300000, "Kernel code")]
    return memorymap.draw(plan(segments, extents), banks=[RAM], host=host)


def text(picture: MemoryMap, width: int = 80, *, unicode: bool = True) -> list[str]:
    return [
        "".join(piece for piece, _ in line) for line in memorymap.lines(picture, width=width, unicode=unicode)
    ]


def drawn(line: memorymap.Line) -> tuple[int, int]:
    """Where in its track the bar of a row begins and ends, characters."""
    edge = next(at for at, (piece, _) in enumerate(line) if piece == "│")
    at = next(at for at, (_, kind) in enumerate(line) if kind)
    start = sum(len(piece) for piece, _ in line[edge + 1 : at])
    return start, start + len(line[at][0])


def rows(picture: MemoryMap, width: int) -> list[tuple[Range, Range, memorymap.Line]]:
    """The range, the panel's span and the line of every row with a bar."""
    lines = memorymap.lines(picture, width=width, unicode=True)
    bars = [line for line in lines if line and line[0][0].startswith("0x") and any(kind for _, kind in line)]
    shapes = [(shape.range, panel.span) for panel in picture.panels for shape in panel.shapes]
    return [(one, span, line) for (one, span), line in zip(shapes, bars, strict=True)]


def test_every_extent_is_named_with_its_addresses_and_its_kind() -> None:
    lines = memorymap.lines(virtual_phone(), width=80, unicode=True)
    found = {}
    for line in lines:
        if line and line[0][0].startswith("0x"):
            words = " ".join("".join(piece for piece, kind in line[1:] if not kind).split())
            found[line[0][0].split()[0]] = (words.strip("│ "), next(kind for _, kind in line if kind))
    assert found["0x40203000-0x41aec2b4"] == ("unpacked kernel", Kind.WORK)
    assert found["0x40300000-0x41300000"] == ("Kernel code", Kind.HOST)
    assert found["0x43000000-0x44000000"] == ("ramdisk-load", Kind.BOOTLOADER)
    assert found["0x44000000-0x44001000"] == ("hardboot page", Kind.PAGE)
    assert found["0x44100000-0x44200000"] == ("ramoops", Kind.RESERVED)
    assert found["0x44200000-0x44733000"] == ("zImage", Kind.LOADED)
    assert found["0x44733000-0x44745000"] == ("heap of the running zImage", Kind.WORK)
    assert found["0x44800000-0x45000000"] == ("initrd", Kind.LOADED)
    assert found["0x7dde7000-0x80000000"] == ("u-boot", Kind.BOOTLOADER)
    assert found["0x40000000-0x45000000"] == ("window A", Kind.WINDOW)
    assert "bank0" in "".join(text(virtual_phone()))
    assert len(found) == 11


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_bars_are_to_scale_within_a_character(width: int) -> None:
    for item, span, line in rows(virtual_phone(), width):
        start, end = drawn(line)
        track = sum(len(piece) for piece, _ in line[2:-1])
        assert abs(start - (item.start - span.start) * track / span.size) <= 1
        assert abs(end - (item.end - span.start) * track / span.size) <= 1
        assert end > start


def test_a_page_in_a_gigabyte_is_seen_without_a_window() -> None:
    page = hardboot_page(0x7FFFF000)
    picture = memorymap.draw(plan([Range(0x40000000, 0x40001000, "zImage")], [page]), banks=[RAM])
    assert len(picture.panels) == 1
    assert text(picture)[2] == f"0x40000000-0x40001000    4.0 KiB │{'█ zImage':<45}│"
    assert text(picture)[3] == f"0x7ffff000-0x80000000    4.0 KiB │{'hardboot page ◆':>45}│"


def test_what_is_spread_over_all_ram_is_drawn_in_the_overview() -> None:
    extents = [
        Extent(Range.sized(RAM.start + at * 50 * MIB, MIB), ExtentKind.RESERVED, f"part{at}")
        for at in range(20)
    ]
    picture = memorymap.draw(plan([], extents), banks=[RAM])
    assert [[one.range.name for one in panel.shapes] for panel in picture.panels] == [
        ["bank0", *(one.name for one in extents)]
    ]


def test_what_clashes_is_marked_in_both_rows_and_told() -> None:
    segments = [Range(0x40000000, 0x48000000, "zImage"), Range(0x46000000, 0x50000000, "initrd")]
    picture = memorymap.draw(plan(segments, [hardboot_page(0x47000000)]), banks=[RAM])
    assert [str(one) for one in picture.overlaps] == [
        "zImage and initrd overlap at 0x46000000-0x48000000 (32.0 MiB)",
        "zImage and hardboot page overlap at 0x47000000-0x47001000 (4.0 KiB)",
        "initrd and hardboot page overlap at 0x47000000-0x47001000 (4.0 KiB)",
    ]
    lines = text(picture)
    assert next(line for line in lines if " zImage" in line).count("X") == 2
    assert next(line for line in lines if " initrd" in line).count("X") == 2
    assert next(line for line in lines if " hardboot page" in line).count("X") == 1
    assert any("XX overlap" in line for line in lines)
    assert memorymap.svg(picture, "x").count('class="over"') == 1 + 2 + 2 + 2


def test_what_is_used_one_after_the_other_does_not_clash() -> None:
    work = Extent(Range(0x40000000, 0x42000000), ExtentKind.UNPACKED_KERNEL, "zImage")
    lost = Extent(Range(0x41000000, 0x41100000), ExtentKind.BOOTLOADER, "header-load")
    host = Range(0x40000000, 0x41000000, "Kernel code")
    picture = memorymap.draw(plan([], [work, lost]), banks=[RAM], host=[host])
    assert picture.overlaps == ()
    assert len(memorymap.draw(plan([], [work, hardboot_page(0x41FFF000)]), banks=[RAM]).overlaps) == 1


def test_what_the_host_kernel_moves_may_lie_in_a_boot_splash() -> None:
    splash = Extent(Range(0x43200000, 0x45000000), ExtentKind.RESERVED, "framebuffer")
    moved = Extent(Range(0x43208000, 0x43C00000), ExtentKind.MOVED_SEGMENT, "zImage")
    heap = Extent(Range(0x43C00000, 0x43C12000), ExtentKind.HEAP, "zImage")
    assert memorymap.draw(plan([], [splash, moved, heap]), banks=[RAM]).overlaps == ()
    into = Extent(Range(0x43100000, 0x43300000), ExtentKind.MOVED_SEGMENT, "zImage")  # it begins outside
    assert len(memorymap.draw(plan([], [splash, into]), banks=[RAM]).overlaps) == 1


def test_a_page_may_lie_below_mem_min_but_not_in_what_the_bootloader_is_known_to_overwrite() -> None:
    page = hardboot_page(0x44000000)
    assert memorymap.draw(plan([], [page, below(0x50000000)]), banks=[RAM]).overlaps == ()
    lost = Extent(Range(0x43000000, 0x45000000), ExtentKind.BOOTLOADER, "erased")
    assert len(memorymap.draw(plan([], [page, lost]), banks=[RAM]).overlaps) == 1


def test_the_bss_of_an_arm64_kernel_is_used_while_it_starts() -> None:
    picture = memorymap.draw(
        plan([], [Extent(Range(0x44000000, 0x44100000), ExtentKind.BSS, "Image")]), banks=[RAM]
    )
    assert Kind.WORK in picture.kinds()


def test_ram_below_mem_min_is_drawn_as_lost() -> None:
    segment = Range(0x50000000, 0x50100000, "zImage")
    picture = memorymap.draw(plan([segment], [below(0x50000000)]), banks=[RAM])
    assert picture.overlaps == ()
    lost = next(one for one in picture.panels[0].shapes if one.kind is Kind.BOOTLOADER)
    assert (lost.range.start, lost.range.end) == (0x40000000, 0x50000000)
    assert len(memorymap.draw(plan([segment], [below(0x50001000)]), banks=[RAM]).overlaps) == 1


def test_without_unicode_only_ascii_is_drawn() -> None:
    lines = text(virtual_phone(), unicode=False)
    assert "".join(lines).isascii()
    assert [len(line) for line in lines] == [len(line) for line in text(virtual_phone())]
    assert any("zImage ###" in line for line in lines)


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


@settings(deadline=None, max_examples=60)
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


def test_the_svg_needs_nothing_else_and_has_colours_for_light_and_dark() -> None:
    document = memorymap.svg(virtual_phone(), "x")
    assert "prefers-color-scheme: dark" in document
    assert re.findall(r"@import|url\(|href|<script", document) == []


def test_a_name_from_an_image_is_text_and_nothing_else() -> None:
    picture = memorymap.draw(
        plan([], [Extent(Range(0x40000000, 0x41000000), ExtentKind.RESERVED, HOSTILE)]), banks=[RAM]
    )
    shown = "".join(text(picture, 140))
    assert "\\x1b]0;x\\x07[bold]\\u202eü\\ud800&\\u65e5\\u672c" in shown
    root = ElementTree.fromstring(memorymap.svg(picture, "x"))
    assert memorymap.visible(HOSTILE) in [one.text for one in root.iter()]

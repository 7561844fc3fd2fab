"""The picture in a terminal: to scale, named, within its width."""

import pytest
from pictures import RAM, hardboot_page, plan, text, virtual_phone

from hardboot import memorymap
from hardboot.base.memory import Range
from hardboot.memorymap import Kind, MemoryMap


def drawn(line: memorymap.Line) -> tuple[int, int]:
    """Return where in its track the bar of a row begins and ends, in characters."""
    edge = next(at for at, (piece, _) in enumerate(line) if piece == "│")
    at = next(at for at, (_, kind) in enumerate(line) if kind)
    start = sum(len(piece) for piece, _ in line[edge + 1 : at])
    return start, start + len(line[at][0])


def rows(picture: MemoryMap, width: int) -> list[tuple[Range, Range, memorymap.Line]]:
    """Return the range, the panel's span and the line of every row with a bar."""
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
    assert found["0x44733000-0x44745000"] == ("zImage heap", Kind.WORK)
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


def test_without_unicode_only_ascii_is_drawn() -> None:
    lines = text(virtual_phone(), unicode=False)
    assert "".join(lines).isascii()
    assert [len(line) for line in lines] == [len(line) for line in text(virtual_phone())]
    assert any("zImage ###" in line for line in lines)
